import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { EnvironmentVariables } from '../git/index.js'

export interface ChildRun {
  /** The lines of the error output, until the process ends. */
  readonly lines: AsyncIterable<string>
  /** The end of the process. Does not reject. */
  readonly ended: Promise<ChildEnd>
  /** Aborts the run, if it has not ended. */
  readonly stop: () => void
}

export interface ChildEnd {
  /** `null` if a signal killed the process, or if it could not be started. */
  readonly exitCode: number | null
  /** What the process printed on its output: one line of JSON. */
  readonly output: string
  /** Why there is no exit code. */
  readonly fault?: string | undefined
}

// The end of the output is read for this long after the process has ended.
const lastOutputMs = 5000

/**
 * Runs the command line in a process of its own: it loads `sheikh.config.ts` as it is now, which a module cache would prevent
 * here, and its memory is free afterwards.
 *
 * An abort closes the channel between the two processes, and the run then ends as by SIGTERM. The channel also closes if this
 * process is killed. A signal would not do: a service manager or a terminal may send one to both processes, and the second one
 * ends a run at once.
 */
export function startChildRun(
  [program = process.execPath, ...parameters]: readonly string[],
  directory: string,
  environment: EnvironmentVariables,
  signal: AbortSignal,
): ChildRun {
  const child = spawn(program, parameters, {
    cwd: directory,
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    windowsHide: true,
  })
  const stop = () => {
    if (child.connected) child.disconnect()
  }
  // If this process ends while the run is still stopping, because of a second signal.
  const kill = () => void child.kill('SIGKILL')
  signal.addEventListener('abort', stop)
  process.once('exit', kill)
  if (signal.aborted) stop()
  let output = ''
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    output += piece
  })
  const ended = new Promise<ChildEnd>((resolve) => {
    const end = (exitCode: number | null, fault?: string) => {
      signal.removeEventListener('abort', stop)
      process.removeListener('exit', kill)
      resolve({ exitCode, output, fault })
    }
    // Not the event "close": it does not come after a disconnect.
    const printed = new Promise<void>((done) => child.stdout!.once('close', done))
    child.once('error', (error) => end(null, `cannot start ${program}: ${error.message}`))
    child.once('exit', (code, name) => {
      // A program of the run that outlives it may keep the outputs open.
      const close = () => {
        child.stdout!.destroy()
        child.stderr!.destroy()
      }
      const timer = setTimeout(close, lastOutputMs)
      signal.addEventListener('abort', close)
      if (signal.aborted) close()
      void printed.then(() => {
        clearTimeout(timer)
        signal.removeEventListener('abort', close)
        end(code, name === null ? undefined : `${name} killed the process`)
      })
    })
  })
  return { lines: linesOf(child.stderr!), ended, stop }
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const piece of stream.setEncoding('utf8')) {
      const lines = (rest + piece).split(/\r?\n/)
      rest = lines.pop()!
      yield* lines
    }
  } catch {
    // The stream was closed with the process.
  }
  if (rest !== '') yield rest
}
