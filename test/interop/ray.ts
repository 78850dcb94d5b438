import { execFileSync, spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interopFolder } from './python.js'

export const rayVersion = '2.60.0'
const folder = join(interopFolder, '../interop-ray')
/** Named for the version, and made last: an older one is not taken for it. */
const done = join(folder, `ray-${rayVersion}`)
const bin = join(folder, 'bin')

/** The folder with the programs of Ray; `undefined` where it is not installed. */
export const rayPrograms = (): string | undefined => (existsSync(done) ? bin : undefined)

/** @returns in words why it cannot be had. */
export function setUpRay(): string | undefined {
  if (rayPrograms() !== undefined) return undefined
  rmSync(folder, { recursive: true, force: true })
  const python = join(bin, 'python')
  try {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' })
    execFileSync(python, ['-m', 'pip', 'install', '--no-input', '--retries', '1', `ray[default]==${rayVersion}`], {
      stdio: 'ignore',
    })
    execFileSync(python, ['-c', `import ray; open(${JSON.stringify(done)}, "w")`], { stdio: 'ignore' })
    return undefined
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    return `Ray cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
}

export interface RayHead {
  /** For `RAY_API_SERVER_ADDRESS`. */
  readonly address: string
  stop(): Promise<void>
}

/** A cluster of one node on 127.0.0.1. */
export async function startRay(): Promise<RayHead> {
  // Short: paths of sockets below it have 107 bytes at most.
  const temporary = await mkdtemp(join(tmpdir(), 'ray-'))
  const [port, dashboardPort] = [await freePort(), await freePort()]
  const address = `http://127.0.0.1:${dashboardPort}`
  const parts = ['start', '--head', '--block', '--node-ip-address', '127.0.0.1', '--port', String(port)]
  const dashboard = ['--dashboard-host', '127.0.0.1', '--dashboard-port', String(dashboardPort)]
  const small = ['--num-cpus', '2', '--object-store-memory', '100000000', '--disable-usage-stats']
  const child = spawn(join(bin, 'ray'), [...parts, ...dashboard, ...small, '--temp-dir', temporary], {
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, RAY_USAGE_STATS_ENABLED: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (said += piece))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    await rm(temporary, { recursive: true, force: true, maxRetries: 5 })
  }
  while (child.exitCode === null) {
    const answer = await fetch(`${address}/api/version`).catch(() => undefined)
    if (answer?.ok) return { address, stop }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await stop()
  throw new Error(`Ray did not start: ${said}`)
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
