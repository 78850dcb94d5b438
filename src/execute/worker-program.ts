// A worker process: does one job after the other for the process that started it.
import { callContext, type Log } from '../core/index.js'
import { watchPrograms } from '../store/index.js'
import { toErrorMessage } from './error-message.js'
import type { WorkerParts } from './job.js'
import { closeWorker, loadWorker } from './load-worker.js'
import { performJob } from './perform-job.js'
import { type ProcessWatch, watchProcess } from './watch-process.js'
import type { AboutJob, FromWorker, ToWorker } from './worker-messages.js'

type Start = Extract<ToWorker, { readonly type: 'start' }>

let start: Start | undefined
let parts: WorkerParts | undefined
let watch: ProcessWatch | undefined
let working: Promise<void> = Promise.resolve()
let abort = new AbortController()

const send = (message: FromWorker) => {
  // The host may have ended.
  if (process.connected) process.send!(message, () => {})
}
type Send = (message: AboutJob) => void
function logTo(sendOfJob: Send): Log {
  const logAt = (level: 'debug' | 'info' | 'warn'): Log['info'] => {
    return (message, facts) => sendOfJob({ type: 'log', level, message, ...(facts !== undefined && { facts }) })
  }
  return { debug: logAt('debug'), info: logAt('info'), warn: logAt('warn') }
}

async function begin(message: Start): Promise<void> {
  start = message
  watch = watchProcess(message)
  watchPrograms((pids) => {
    send({ type: 'programs', pids })
    watch!.programs(pids)
  })
  try {
    parts = await loadWorker(message.worker)
    send({ type: 'ready' })
  } catch (error) {
    send({ type: 'unusable', error: toErrorMessage(error) })
  }
}

async function perform({ number, job, memoryMb }: Extract<ToWorker, { readonly type: 'run' }>): Promise<void> {
  const { device, workers } = start!
  // What a kind still reports after its end does not concern the next job.
  const sendOfJob: Send = (message) => send({ ...message, number })
  const usedMb = () => Math.round(process.memoryUsage.rss() / 2 ** 20)
  abort = new AbortController()
  watch!.limit(memoryMb)
  try {
    const result = await performJob(parts!, job, {
      ...callContext({ signal: abort.signal, log: logTo(sendOfJob) }),
      ...{ device, workers },
      progress: (progress) => sendOfJob({ type: 'progress', progress }),
    })
    sendOfJob({ type: 'done', result, usedMb: usedMb() })
  } catch (error) {
    sendOfJob({ type: 'failed', error: toErrorMessage(error), usedMb: usedMb() })
  }
  watch!.limit(undefined)
}

/** The host has closed the channel, or it has ended. Work gets a chance to end what it started, such as programs. */
async function end(): Promise<void> {
  const timer = setTimeout(() => process.exit(1), start?.graceMs ?? 0)
  abort.abort(new Error('The host of the worker ended.'))
  await working
  // Nobody is left to report an error to.
  const isClosed =
    parts === undefined ||
    (await closeWorker(parts).then(
      () => true,
      () => false,
    ))
  clearTimeout(timer)
  process.exit(isClosed ? 0 : 1)
}

process.on('message', (message: ToWorker) => {
  if (message.type === 'start') working = begin(message)
  else if (message.type === 'run') working = perform(message)
  else abort.abort(new Error('The job was aborted.'))
})
process.on('disconnect', () => void end())
// A terminal sends these to all of its processes. The host decides what ends, and the end of the host ends the worker.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
