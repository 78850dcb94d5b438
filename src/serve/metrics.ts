import { messageOf, SheikhError } from '../core/index.js'
import type { Release } from '../releaser/index.js'
import type { DeskEvents } from './feedback/feedback-desk.js'
import { inText } from './operation.js'
import type { Protocol } from './protocol.js'

type MetricsClient = typeof import('prom-client')

export interface Metrics {
  request(protocol: string, status: number, durationMs: number): void
  batch(size: number): void
  /** What became of answers that may get feedback. */
  answers(outcome: string, count: number): void
  feedback(kind: string, outcome: string): void
  /** The release that answers from now on. */
  serves(release: Release): void
  /** The route `/metrics`. */
  readonly protocol: Protocol
}

/** The metrics of one handler, in a registry of its own. */
export function createMetrics(client: MetricsClient, queued: () => number): Metrics {
  const { Counter, Gauge, Histogram } = client
  const registry = new client.Registry()
  const registers = [registry]
  const requests = new Counter({
    name: 'sheikh_requests_total',
    help: 'Requests by protocol and status.',
    labelNames: ['protocol', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'sheikh_request_duration_seconds',
    help: 'Time from the first byte of a request to its answer, by protocol.',
    labelNames: ['protocol'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const batches = new Histogram({
    name: 'sheikh_batch_size',
    help: 'Inputs per call of the model.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  })
  new Gauge({
    name: 'sheikh_queue_length',
    help: 'Inputs that wait for a batch.',
    registers,
    collect() {
      this.set(queued())
    },
  })
  const answers = new Counter({
    name: 'sheikh_kept_answers_total',
    help: 'Answers by what became of them: kept for feedback, no-consent or dropped.',
    labelNames: ['outcome'],
    registers,
  })
  const feedback = new Counter({
    name: 'sheikh_feedback_total',
    help: 'Feedback by kind and outcome: added, known or refused.',
    labelNames: ['kind', 'outcome'],
    registers,
  })
  const info = new Gauge({
    name: 'sheikh_release_info',
    help: 'The release that answers. The value is always 1.',
    labelNames: ['version', 'bundle'],
    registers,
  })
  return {
    request(protocol, status, durationMs) {
      requests.inc({ protocol, status })
      durations.observe({ protocol }, durationMs / 1000)
    },
    batch: (size) => batches.observe(size),
    answers: (outcome, count) => answers.inc({ outcome }, count),
    feedback: (kind, outcome) => feedback.inc({ kind, outcome }),
    serves({ version, bundle }) {
      info.reset()
      info.set({ version, bundle }, 1)
    },
    protocol: {
      name: 'metrics',
      routes: [
        {
          method: 'GET',
          path: '/metrics',
          operation: () => ({ id: 'metrics', answers: { 200: inText('The metrics, for Prometheus.') } }),
          answer: async () => ({ text: await registry.metrics(), type: registry.contentType }),
        },
      ],
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

export const deskEvents = (metrics: Metrics | undefined): DeskEvents => ({
  onAnswers: (outcome, count) => metrics?.answers(outcome, count),
  onFeedback: (kind, outcome) => metrics?.feedback(kind, outcome),
})
