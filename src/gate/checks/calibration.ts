import { SheikhError } from '../../core/index.js'
import type { Check } from '../gate.js'
import { judgeCalibration } from '../judge-calibration.js'
import { alpha } from '../partial-finding.js'

export interface CalibrationOptions {
  /** The largest expected calibration error, 0..1. @default 0.1 */
  readonly maximumError?: number | undefined
}

/**
 * Whether the model is as often right as it says: the expected calibration error of the label that it gives, in bins of as
 * many items each (K. Nguyen and B. O'Connor, EMNLP 2015).
 *
 * `pass` where the upper bootstrap percentile is at most `maximumError`: the error is estimated too high, never too low, so
 * this errs to the safe side. `fail` where exact bounds by bin (Clopper-Pearson, or Gaffke's over groups; Bonferroni over
 * five bins) leave no smaller one. Every item counts alike, and groups are resampled as wholes. The finding holds the
 * reliability diagram.
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
    version: '1',
    metrics: [],
    describe: () => ({ maximumError, alpha }),
    async examine({ candidate: { evaluation }, passAlpha = alpha }, context) {
      context.signal.throwIfAborted()
      const answer = judgeCalibration(evaluation, maximumError, passAlpha)
      return [{ check: name, critical: true, threshold: maximumError, alpha: passAlpha, ...answer }]
    },
  }
}
