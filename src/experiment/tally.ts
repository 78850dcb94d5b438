import type { ExperimentPlace, Feedback, FeedbackEntry, Outcome } from '../feedback/index.js'
import type { Prediction } from '../model/index.js'
import type { MeanSummary, Proportion } from '../statistics/index.js'
import type { LiveMetric } from './live-metric.js'

type Variant = ExperimentPlace['variant']

interface Outcomes {
  readonly first: number
  sum: number
  count: number
}

interface Unit {
  readonly variant: Variant
  /** By metric. */
  readonly outcomes: (Outcomes | undefined)[]
}

/**
 * Adds up the outcomes of a live test by unit. Several outcomes of one unit are not independent, so each unit counts once:
 * with its first outcome, or with the mean of its outcomes.
 */
export class Tally {
  readonly #name: string
  readonly #metrics: readonly LiveMetric[]
  readonly #steps = new Map<number, Map<string, Unit>>()
  /** What feedback may be about. */
  readonly #answers = new Map<string, { readonly place: ExperimentPlace; readonly prediction: Prediction }>()
  /** The step in which a unit was seen last. */
  readonly #latest = new Map<string, number>()
  /** Outcomes of units that the store has not seen yet, by unit: another process may log the exposure later. */
  readonly #early = new Map<string, Outcome[]>()
  #waiting = 0
  #leftOut = 0

  constructor(name: string, metrics: readonly LiveMetric[]) {
    this.#name = name
    this.#metrics = metrics
  }

  /** Outcomes that count for no unit: of units that saw no variant, or measured before they did. */
  get leftOut(): number {
    return this.#leftOut + this.#waiting
  }

  add(entry: FeedbackEntry): void {
    if (entry.kind === 'prediction' || entry.kind === 'exposure') {
      const { experiment: place } = entry
      if (place?.name !== this.#name) return
      this.#expose(place)
      this.#countEarly(place, entry.timeMs)
      if (entry.kind === 'prediction') this.#answers.set(entry.id, { place, prediction: entry.prediction })
    } else if (entry.kind === 'outcome') {
      const { name, unit } = entry.experiment
      if (name !== this.#name) return
      const step = this.#latest.get(unit)
      if (step === undefined) this.#keepEarly(unit, entry)
      else this.#count(step, unit, entry, undefined)
    } else {
      const about = this.#answers.get(entry.prediction)
      if (about !== undefined) this.#count(about.place.step, about.place.unit, entry, about.prediction)
    }
  }

  /** How many units got each variant in a step. */
  units(step: number): Readonly<Record<Variant, number>> {
    const counts = { control: 0, treatment: 0 }
    for (const { variant } of this.#steps.get(step)?.values() ?? []) counts[variant] += 1
    return counts
  }

  proportion(step: number, metric: number, variant: Variant): Proportion {
    let [successes, trials] = [0, 0]
    for (const { first } of this.#outcomes(step, metric, variant)) {
      successes += first
      trials += 1
    }
    return { successes, trials }
  }

  mean(step: number, metric: number, variant: Variant): MeanSummary {
    // B. P. Welford, Technometrics 4 (1962) 419–420.
    let [count, mean, squares] = [0, 0, 0]
    for (const outcomes of this.#outcomes(step, metric, variant)) {
      const value = outcomes.sum / outcomes.count
      count += 1
      const distance = value - mean
      mean += distance / count
      squares += distance * (value - mean)
    }
    return { count, mean, variance: count < 2 ? 0 : squares / (count - 1) }
  }

  *#outcomes(step: number, metric: number, variant: Variant): Iterable<Outcomes> {
    for (const unit of this.#steps.get(step)?.values() ?? []) {
      const outcomes = unit.variant === variant ? unit.outcomes[metric] : undefined
      if (outcomes !== undefined) yield outcomes
    }
  }

  #expose({ step, unit, variant }: ExperimentPlace): void {
    const units = this.#steps.get(step) ?? new Map<string, Unit>()
    this.#steps.set(step, units)
    if (!units.has(unit)) units.set(unit, { variant, outcomes: [] })
    this.#latest.set(unit, step)
  }

  #keepEarly(unit: string, outcome: Outcome): void {
    if (this.#waiting >= mostWaiting) {
      this.#leftOut += 1
      return
    }
    const early = this.#early.get(unit)
    if (early === undefined) this.#early.set(unit, [outcome])
    else early.push(outcome)
    this.#waiting += 1
  }

  #countEarly({ step, unit }: ExperimentPlace, exposedMs: number): void {
    const early = this.#early.get(unit)
    if (early === undefined) return
    this.#early.delete(unit)
    this.#waiting -= early.length
    // What was measured before the unit saw its variant is no effect of it.
    for (const outcome of early)
      if (outcome.timeMs >= exposedMs) this.#count(step, unit, outcome, undefined)
      else this.#leftOut += 1
  }

  #count(step: number, name: string, entry: Feedback | Outcome, answer: Prediction | undefined): void {
    const unit = this.#steps.get(step)!.get(name)!
    for (const [index, metric] of this.#metrics.entries()) {
      const value = metric.outcome(entry, answer)
      // A yes/no metric takes nothing between yes and no.
      if (value === undefined || !Number.isFinite(value) || (metric.kind === 'binary' && value !== 0 && value !== 1))
        continue
      const outcomes = unit.outcomes[index]
      if (outcomes === undefined) unit.outcomes[index] = { first: value, sum: value, count: 1 }
      else {
        outcomes.sum += value
        outcomes.count += 1
      }
    }
  }
}

/** Outcomes that wait for an exposure: about 50 MB. */
const mostWaiting = 100_000
