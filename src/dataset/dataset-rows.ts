import type { DatasetSnapshot, RowWithSample } from './dataset-types.js'
import type { RowList } from './row-table.js'
import type { Split } from './split.js'

export type Part = 'training' | 'evaluation'

/** The rows of a dataset, without an object for each: ten million of them would take gigabytes. */
export interface DatasetRows {
  /** Sorted by id. */
  readonly rows: RowList
  /** The part of a row by its place in `rows`. Rows that are neither trained on nor judged have none. */
  readonly partAt: (place: number) => Part | undefined
  /** As `DatasetContents.withSamples`, with the place of each row. */
  withSamples(): AsyncIterable<RowWithSample & { readonly place: number }>
}

const names = [undefined, 'training', 'evaluation'] as const

export function partsOf({ table, indices }: RowList, { training, evaluation }: Split): DatasetRows['partAt'] {
  const parts = new Uint8Array(table.size)
  for (const index of training.indices) parts[index] = names.indexOf('training')
  for (const index of evaluation.indices) parts[index] = names.indexOf('evaluation')
  return (place) => names[parts[indices[place]!]!]
}

/** The same for a snapshot that the dataset did not make. Without one, every row is a training row. */
export function partsByIds(
  rows: RowList,
  snapshot: DatasetSnapshot<unknown, unknown> | undefined,
): DatasetRows['partAt'] {
  if (snapshot === undefined) return () => 'training'
  const excluded = new Set(snapshot.summary.excludedByGroupIds)
  const parts = new Map<string, Part>()
  for (const { id } of snapshot.trainingRows) parts.set(id, 'training')
  for (const { id } of snapshot.heldOut) if (!excluded.has(id)) parts.set(id, 'evaluation')
  return (place) => parts.get(rows.at(place).id)
}
