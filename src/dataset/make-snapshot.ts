import { identityOfRow } from './contents.js'
import type { LoadedOptions } from './dataset-state.js'
import type { DatasetContext, DatasetSnapshot, PinnedSet, RowIdentity } from './dataset-types.js'
import { RowReader } from './rows.js'
import type { UsedScan } from './scan-used.js'
import { type Split, splitRows } from './split.js'
import { summaryOf } from './summary.js'

/** Splits the rows of a scan into training and evaluation data. @throws as `Dataset.snapshot`. */
export function makeSnapshot(
  found: UsedScan,
  { options, schema, pinned }: Pick<LoadedOptions, 'options' | 'schema'> & Readonly<{ pinned: PinnedSet }>,
  context: DatasetContext,
): { readonly snapshot: DatasetSnapshot<unknown, unknown>; readonly split: Split } {
  const split = splitRows(found.rows, pinned, JSON.stringify(options.evaluation!.name), options)
  const reader = new RowReader(found, options, schema, context)
  const training = reader.rows(split.training)
  const evaluation = reader.rows(split.evaluation)
  const development = options.developmentShare ? reader.rows(split.development) : undefined
  const digests = {
    trainingDigest: training.digest,
    evaluationDigest: evaluation.digest,
    developmentDigest: development?.digest,
  }
  const summed = summaryOf(found, { split, digests, pinned, options })
  const summary =
    found.quarantined === 0
      ? summed
      : {
          ...summed,
          counts: { ...summed.counts, quarantined: found.quarantined },
          warnings: [...summed.warnings, ...found.quarantineWarnings],
        }
  let trainingRows: readonly RowIdentity[] | undefined
  let heldOut: readonly RowIdentity[] | undefined
  const snapshot: DatasetSnapshot<unknown, unknown> = {
    ...{ summary, training, evaluation },
    ...(development !== undefined && { development }),
    // A million identities take 300 MB, and many callers need none.
    get trainingRows() {
      trainingRows ??= split.training.map(identityOfRow)
      return trainingRows
    },
    get heldOut() {
      heldOut ??= [...split.evaluation.map(identityOfRow), ...split.excludedByGroup.map(identityOfRow)]
      return heldOut
    },
    get developmentRows() {
      return split.development.map(identityOfRow)
    },
    filterTraining: (keep) => reader.rows(split.training.filter((row) => keep(identityOfRow(row)))),
  }
  return { snapshot, split }
}
