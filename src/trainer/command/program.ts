import { type ChildProcess, spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { messageOf, SheikhError } from '../../core/index.js'
import { registerProgram, signalProgram } from '../../store/index.js'
import { lineSplitter } from './line-splitter.js'

export interface ProgramOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly variables: Readonly<Record<string, string>>
  readonly graceMs: number
  /** Whether stdin is open for writing; otherwise it is closed. */
  readonly stdin: boolean
  /** Maximum number of bytes kept per line of stdout. */
  readonly longestLineBytes: number
  readonly onLine: (line: string, whole: boolean) => void
  readonly onErrorLine: (line: string) => void
}

export interface Ending {
  readonly exitCode: number | null
  readonly signal: string | null
}

export interface Program {
  readonly stdin: Writable | null
  /** Resolves after the last line. Never rejects. */
  readonly ended: Promise<Ending>
  /** Stops the program and all its child processes: SIGTERM, and SIGKILL after the grace period. */
  readonly stop: () => Promise<Ending>
}

/** Maximum number of bytes of a line that is only logged. */
export const loggedLineBytes = 16 << 10
/** How long to wait for pipes after the program ended, if a process outside its group still holds them open. */
const drainMs = 1_000

/**
 * Starts a program in a process group of its own.
 *
 * @throws `missing-peer` if the program does not exist; `not-found` if the working directory does not exist;
 * `stage-failed`.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, args, cwd, variables, graceMs } = options
  await checkFolder(cwd)
  const child = spawn(command, [...args], {
    cwd,
    env: { ...variables },
    // A separate process group, so that child processes can be stopped too. On Windows this would open a console.
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const out = lineSplitter(options.longestLineBytes, options.onLine)
  const err = lineSplitter(loggedLineBytes, options.onErrorLine)
  child.stdout?.on('data', out.push)
  child.stderr?.on('data', err.push)
  // A broken pipe is reported by the program's end and by the write callback.
  for (const stream of child.stdio) stream?.on('error', () => {})
  const ended = endingOf(child).then((ending) => {
    out.end()
    err.end()
    return ending
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(startFailed(command, error)))
  })
  void ended.then(registerProgram(child.pid!))
  let stopping: Promise<Ending> | undefined
  const stop = async () => {
    kill(child, 'SIGTERM')
    const timer = setTimeout(() => kill(child, 'SIGKILL'), graceMs)
    try {
      return await ended
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    stdin: child.stdin,
    ended,
    stop: () => {
      stopping ??= child.exitCode === null && child.signalCode === null ? stop() : ended
      return stopping
    },
  }
}

function endingOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      // Child processes that are still running would continue writing and keep the pipes open.
      kill(child, 'SIGKILL')
      const drained = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy()
      }, drainMs)
      child.once('close', () => {
        clearTimeout(drained)
        resolve({ exitCode, signal })
      })
    })
  })
}

function kill({ pid }: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid !== undefined) signalProgram(pid, signal)
}

async function checkFolder(cwd: string): Promise<void> {
  const folder = await stat(cwd).catch(() => undefined)
  if (folder?.isDirectory() !== true)
    throw new SheikhError(
      'not-found',
      `Cannot start a program in ${JSON.stringify(cwd)}: it is not a folder. Correct "directory" or "cwd".`,
      { facts: { path: cwd } },
    )
}

function startFailed(command: string, error: Error): SheikhError {
  const facts = { command, errno: (error as NodeJS.ErrnoException).code }
  if (facts.errno === 'ENOENT')
    return new SheikhError(
      'missing-peer',
      `Cannot start ${JSON.stringify(command)}: the program is not on the PATH. Install it, or give its absolute path.`,
      { facts, cause: error },
    )
  const remedy =
    facts.errno === 'EACCES' ? 'Make it executable, or name its interpreter first' : 'Try to start it manually'
  return new SheikhError('stage-failed', `Cannot start ${JSON.stringify(command)}: ${messageOf(error)}. ${remedy}.`, {
    facts,
    cause: error,
  })
}
