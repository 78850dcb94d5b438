// Finds a Redis on this machine, or unpacks Debian's packages without root.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../node_modules/.cache/queue-servers')
// On Debian 12 the program is in redis-tools.
const packages = ['redis-tools', 'redis-server', 'libjemalloc2', 'liblzf1', 'libatomic1']

interface Program {
  readonly path: string
  readonly env: NodeJS.ProcessEnv
}

/** `undefined` if there is none. */
export function redisProgram(): Program | undefined {
  const works = ({ path, env }: Program) => spawnSync(path, ['--version'], { env }).status === 0
  const own = { path: 'redis-server', env: process.env }
  if (works(own)) return own
  const unpacked = join(folder, 'redis')
  if (!existsSync(unpacked)) return undefined
  const libraries = readdirSync(join(unpacked, 'usr/lib')).map((name) => join(unpacked, 'usr/lib', name))
  const program = {
    path: join(unpacked, 'usr/bin/redis-server'),
    env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') },
  }
  return works(program) ? program : undefined
}

/** @returns why there is no Redis. */
export function setUpRedis(): string | undefined {
  if (redisProgram() !== undefined) return undefined
  const target = join(folder, 'redis')
  const unpacking = `${target}.${process.pid}`
  mkdirSync(unpacking, { recursive: true })
  try {
    const failed =
      run(unpacking, 'apt-get', 'download', ...packages) ??
      readdirSync(unpacking)
        .filter((name) => name.endsWith('.deb'))
        .map((name) => run(unpacking, 'dpkg', '-x', name, '.'))
        .find((problem) => problem !== undefined)
    if (failed !== undefined) return `there is no redis-server, and ${failed}`
    rmSync(target, { recursive: true, force: true })
    renameSync(unpacking, target)
  } finally {
    rmSync(unpacking, { recursive: true, force: true })
  }
  return redisProgram() === undefined ? 'the redis-server of the packages does not run here' : undefined
}

function run(cwd: string, command: string, ...parts: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(command, parts, { cwd, encoding: 'utf8', timeout: 300_000 })
  if (error !== undefined) return `${command} cannot be run (${error.message})`
  return status === 0 ? undefined : `"${command} ${parts[0]}" failed: ${stderr.trim().split('\n').at(-1)}`
}
