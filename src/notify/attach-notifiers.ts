import { randomUUID } from 'node:crypto'
import { type Clock, callContext, createRedactor, type Log, redactJson, untilAborted } from '../core/index.js'
import type { Pipeline, RunEventOf, RunRecord } from '../pipeline/index.js'
import { defaultLimitMs, deliver } from './deliver.js'
import { describeRun, endEvents, type RunFacts } from './describe-run.js'
import type { Notification, NotificationEvent, Notifier } from './notification.js'

export interface AttachNotifiersOptions {
  /** Named in every message. */
  readonly project: string
  /** Address of a page about the run, such as the run of the workflow. @default none */
  readonly link?: string | undefined
  /** Hidden in every message and warning. What looks like a token is always hidden. @default none */
  readonly secrets?: readonly string[] | undefined
  /** How long one notification may take, and how long the end of a run may wait for all of them. @default 10_000 */
  readonly limitMs?: number | undefined
  readonly clock?: Clock | undefined
  /** Receives a warning for each notification that could not be sent. @default none */
  readonly log?: Log | undefined
}

interface WatchedRun extends Omit<RunFacts, 'end' | 'record'> {
  command: RunRecord['command']
  isTraining: boolean
  withdrawn: RunFacts['withdrawn']
  channel?: string
  readonly stop: AbortController
  /** The last notification of each notifier. They are sent one after the other. */
  readonly last: Map<Notifier, Promise<void>>
}

/**
 * Sends notifications about the runs of a pipeline. A notifier receives one message about the end of a run: the first of the
 * run's events that it asked for. A notifier that fails, hangs or throws changes nothing in the run. The run's result waits
 * until its notifications are sent, for at most `limitMs`.
 *
 * @returns a function that detaches the notifiers.
 */
export function attachNotifiers(
  pipeline: Pick<Pipeline<never, never>, 'on' | 'runs'>,
  notifiers: readonly Notifier[],
  { project, link, secrets = [], limitMs = defaultLimitMs, clock, log }: AttachNotifiersOptions,
): () => void {
  const runs = new Map<string, WatchedRun>()
  const redact = createRedactor(secrets)

  function send(run: WatchedRun, events: readonly NotificationEvent[], facts: RunFacts, runId: string): void {
    const context = callContext({ clock, log, signal: run.stop.signal })
    for (const notifier of notifiers) {
      const event = events.find((each) => notifier.events.includes(each))
      if (event === undefined) continue
      const described: Notification = {
        ...{ id: randomUUID(), atMs: context.clock.nowMs(), event, project, runId },
        ...describeRun(event, facts, runId),
        ...(link !== undefined && { link }),
      }
      const notification = redactJson(described, redact)
      const sent = (run.last.get(notifier) ?? Promise.resolve()).then(async () => {
        const { ok, answer } = await deliver(notifier, notification, context, { limitMs, secrets })
        if (ok) return
        context.log.warn(`The notification "${event}" by ${notifier.name} was not sent: ${answer}`, { runId, event })
      })
      // Only a logger can fail here, and then there is nowhere to report it.
      run.last.set(
        notifier,
        sent.catch(() => {}),
      )
    }
  }
  const during = (run: WatchedRun, event: NotificationEvent, runId: string) =>
    send(run, [event], { ...run, end: { status: 'failed' } }, runId)

  async function end(event: RunEventOf<'run-end'>): Promise<void> {
    const { runId } = event
    const run = runs.get(runId)
    if (run === undefined) return
    runs.delete(runId)
    const late = () => run.stop.abort(new Error(`the run ended more than ${limitMs / 1000} s ago`))
    const timer = setTimeout(late, limitMs)
    try {
      const events = endEvents({ ...run, end: event })
      if (events.some((each) => notifiers.some((notifier) => notifier.events.includes(each)))) {
        const record = await untilAborted(recordOf(pipeline, runId), run.stop.signal).catch(() => undefined)
        send(run, events, { ...run, end: event, record }, runId)
      }
      await Promise.all(run.last.values())
    } finally {
      clearTimeout(timer)
    }
  }

  const stops = [
    pipeline.on('run-start', ({ runId, command }) => {
      runs.set(runId, { command, isTraining: false, withdrawn: [], stop: new AbortController(), last: new Map() })
    }),
    pipeline.on('train-progress', ({ runId }) => {
      const run = runs.get(runId)
      if (run === undefined || run.isTraining) return
      run.isTraining = true
      during(run, 'training_started', runId)
    }),
    pipeline.on('stage-end', ({ runId, stage, cached }) => {
      const run = runs.get(runId)
      if (run !== undefined && stage === 'train' && !cached) during(run, 'training_completed', runId)
    }),
    pipeline.on('release-withdrawn', ({ runId, version, reason }) => {
      const run = runs.get(runId)
      if (run !== undefined) run.withdrawn = [...run.withdrawn, { version, reason }]
    }),
    pipeline.on('channel-pointed', ({ runId, channel }) => {
      const run = runs.get(runId)
      if (run !== undefined) run.channel = channel
    }),
    pipeline.on('run-end', end),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** The record of a run that just ended; it is among the newest, because a run keeps the lock until its end. */
async function recordOf(pipeline: Pick<Pipeline<never, never>, 'runs'>, runId: string): Promise<RunRecord | undefined> {
  return (await pipeline.runs({ limit: 3 })).find((record) => record.runId === runId)
}
