import { SheikhError } from '../core/index.js'
import { checkedBetween, checkedCount } from './options.js'
import type { DifferenceSequence } from './proportion-difference-sequence.js'

/** A group of independent numbers. */
export interface MeanSummary {
  /** Count of the numbers. */
  readonly count: number
  readonly mean: number
  /** Sample variance, with the divisor `count` − 1. */
  readonly variance: number
}

export interface MeanDifferenceOptions {
  readonly control: MeanSummary
  readonly treatment: MeanSummary
  /** Probability that the interval contains the true difference at every moment. @default 0.95 */
  readonly confidence?: number
  /** The size of both groups together at which the interval is narrowest, compared with others. @default 5000 */
  readonly tunedFor?: number
}

export interface MeanDifference extends DifferenceSequence {
  /** The p-value of "there is no difference", valid at every look. */
  readonly p: number
}

/**
 * The interval of a difference of two means that may be looked at after every observation. Asymptotic: it needs numbers with
 * a variance and groups that are not small, about 100 each. The limits are infinite while a group has fewer than two numbers.
 *
 * Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas, Time-uniform central limit theory and
 * asymptotic confidence sequences, arXiv 2103.06476v7, equations 9, 155 and 161.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * meanDifferenceSequence({
 *   control: { count: 1000, mean: 10, variance: 4 },
 *   treatment: { count: 1000, mean: 10.5, variance: 4 },
 * }) // { estimate: 0.5, lower: 0.221, upper: 0.779, p: 0.000014 }
 * ```
 */
export function meanDifferenceSequence({
  control,
  treatment,
  confidence = 0.95,
  tunedFor = 5000,
}: MeanDifferenceOptions): MeanDifference {
  const alpha = 1 - checkedBetween('confidence', confidence, 0, 1)
  checkedCount('tunedFor', tunedFor, 1)
  for (const { count, mean, variance } of [control, treatment]) {
    checkedCount('count', count)
    if (!Number.isFinite(mean) || !(variance >= 0 && Number.isFinite(variance)))
      throw new SheikhError(
        'invalid-options',
        `Cannot compare means: the mean is ${mean} and the variance is ${variance}. Give finite numbers, and a variance of at least 0.`,
      )
  }
  const estimate = treatment.mean - control.mean
  const wide = { estimate, lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY, p: 1 }
  if (control.count < 2 || treatment.count < 2) return wide
  const variance = control.variance / control.count + treatment.variance / treatment.count
  // Equal numbers in each group say nothing about how numbers vary.
  if (variance === 0) return wide
  const count = control.count + treatment.count
  const rho2 = (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / tunedFor
  const scale = count * rho2 + 1
  const half = Math.sqrt((variance * (2 * scale * Math.log(Math.sqrt(scale) / alpha))) / (count * rho2))
  const logEvidence = (rho2 * (estimate ** 2 / variance) * count) / (2 * scale) - Math.log(scale) / 2
  return { estimate, lower: estimate - half, upper: estimate + half, p: Math.min(1, Math.exp(-logEvidence)) }
}
