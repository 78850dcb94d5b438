import { execFileSync, spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'
import { freePort } from './ray.js'

const feastVersion = '0.67.0'
const folder = join(interopFolder, '../interop-feast')
/** Named for the version, and made last: an older one is not taken for it. */
const done = join(folder, `feast-${feastVersion}`)
const bin = join(folder, 'bin')

/** The Python with Feast; `undefined` if it is not installed. */
export const feastPython = (): string | undefined => (existsSync(done) ? join(bin, 'python') : undefined)

/** @returns in words why Feast cannot be installed. */
export function setUpFeast(): string | undefined {
  if (feastPython() !== undefined) return undefined
  rmSync(folder, { recursive: true, force: true })
  const python = join(bin, 'python')
  try {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' })
    execFileSync(python, ['-m', 'pip', 'install', '--no-input', '--retries', '1', `feast==${feastVersion}`], {
      stdio: 'ignore',
    })
    execFileSync(python, ['-c', `import feast; open(${JSON.stringify(done)}, "w")`], { stdio: 'ignore' })
    return undefined
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    return `Feast cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
}

/** Runs feast_store.py on JSON, and gives the JSON in its last line. */
export function askFeast(question: unknown): unknown {
  // Isolated: modules of this folder have the names of modules of Python.
  const answer = execFileSync(feastPython()!, ['-I', join(import.meta.dirname, 'feast_store.py')], {
    input: JSON.stringify(question),
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, FEAST_USAGE: 'False' },
  })
  return JSON.parse(answer.trim().split('\n').at(-1)!)
}

export interface FeastServer {
  readonly url: string
  stop(): Promise<void>
}

/** `feast serve` for the repository in a folder, on 127.0.0.1. */
export async function startFeast(repository: string): Promise<FeastServer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const parts = ['-m', 'feast.cli.cli', '-c', repository, 'serve', '--host', '127.0.0.1', '--port', String(port)]
  const child = spawn(feastPython()!, parts, {
    env: { ...process.env, FEAST_USAGE: 'False' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (said += piece))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async () => {
    // The server has workers of its own.
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM')
    await ended
  }
  while (child.exitCode === null) {
    const answer = await fetch(`${url}/health`).catch(() => undefined)
    if (answer?.ok) return { url, stop }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await stop()
  throw new Error(`Feast did not start: ${said}`)
}
