import { type Digest, digestJson, SheikhError } from '../core/index.js'
import type { PlannedExperiment } from '../gate/index.js'
import type { Version } from '../releaser/index.js'
import { type LiveMetric, readsOf } from './live-metric.js'

/** A metric that must not become worse. */
export interface Guardrail {
  readonly metric: LiveMetric
  /** How much worse the treatment may be, in units of the metric: greater than 0, and below 1 for a yes/no metric. */
  readonly margin: number
}

/** A step of a canary: a share of traffic, and what must be known before the next step. */
export interface CanaryStep {
  /** Share of units that get the treatment: a multiple of 0.0001, from 0.001 to 0.9. */
  readonly share: number
  /** Units of the treatment with an outcome of `metric` before the next step. @default 100 */
  readonly units?: number | undefined
  /** Shortest time of the step, in milliseconds. @default 0 */
  readonly atLeastMs?: number | undefined
}

/** What a live test compares, and when it ends. It cannot change after the start. */
export interface ExperimentOptions {
  /** The name of the live test and the seed of its assignment: 1 to 100 letters, digits, `.`, `_` and `-`. */
  readonly name: string
  /** The version that everybody gets without the test. */
  readonly control: Version
  /** The version that is tried. */
  readonly treatment: Version
  /** Share of units that get the treatment: a multiple of 0.0001, from 0.001 to 0.9. @default 0.5 */
  readonly split?: number | undefined
  /** Starts with a small share, and takes more. The result is decided in the last step. @default one step with `split` */
  readonly steps?: readonly CanaryStep[] | undefined
  /** What decides. The treatment wins if this metric is better, and no guardrail is worse than its margin. */
  readonly metric: LiveMetric
  /** How much worse `metric` may be for the treatment to win, in its units; below 1 for yes/no. 0: it must be better. @default 0 */
  readonly margin?: number | undefined
  /** Other metrics that must not become worse. @default none */
  readonly guardrails?: readonly Guardrail[] | undefined
  /** Chance of a wrong decision over the whole test, in 0..1. It is divided among metrics and steps. @default 0.05 */
  readonly alpha?: number | undefined
  /** The time of the last decision, in milliseconds since 1970, after the start. Then everybody gets the control. @default never */
  readonly untilMs?: number | undefined
}

/** Options with their defaults. */
export interface ExperimentPlan {
  readonly name: string
  readonly control: Version
  readonly treatment: Version
  readonly steps: readonly { readonly share: number; readonly units: number; readonly atLeastMs: number }[]
  /** The metric that decides is the first. */
  readonly metrics: readonly (LiveMetric & { readonly margin: number })[]
  /** Confidence of each interval. */
  readonly confidence: number
  readonly untilMs: number | undefined
  /** Names all that was planned. */
  readonly digest: Digest
  /** For the ledger. */
  readonly planned: PlannedExperiment
}

/** @throws `invalid-options`. */
export function planOf(options: ExperimentOptions): ExperimentPlan {
  const { name, control, treatment, metric, margin = 0, guardrails = [], alpha = 0.05, untilMs } = options
  if (!/^[\w.-]{1,100}$/.test(name))
    throw refused(`the name is ${JSON.stringify(name)}`, 'Use letters, digits, ".", "_" and "-"')
  if (control === treatment) throw refused(`control and treatment are both ${control}`, 'Name two versions')
  if (options.steps !== undefined && options.split !== undefined)
    throw refused('both "split" and "steps" are given', 'Choose one')
  if (!(alpha > 0 && alpha < 0.5)) throw refused(`"alpha" is ${alpha}`, 'Choose a number between 0 and 0.5')
  const steps = (options.steps ?? [{ share: options.split ?? 0.5 }]).map(({ share, units = 100, atLeastMs = 0 }) => ({
    share,
    units,
    atLeastMs,
  }))
  if (steps.length === 0) throw refused('there is no step', 'Give at least one')
  for (const [index, { share, units, atLeastMs }] of steps.entries()) {
    const isShare = share >= 0.001 && share <= 0.9 && Math.abs(share * 10_000 - Math.round(share * 10_000)) < 1e-9
    if (!isShare) throw refused(`a share is ${share}`, 'Choose a multiple of 0.0001 from 0.001 to 0.9')
    if (index > 0 && share <= steps[index - 1]!.share)
      throw refused(`the share ${share} follows ${steps[index - 1]!.share}`, 'Let the shares grow')
    if (!Number.isSafeInteger(units) || units < 1 || !(atLeastMs >= 0))
      throw refused(
        `a step has ${units} units and takes ${atLeastMs} ms`,
        'Give a whole number from 1, and a time from 0',
      )
  }
  if (!(margin >= 0 && margin < Infinity)) throw refused(`"margin" is ${margin}`, 'Give a number from 0')
  const wrong = guardrails.find((guardrail) => !(guardrail.margin > 0 && guardrail.margin < Infinity))
  if (wrong !== undefined)
    throw refused(
      `the margin of "${wrong.metric.name}" is ${wrong.margin}`,
      'Without a margin, a guardrail could never be kept. Give a number above 0',
    )
  const metrics = [{ metric, margin }, ...guardrails].map((each) => ({ ...each.metric, margin: each.margin }))
  const twice = metrics.find((each, index) => metrics.findIndex((other) => other.name === each.name) !== index)
  if (twice !== undefined) throw refused(`two metrics are named "${twice.name}"`, 'Give each its own name')
  // Two shares differ by at most 1, so such a metric would be within its margin without any outcome.
  const wide = metrics.find(({ kind, margin }) => kind === 'binary' && margin >= 1)
  if (wide !== undefined)
    throw refused(`the margin of "${wide.name}" is ${wide.margin}`, 'Give a share below 1: 0.02 is two points')
  const confidence = 1 - alpha / (metrics.length * steps.length)
  const judged = metrics.map(({ name, kind, direction, margin }) => ({ name, kind, direction, margin }))
  const digest = digestJson({ name, control, treatment, steps, metrics: judged, confidence, untilMs })
  const planned: PlannedExperiment = {
    steps,
    metrics: judged.map((metric, index) => {
      const reads = readsOf(metrics[index]!)
      return { ...metric, ...(reads !== undefined && { reads }) }
    }),
    confidence,
    ...(untilMs !== undefined && { untilMs }),
  }
  return { name, control, treatment, steps, metrics, confidence, untilMs, digest, planned }
}

export const refused = (fact: string, remedy: string) =>
  new SheikhError('invalid-options', `Cannot run the live test: ${fact}. ${remedy}.`)

/** Clocks of other machines may be behind. Entries are told apart by the name of the test. */
export const clockSlackMs = 3_600_000
