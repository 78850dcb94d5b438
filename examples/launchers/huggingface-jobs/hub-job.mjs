import { setTimeout as wait } from 'node:timers/promises'
import { cancelJob, getJob, listJobs, runJob, streamJobLogs } from '@huggingface/hub'

/** As the Hub's Python client names them: the types of @huggingface/hub 2.17.5 lack most. */
const lastStages = new Set(['COMPLETED', 'CANCELED', 'ERROR', 'DELETED'])
/** For the last lines of a job that has ended: the stream of one that never began has no end. */
const lastLinesMs = 10_000
const startMs = 60_000
const cancelMs = 30_000
/** A status that cannot be read says nothing of the job, which goes on and costs more than waiting. */
const outageMs = 600_000
const label = 'sheikh-run'

/**
 * The one job of a run, found by its label where the answer that named it was lost. The Hub is asked for its state and its
 * logs every `pollMs`.
 */
export function hubJob(namespace, run, pollMs) {
  let jobId
  let hasBegun = false
  let hasEnded = false

  const find = async (hub) => (await listJobs({ ...hub, namespace })).find(({ labels }) => labels?.[label] === run)?.id

  return {
    id: () => jobId,

    /** Asked for once: a second request would be a second job. */
    async start({ hubUrl, accessToken, ...request }) {
      const hub = { hubUrl, accessToken, namespace }
      hasBegun = true
      // Not to be stopped: half a request may be a job.
      const once = (url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(startMs) })
      try {
        jobId = (await runJob({ ...hub, ...request, labels: { [label]: run }, fetch: once })).id
      } catch (error) {
        if (isRefusal(error)) {
          hasBegun = false
          throw error
        }
        jobId = await find(hub).catch(() => undefined)
        if (jobId === undefined) throw new Error(`the job could not be started: ${error.message}`)
      }
    },

    /** Prints what it prints until it ends. @returns the status that it ends with */
    async follow(hub, { signal, print, warn }) {
      const ended = new AbortController()
      const printing = printLogs({ ...hub, namespace, jobId, pollMs }, ended.signal, signal, print)
      let seenAt = performance.now()
      try {
        for (;;) {
          const { status } = await getJob({ ...hub, namespace, jobId }).catch((error) => {
            if (isRefusal(error) || signal.aborted || performance.now() - seenAt > outageMs) throw error
            return {}
          })
          if (status) seenAt = performance.now()
          if (lastStages.has(status?.stage)) {
            hasEnded = true
            return status
          }
          await wait(pollMs, undefined, { signal })
        }
      } finally {
        ended.abort()
        if (!(await printing) && hasEnded) warn('the last lines of the job may be missing')
      }
    },

    async cancel(hub) {
      if (!hasBegun || hasEnded) return
      let reason = 'it goes on'
      const beganAt = performance.now()
      for (;;) {
        try {
          jobId ??= await find(hub)
          if (jobId === undefined) return
          await cancelJob({ ...hub, namespace, jobId }).catch((error) => (reason = error.message))
          const { status } = await getJob({ ...hub, namespace, jobId })
          if (lastStages.has(status.stage)) return
        } catch (error) {
          if (error.statusCode === 404) return
          reason = error.message
        }
        if (performance.now() - beganAt > cancelMs) break
        await wait(pollMs)
      }
      throw new Error(
        `the job ${jobId ?? `with the label ${label}=${run}`} could not be cancelled (${reason}): do it by hand`,
      )
    },
  }
}

const isRefusal = ({ statusCode }) => statusCode >= 400 && statusCode < 500 && statusCode !== 429

/** @returns whether all was read */
async function printLogs({ pollMs, ...job }, ended, stopped, print) {
  // A stream that is asked for again begins from the first line.
  let printed = 0
  const late = new AbortController()
  ended.addEventListener('abort', () => setTimeout(() => late.abort(), lastLinesMs).unref(), { once: true })
  const over = AbortSignal.any([late.signal, stopped])
  const until = (url, init) => job.fetch(url, { ...init, signal: over })
  while (!over.aborted) {
    // A stream that was begun before the job ended may have been ended before it: it is looked at once more.
    const isLast = ended.aborted
    try {
      let line = 0
      for await (const { message } of streamJobLogs({ ...job, fetch: until }))
        if (line++ >= printed) {
          printed = line
          print(message.replace(/\n$/, ''))
        }
      if (isLast) return true
    } catch {
      // Cut off: the status says whether there is more to come.
    }
    await wait(pollMs, undefined, { signal: ended.aborted ? over : AbortSignal.any([ended, over]) }).catch(() => {})
  }
  return false
}
