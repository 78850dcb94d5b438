import { isPrivateAddress, type Log, messageOf, SheikhError, webAddress } from '../../core/index.js'
import type { RunEvent } from '../events.js'
import type { Pipeline } from '../pipeline.js'
import type { Scalar } from './event-file.js'
import { evaluatedScalars, trainingOf } from './scalars.js'

export interface MlflowOptions {
  /** Of the tracking server, as `MLFLOW_TRACKING_URI`: `https://mlflow.example.org`. */
  readonly trackingUri: string
  /** Made where there is none. @default 'sheikh' */
  readonly experiment?: string | undefined
  /** Sent as a bearer token, over TLS or to this machine only. @default none */
  readonly token?: string | undefined
  readonly log?: Log | undefined
  readonly fetch?: typeof fetch | undefined
}

/** A call that takes longer is given up. */
const longestCallMs = 10_000

/**
 * Sends the training progress and metrics of a pipeline to an MLflow tracking server (REST API 2.0). If the server does not
 * respond, one warning per run is logged and the run continues.
 *
 * @returns a function that stops tracking and resolves when everything is sent.
 * @throws `invalid-options` for an invalid address, or a token that would be sent over plain HTTP.
 */
export function trackByMlflow(
  pipeline: Pick<Pipeline<never, never>, 'on'>,
  { trackingUri, experiment = 'sheikh', token, log, fetch: send = fetch }: MlflowOptions,
): () => Promise<void> {
  const server = serverOf(trackingUri, token)
  const runs = new Map<string, Promise<string | undefined>>()
  let lastStep = 0
  // One after the other, in the order of the events.
  let sending: Promise<unknown> = Promise.resolve()

  const call = async (method: 'GET' | 'POST', path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await send(`${server}/api/2.0/mlflow/${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(longestCallMs),
    })
    const answer = await response.text()
    if (response.ok) return JSON.parse(answer) as Record<string, unknown>
    throw new Error(`${path} was answered with ${response.status}: ${answer.slice(0, 200)}`)
  }
  const experimentId = async (): Promise<unknown> => {
    const named = `experiments/get-by-name?experiment_name=${encodeURIComponent(experiment)}`
    const found = await call('GET', named).catch(() => undefined)
    const known = (found?.['experiment'] as Record<string, unknown> | undefined)?.['experiment_id']
    return known ?? (await call('POST', 'experiments/create', { name: experiment }))['experiment_id']
  }
  const begin = async ({ runId, atMs }: RunEvent): Promise<string | undefined> => {
    try {
      const body = { experiment_id: await experimentId(), run_name: runId, start_time: atMs }
      const { run } = await call('POST', 'runs/create', { ...body, tags: [{ key: 'sheikh.run', value: runId }] })
      return (run as { readonly info: { readonly run_id: string } }).info.run_id
    } catch (error) {
      log?.warn(`MLflow tracking is disabled for the run ${runId}: ${messageOf(error)}`, { runId })
      return undefined
    }
  }
  const queue = (event: RunEvent, work: (id: string) => Promise<unknown>): void => {
    sending = sending.then(async () => {
      if (!runs.has(event.runId)) runs.set(event.runId, begin(event))
      const id = await runs.get(event.runId)
      if (id === undefined) return
      await work(id).catch((error: unknown) => {
        runs.set(event.runId, Promise.resolve(undefined))
        log?.warn(`MLflow tracking stopped for the run ${event.runId}: ${messageOf(error)}`, { runId: event.runId })
      })
    })
  }
  const queueScalars = (event: RunEvent, step: number, scalars: readonly Scalar[]): void => {
    const metrics = scalars.map(({ tag, value }) => ({ key: keyOf(tag), value, timestamp: event.atMs, step }))
    if (metrics.length > 0) queue(event, (id) => call('POST', 'runs/log-batch', { run_id: id, metrics }))
  }
  /** A run that trained and judged nothing is none of MLflow's. */
  const queueEnd = (event: Extract<RunEvent, { type: 'run-end' }>): void => {
    sending = sending.then(async () => {
      if (!runs.has(event.runId)) return
      const status = event.status === 'aborted' ? 'KILLED' : event.status === 'failed' ? 'FAILED' : 'FINISHED'
      const id = await runs.get(event.runId)
      runs.delete(event.runId)
      if (id === undefined) return
      const tags = [
        { key: 'sheikh.status', value: event.status },
        ...(event.version === undefined ? [] : [{ key: 'sheikh.version', value: event.version }]),
      ]
      try {
        for (const tag of tags) await call('POST', 'runs/set-tag', { run_id: id, ...tag })
        await call('POST', 'runs/update', { run_id: id, status, end_time: event.atMs })
      } catch (error) {
        log?.warn(`Cannot send the result of the run ${event.runId} to MLflow: ${messageOf(error)}`, {
          runId: event.runId,
        })
      }
    })
  }
  const stops = [
    pipeline.on('train-progress', (event) => {
      lastStep = event.step
      queueScalars(event, event.step, [
        { tag: `${trainingOf(event)}/loss`, value: event.loss },
        { tag: `${trainingOf(event)}/learning_rate`, value: event.learningRate },
      ])
    }),
    pipeline.on('gate-verdict', (event) => queueScalars(event, lastStep, evaluatedScalars(event.verdict))),
    pipeline.on('run-end', (event) => {
      lastStep = 0
      queueEnd(event)
    }),
  ]
  return async () => {
    for (const stop of stops) stop()
    await sending
  }
}

/** What MLflow takes in the name of a metric. */
const keyOf = (tag: string) => tag.replace(/[^\w\-./ ]/g, '_')

function serverOf(trackingUri: string, token: string | undefined): string {
  const url = new URL(webAddress(trackingUri, 'trackingUri', 'https://mlflow.example.com'))
  const fail = (fact: string) =>
    new SheikhError('invalid-options', `Cannot track by MLflow: ${fact}. Use the https address of a tracking server.`)
  if (url.username !== '') throw fail('its address contains a user name or a password; pass it as the token')
  if (token !== undefined && !isPrivateAddress(url)) throw fail('the token would be sent over plain HTTP')
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}
