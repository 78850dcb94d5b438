// Redis and PostgreSQL for the tests of clusters.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { redisProgram } from '../../examples/cluster/redis-server.js'

export interface QueueServer {
  readonly url: string
  /** Sends a signal to the server, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void
  /** Ends the server. */
  stop(): Promise<void>
  /** Starts it again at the same address. */
  start(): Promise<void>
  /** Ends the server and removes its files. */
  dispose(): Promise<void>
}

/** A certificate for 127.0.0.1, which signs itself, and its key. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
}

/** Makes a certificate in the folder. @returns why it cannot, instead. */
export function makeCertificate(folder: string): Certificate | string {
  const [certificate, key] = [join(folder, 'server.crt'), join(folder, 'server.key')]
  const { error, status, stderr } = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=loopback', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
    ],
    { encoding: 'utf8' },
  )
  if (error !== undefined) return `openssl cannot be run (${error.message})`
  return status === 0 ? { certificate, key } : `openssl failed: ${stderr.trim().split('\n').at(-1)}`
}

/** A Redis on loopback, in a folder of its own. It keeps nothing over a restart, unless `isKept`. With `tls`, only by TLS. */
export async function startRedis({
  password,
  isKept = false,
  tls,
}: {
  readonly password?: string
  readonly isKept?: boolean
  readonly tls?: Certificate
} = {}) {
  const { path, env } = redisProgram()!
  const own = await mkdtemp(join(tmpdir(), 'sheikh-redis-'))
  const port = await freePort()
  const parts = [
    tls === undefined ? '--port' : '--tls-port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    own,
    '--save',
    '',
  ]
  if (tls !== undefined)
    parts.push(
      ...['--port', '0', '--tls-cert-file', tls.certificate, '--tls-key-file', tls.key],
      ...['--tls-ca-cert-file', tls.certificate, '--tls-auth-clients', 'no'],
    )
  parts.push('--appendonly', isKept ? 'yes' : 'no', ...(password === undefined ? [] : ['--requirepass', password]))
  return serverOf({
    url: `${tls === undefined ? 'redis' : 'rediss'}://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
    ...{ port, folder: own },
    start: () => spawn(path, parts, { env, stdio: 'ignore' }),
    end: 'SIGTERM',
  })
}

interface Postgres {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** PostgreSQL does not run as root. */
  readonly user: { readonly uid?: number; readonly gid?: number }
}

const nobody = 65_534

/** The programs of PostgreSQL: in the path, or where Debian puts them; `undefined` if there are none. */
export function postgresPrograms(): Postgres | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : []
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    ...versions.map((name) => `/usr/lib/postgresql/${name}/bin`),
  ]
  const found = folders.find((name) => existsSync(join(name, 'initdb')) && existsSync(join(name, 'postgres')))
  if (found === undefined) return undefined
  const user = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}
  return { folder: found, env: { ...process.env, LC_ALL: 'C' }, user }
}

/** A PostgreSQL on loopback, with a database of its own, whose user has a password. With `tls`, it also accepts TLS. */
export async function startPostgres({ tls }: { readonly tls?: Certificate } = {}): Promise<QueueServer> {
  const { folder: programs, env, user } = postgresPrograms()!
  const own = await mkdtemp(join(tmpdir(), 'sheikh-postgres-'))
  if (user.uid !== undefined) await chown(own, nobody, nobody)
  const [port, data, password] = [await freePort(), join(own, 'data'), join(own, 'password')]
  await writeFile(password, 'right-password\n', { mode: 0o644 })
  const parts = ['--pgdata', data, '--username', 'sheikh', '--auth', 'scram-sha-256', '--pwfile', password, '--no-sync']
  const { status, stderr } = spawnSync(join(programs, 'initdb'), parts, { env, ...user, encoding: 'utf8', cwd: '/' })
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`)
  const settings = ['-D', data, '-p', `${port}`, '-k', own, '-c', 'listen_addresses=127.0.0.1']
  if (tls !== undefined) {
    // The server refuses a key that another user owns.
    const key = join(own, 'server.key')
    await copyFile(tls.key, key)
    await chmod(key, 0o600)
    if (user.uid !== undefined) await chown(key, nobody, nobody)
    settings.push('-c', 'ssl=on', '-c', `ssl_cert_file=${tls.certificate}`, '-c', `ssl_key_file=${key}`)
  }
  return serverOf({
    url: `postgres://sheikh:right-password@127.0.0.1:${port}/postgres`,
    ...{ port, folder: own },
    start: () => spawn(join(programs, 'postgres'), settings, { env, ...user, stdio: 'ignore', cwd: '/' }),
    end: 'SIGINT',
  })
}

interface ServerParts {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly start: () => ChildProcess
  readonly end: NodeJS.Signals
}

export async function serverOf({ url, port, folder: own, start, end }: ServerParts): Promise<QueueServer> {
  let child: ChildProcess | undefined
  const server: QueueServer = {
    url,
    signal: (signal) => void child?.kill(signal),
    async stop() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill(end)
      await ended
    },
    async start() {
      child = start()
      for (let isOpen = false; !isOpen; isOpen = await answers(port)) {
        if (child.exitCode !== null) throw new Error(`The server at ${port} ended with ${child.exitCode}.`)
        await setTimeout(50)
      }
    },
    async dispose() {
      await server.stop()
      await rm(own, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

export const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
