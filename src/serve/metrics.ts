import { messageOf, SheikhError } from '../core/index.js'
import type { DeskEvents } from './feedback/feedback-desk.js'
import type { Metrics } from './handler-metrics.js'
import { inText } from './operation.js'
import type { Protocol } from './protocol.js'

type MetricsClient = typeof import('prom-client')

/** The variants of a live test by version: their numbers are told apart by the label `variant`. */
export type Variants = Readonly<Record<'control' | 'treatment', string>>

/** The metrics of a server, in a registry of its own. */
export interface ServerMetrics {
  /**
   * The metrics of one handler.
   *
   * @param queued how many inputs wait for a batch.
   */
  of(queued: () => number, variant?: keyof Variants): Metrics
  readonly desk: DeskEvents
  /** For further metrics of the server. */
  readonly client: MetricsClient
  readonly registry: InstanceType<MetricsClient['Registry']>
}

export interface ServerMetricsOptions {
  /** @default none: one release answers */
  readonly variants?: Variants | undefined
  /** More lines in the text format of Prometheus. @default none */
  readonly more?: (() => Promise<string>) | undefined
}

export function createMetrics(client: MetricsClient, { variants, more }: ServerMetricsOptions = {}): ServerMetrics {
  const { Counter, Gauge, Histogram } = client
  const registry = new client.Registry()
  const registers = [registry]
  // Without a live test there is no such label.
  const withVariant = <const L extends string>(...names: readonly L[]) =>
    variants === undefined ? [...names] : [...names, 'variant']
  const requests = new Counter({
    name: 'sheikh_requests_total',
    help: 'Requests by protocol and status.',
    labelNames: withVariant('protocol', 'status'),
    registers,
  })
  const durations = new Histogram({
    name: 'sheikh_request_duration_seconds',
    help: 'Time from the first byte of a request to its answer, by protocol.',
    labelNames: withVariant('protocol'),
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const batches = new Histogram({
    name: 'sheikh_batch_size',
    help: 'Inputs per call of the model.',
    labelNames: withVariant(),
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  })
  const queues: (readonly [labels: Readonly<Record<string, string>>, queued: () => number])[] = []
  new Gauge({
    name: 'sheikh_queue_length',
    help: 'Inputs that wait for a batch.',
    labelNames: withVariant(),
    registers,
    collect() {
      for (const [labels, queued] of queues) this.set(labels, queued())
    },
  })
  const answers = new Counter({
    name: 'sheikh_kept_answers_total',
    help: 'Answers by what became of them: kept for feedback, no-consent or dropped.',
    labelNames: withVariant('outcome'),
    registers,
  })
  const feedback = new Counter({
    name: 'sheikh_feedback_total',
    help: 'Feedback by kind and outcome: added, known or refused.',
    labelNames: withVariant('kind', 'outcome'),
    registers,
  })
  const lookUps = new Counter({
    name: 'sheikh_feature_lookups_total',
    help: 'Look-ups of features by outcome: answered, unavailable, timeout or invalid.',
    labelNames: withVariant('outcome'),
    registers,
  })
  const lookUpDurations = new Histogram({
    name: 'sheikh_feature_lookup_duration_seconds',
    help: 'Time of a look-up of features with its retries, whatever its outcome.',
    labelNames: withVariant(),
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const info = new Gauge({
    name: 'sheikh_release_info',
    help: 'The release that answers. The value is always 1.',
    labelNames: withVariant('version', 'bundle'),
    registers,
  })
  /** Of a release that is in the test. Feedback may be about an answer of another release, or about none. */
  const ofVersion = (version: string | undefined) =>
    variants === undefined
      ? {}
      : { variant: version === variants.control ? 'control' : version === variants.treatment ? 'treatment' : 'none' }
  const protocol: Protocol = {
    name: 'metrics',
    routes: [
      {
        method: 'GET',
        path: '/metrics',
        operation: () => ({ id: 'metrics', answers: { 200: inText('The metrics, for Prometheus.') } }),
        answer: async () => ({
          text: `${await registry.metrics()}${(await more?.()) ?? ''}`,
          type: registry.contentType,
        }),
      },
    ],
  }
  return {
    ...{ client, registry },
    of(queued, variant) {
      const labels: Readonly<Record<string, string>> = variant === undefined ? {} : { variant }
      queues.push([labels, queued])
      let serving: Readonly<Record<string, string>> | undefined
      return {
        request(protocol, status, durationMs) {
          requests.inc({ protocol, status, ...labels })
          durations.observe({ protocol, ...labels }, durationMs / 1000)
        },
        batch: (size) => batches.observe(labels, size),
        lookUp({ outcome, durationMs }) {
          lookUps.inc({ outcome, ...labels })
          lookUpDurations.observe(labels, durationMs / 1000)
        },
        serves({ version, bundle }) {
          if (serving !== undefined) info.remove(serving)
          serving = { version, bundle, ...labels }
          info.set(serving, 1)
        },
        protocol,
      }
    },
    desk: {
      onAnswers: (outcome, count, version) => answers.inc({ outcome, ...ofVersion(version) }, count),
      onFeedback: (kind, outcome, version) => feedback.inc({ kind, outcome, ...ofVersion(version) }),
    },
  }
}

/** @throws `missing-peer`. */
export async function loadMetricsClient(): Promise<MetricsClient> {
  try {
    return (await import('prom-client')).default
  } catch (error) {
    throw new SheikhError(
      'missing-peer',
      `Cannot load "prom-client" (${messageOf(error).split('\n')[0]}). Install it for metrics: npm install prom-client@15`,
      { cause: error },
    )
  }
}

/** For a server without metrics. */
export const uncounted: DeskEvents = { onAnswers() {}, onFeedback() {} }
