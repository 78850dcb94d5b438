import { SheikhError } from '../../core/index.js'
import type { Check } from '../gate.js'
import { judgeCalibration } from '../judge-calibration.js'
import { alpha } from '../partial-finding.js'

export interface CalibrationOptions {
  /** The largest expected calibration error, 0..1. @default 0.1 */
  readonly maximumError?: number | undefined
}

/**
 * Checks that the model is right as often as its confidence predicts: the expected calibration error of its answer, in
 * bins with equal numbers of items (K. Nguyen and B. O'Connor, EMNLP 2015).
 *
 * `pass` if the upper bootstrap percentile is at most `maximumError`. The error is overestimated, never underestimated,
 * so a pass is conservative. `fail` if exact bounds per bin (Clopper-Pearson, or Gaffke's over groups; Bonferroni over
 * five bins) show that the error is larger. Every item has the same weight, and groups are resampled together. The
 * finding contains the reliability diagram.
 *
 * @throws `invalid-options`
 */
export function calibration({ maximumError = 0.1 }: CalibrationOptions = {}): Check {
  if (!(maximumError > 0 && maximumError < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot use ${maximumError} as the largest calibration error: it is not between 0 and 1.`,
    )
  const name = 'calibration'
  return {
    contract: 1,
    name,
    // Version 2: every item has the same weight, and groups are resampled together.
    version: '2',
    metrics: [],
    describe: () => ({ maximumError, alpha }),
    async examine({ candidate: { evaluation }, passAlpha = alpha }, context) {
      context.signal.throwIfAborted()
      return [{ check: name, critical: true, ...judgeCalibration(evaluation, maximumError, passAlpha) }]
    },
  }
}
