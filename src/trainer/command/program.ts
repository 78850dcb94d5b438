import { type ChildProcess, spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { messageOf, SheikhError } from '../../core/index.js'
import { endedWithUs } from './ended-with-us.js'
import { lineSplitter } from './line-splitter.js'

export interface ProgramOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly variables: Readonly<Record<string, string>>
  readonly graceMs: number
  /** Whether it is written to; else its stdin is at its end. */
  readonly stdin: boolean
  /** Bytes of a line of stdout that are kept. */
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
  /** After its last line. Never rejects. */
  readonly ended: Promise<Ending>
  /** Ends it and all that it started: SIGTERM, and after the grace SIGKILL. */
  readonly stop: () => Promise<Ending>
}

/** Of a line that is only logged. */
export const loggedLineBytes = 16 << 10
/** What pipes have after the program, where something that left its group still holds them. */
const drainMs = 1_000

/**
 * Starts a program in a process group of its own.
 *
 * @throws `missing-peer` where there is no such program; `not-found` where there is no such folder to run in; `stage-failed`.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, args, cwd, variables, graceMs } = options
  await checkFolder(cwd)
  const child = spawn(command, [...args], {
    cwd,
    env: { ...variables },
    // A group of its own, so that all it starts can be ended with it. On Windows this would open a console instead.
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const out = lineSplitter(options.longestLineBytes, options.onLine)
  const err = lineSplitter(loggedLineBytes, options.onErrorLine)
  child.stdout?.on('data', out.push)
  child.stderr?.on('data', err.push)
  // A broken pipe is told by the program's ending, and by the callback of the write.
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
  const forget = endedWithUs(() => kill(child, 'SIGKILL'))
  void ended.then(forget)
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
      // What it left running would go on writing, and hold the pipes open.
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
  if (pid === undefined) return
  try {
    // Windows has no groups and no signals: taskkill follows the tree of parents.
    if (process.platform === 'win32') spawn('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore' })
    else process.kill(-pid, signal)
  } catch {
    // All of the group are gone.
  }
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
      `Cannot start ${JSON.stringify(command)}: there is no such program on the PATH that was passed. Install it, or give its absolute path.`,
      { facts, cause: error },
    )
  const remedy = facts.errno === 'EACCES' ? 'Make it executable, or name its interpreter first' : 'Try it by hand'
  return new SheikhError('stage-failed', `Cannot start ${JSON.stringify(command)}: ${messageOf(error)}. ${remedy}.`, {
    facts,
    cause: error,
  })
}
