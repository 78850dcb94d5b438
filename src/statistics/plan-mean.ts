import { SheikhError } from '../core/index.js'
import { normalCdf, normalQuantile } from './normal.js'
import { checkedBetween, checkedCount } from './options.js'

export interface MeanPlanOptions {
  /** Standard deviation of the difference of one group, above 0: estimate it from an earlier comparison. */
  readonly deviation: number
  /** Level of the one-sided test. @default 0.05 */
  readonly alpha?: number
  /** @default 0.8 */
  readonly power?: number
}

/** What the test sees. */
export interface MeanDetectableOptions extends MeanPlanOptions {
  /** Groups. */
  readonly n: number
}
export interface MeanRequiredOptions extends MeanPlanOptions {
  /** The true mean difference that is to be seen (or the margin that an identical model is to pass), above 0. */
  readonly difference: number
}
export interface MeanPowerOptions extends Omit<MeanPlanOptions, 'power'> {
  readonly n: number
  readonly difference: number
}

// The normal approximation, for means of continuous scores: the bootstrap and the sign-flip test agree with it once n is in
// the tens. Source: R. V. Lenth, Am. Stat. 55 (2001) 187–193.

/** The chance that a true mean difference is seen. @throws `invalid-options` */
export function meanPower({ n, difference, deviation, alpha = 0.05 }: MeanPowerOptions): number {
  checkedCount('n', n, 1)
  return normalCdf(
    (checkedPositive('difference', difference) * Math.sqrt(n)) / checkedPositive('deviation', deviation) -
      critical(alpha),
  )
}

/** The smallest true mean difference that is seen with this power. @throws `invalid-options` */
export function meanDetectable({ n, deviation, alpha = 0.05, power = 0.8 }: MeanDetectableOptions): number {
  checkedCount('n', n, 1)
  return ((critical(alpha) + reserve(power)) * checkedPositive('deviation', deviation)) / Math.sqrt(n)
}

/** How many groups see a true mean difference with this power. @throws `invalid-options` */
export function meanRequired({ difference, deviation, alpha = 0.05, power = 0.8 }: MeanRequiredOptions): number {
  const ratio = checkedPositive('deviation', deviation) / checkedPositive('difference', difference)
  return Math.ceil(((critical(alpha) + reserve(power)) * ratio) ** 2)
}

const critical = (alpha: number) => normalQuantile(1 - checkedBetween('alpha', alpha, 0, 1))
const reserve = (power: number) => normalQuantile(checkedBetween('power', power, 0, 1))

function checkedPositive(name: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value
  throw new SheikhError('invalid-options', `Cannot use ${value} as "${name}". Give a finite number above 0.`, {
    facts: { [name]: value },
  })
}
