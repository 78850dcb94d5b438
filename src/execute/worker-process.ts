import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { type CallContext, createRedactor, type Log, SheikhError } from '../core/index.js'
import { signalProgram } from '../store/index.js'
import { fromErrorMessage } from './error-message.js'
import type { WorkerModule } from './job.js'
import type { JobMessage } from './job-message.js'
import type { KeptResult } from './kept-result.js'
import { portableWorker } from './load-worker.js'
import { type AttemptContext, WorkerEnded } from './run-jobs.js'
import { startProgram } from './start-program.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

export interface WorkerProcessOptions {
  readonly worker: WorkerModule
  readonly device?: string | undefined
  readonly workers: number
  readonly graceMs: number
}

/** A process that does one job at a time. */
export interface WorkerProcess {
  readonly pid: number
  hasEnded(): boolean
  /** The resident memory after its last job, in MB; 0 before the first. */
  usedMb(): number
  /** @throws `WorkerEnded` if the process ends, and the errors of the work. An aborted job that does not end is killed. */
  perform(job: JobMessage, memoryMb: number | undefined, context: Omit<AttemptContext, 'isFresh'>): Promise<KeptResult>
  /** Ends the process, which does nothing any more. */
  close(): Promise<void>
}

/** How much of the last output of a process is part of an error, in characters. */
const lastOutput = 2000
const redact = createRedactor()
/** How long the output of a process that ended is read, in milliseconds. A program that it started may keep the output open. */
const drainMs = 500

/**
 * @throws what the module of the worker throws, `invalid-options` if it is no such module, `stage-failed` if the process leaves before
 * it is ready, `WorkerEnded` if it is killed before, and the signal's reason, after the process is killed.
 */
export async function startWorkerProcess(
  options: WorkerProcessOptions,
  { log, signal }: Pick<CallContext, 'log' | 'signal'>,
): Promise<WorkerProcess> {
  const { device, workers, graceMs } = options
  signal.throwIfAborted()
  const child = await startProgram()
  const output = lastOutputOf(child, log)
  /** Receives the messages of the process, and why there will be no more. */
  let receiver:
    | { readonly message: (message: FromWorker) => void; readonly ended: (reason: string) => void }
    | undefined
  let end: string | undefined
  let usedMb = 0
  let programs: readonly number[] = []
  // A program has a process group of its own, and would outlive the process that started it.
  const endPrograms = () => {
    for (const pid of programs) signalProgram(pid, 'SIGKILL')
  }
  child.once('exit', endPrograms)
  const ended = endOf(child, output).then((reason) => {
    end = reason
    receiver?.ended(reason)
  })
  child.on('message', (message: FromWorker) => {
    if (message.type === 'programs') {
      programs = message.pids
      // The last messages may arrive after the end.
      if (child.exitCode !== null || child.signalCode !== null) endPrograms()
    } else receiver?.message(message)
  })
  // A message to a process that has just ended. Its end says more.
  const send = (message: ToWorker) => void (child.connected && child.send(message, () => {}))
  const converse = <T>(first: ToWorker, answer: (message: FromWorker, resolve: (value: T) => void) => void) =>
    new Promise<T>((resolve, reject) => {
      const refuse = (reason: string) => reject(new WorkerEnded(reason))
      receiver = {
        ended: refuse,
        message(message) {
          try {
            answer(message, resolve)
          } catch (error) {
            reject(error)
          }
        },
      }
      if (end === undefined) send(first)
      else refuse(end)
    }).finally(() => {
      receiver = undefined
    })
  const stop = async () => {
    if (child.connected) child.disconnect()
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await ended
    clearTimeout(timer)
  }

  const kill = () => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  try {
    const start = { type: 'start', worker: portableWorker(options.worker), device, workers, graceMs } as const
    await converse<void>(start, (message, resolve) => {
      if (message.type === 'ready') resolve()
      if (message.type === 'unusable') throw fromErrorMessage(message.error)
    })
    signal.throwIfAborted()
  } catch (error) {
    await stop()
    signal.throwIfAborted()
    // Another attempt may succeed after a signal, such as that of a system without memory.
    if (!(error instanceof WorkerEnded) || child.signalCode !== null) throw error
    throw new SheikhError('stage-failed', `Cannot start a worker: ${error.message} Correct the module of the worker.`, {
      facts: { module: portableWorker(options.worker).module },
    })
  } finally {
    signal.removeEventListener('abort', kill)
  }
  holdHost(child, false)

  let jobs = 0
  return {
    pid: child.pid!,
    usedMb: () => usedMb,
    hasEnded: () => end !== undefined || !child.connected,
    async perform(job, memoryMb, { signal, progress, log: logOfJob }) {
      signal.throwIfAborted()
      holdHost(child, true)
      let timer: NodeJS.Timeout | undefined
      const abort = () => {
        send({ type: 'abort' })
        timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      }
      signal.addEventListener('abort', abort, { once: true })
      try {
        jobs += 1
        const number = jobs
        return await converse<KeptResult>({ type: 'run', number, job, memoryMb }, (message, resolve) => {
          // Of an earlier job, which reports after its end.
          if (!('number' in message) || message.number !== number) return
          if (message.type === 'done' || message.type === 'failed') usedMb = message.usedMb
          if (message.type === 'done') resolve(message.result)
          if (message.type === 'failed') throw fromErrorMessage(message.error)
          if (message.type === 'progress') progress(message.progress)
          if (message.type === 'log') logOfJob[message.level](message.message, message.facts)
        })
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        holdHost(child, false)
      }
    },
    async close() {
      holdHost(child, true)
      await stop()
    },
  }
}

/** Whether the process keeps the host's event loop alive. An idle one does not, so a host that forgets to close it can end. */
function holdHost(child: ChildProcess, holds: boolean): void {
  const parts = [child, child.channel, child.stdout, child.stderr] as readonly ({ ref(): void; unref(): void } | null)[]
  for (const part of parts) part?.[holds ? 'ref' : 'unref']()
}

/** Resolves with a sentence about the end. */
async function endOf(child: ChildProcess, output: () => string): Promise<string> {
  const how = await new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`ended with ${signal ?? `exit code ${code}`}`))
  })
  const drained = new AbortController()
  const closed = Promise.all([child.stdout, child.stderr].map((stream) => stream!.closed || once(stream!, 'close')))
  await Promise.race([closed, pause(drainMs, undefined, { signal: drained.signal }).catch(() => {})])
  drained.abort()
  for (const stream of [child.stdout, child.stderr]) stream!.destroy()
  const last = output().trim()
  return `The worker process ${how}.${last === '' ? '' : ` Its last output: ${last}`}`
}

/** Logs what a process prints, and remembers the end of it. */
function lastOutputOf(child: ChildProcess, log: Log): () => string {
  let last = ''
  const read = (stream: Readable) =>
    stream.on('data', (piece: string) => {
      // More than is used, so that a token at its beginning is whole.
      last = (last + piece).slice(-2 * lastOutput)
      log.debug(piece.trimEnd())
    })
  read(child.stdout!)
  read(child.stderr!)
  return () => redact(last).slice(-lastOutput)
}
