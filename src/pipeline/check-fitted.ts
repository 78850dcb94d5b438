import { misfitOf, object, SheikhError, text } from '../core/index.js'
import { type Candidate, candidateRecordShape, type Trainer } from '../trainer/index.js'

const fittedShape = object({ weights: object({ path: text }), record: object({}) })

/**
 * A trainer of a host's own may return anything.
 *
 * @param record as it will be kept. @default that of the candidate
 * @throws `stage-failed` for what is no candidate.
 */
export function checkFitted(
  { name }: Pick<Trainer<never, never>, 'name'>,
  fitted: Candidate | undefined,
  record: unknown = fitted?.record,
): void {
  const misfit = misfitOf(fittedShape, fitted, 'candidate') ?? misfitOf(candidateRecordShape, record, 'record')
  if (misfit !== undefined)
    throw new SheikhError(
      'stage-failed',
      `Cannot use what the trainer "${name}" made: "${misfit}" is missing or has another form. Correct the trainer: a candidate has weights and a record.`,
      { facts: { stage: 'train', misfit } },
    )
}
