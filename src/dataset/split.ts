import { SheikhError } from '../core/index.js'
import type { TrainingSelection } from './dataset-options.js'
import type { DatasetContext, PinnedSet, PinnedSource } from './dataset-types.js'
import { placeOf, someOf } from './issues.js'
import { keyOf } from './pinned-set.js'
import type { ScannedRow } from './read-entry.js'
import { isSelected, rankOf } from './selection.js'

/** Rows by the side of the line that they stand on, each in order of id. */
export interface Split {
  readonly training: readonly ScannedRow[]
  /** Of what would be training. */
  readonly development: readonly ScannedRow[]
  readonly evaluation: readonly ScannedRow[]
  /** Of a pinned group, and not pinned. */
  readonly setAside: readonly ScannedRow[]
  /** Of what could be learned from, and was not chosen to be. */
  readonly leftOut: readonly ScannedRow[]
}

/** How the rows that are not pinned are used. */
export interface SplitOptions {
  readonly developmentShare?: number | undefined
  readonly training?: TrainingSelection | undefined
}

/** @throws `dataset-invalid` where no set is pinned. */
export async function readPinnedSet(source: PinnedSource | undefined, context: DatasetContext): Promise<PinnedSet> {
  const set = await source?.read(context)
  if (set !== undefined) return set
  const fact = source === undefined ? 'the dataset was given none' : `${JSON.stringify(source.name)} is not there`
  throw new SheikhError('dataset-invalid', `There is no evaluation set: ${fact}. Pin one: sheikh evaluation pin`, {
    facts: { source: source?.name },
  })
}

/**
 * @throws `dataset-changed` where a pinned item was edited or deleted; `dataset-invalid` where a side is empty.
 */
export function splitRows(
  rows: readonly ScannedRow[],
  { items, salt }: PinnedSet,
  name: string,
  { developmentShare = 0, training: { slices = {}, maximumRows = Number.POSITIVE_INFINITY } = {} }: SplitOptions = {},
): Split {
  const pinned = new Map(items.map((item) => [item.id, item]))
  const keys = new Set(items.map(keyOf))
  const part = () => [] as ScannedRow[]
  const split = { training: part(), development: part(), evaluation: part(), setAside: part(), leftOut: part() }
  const edited: ScannedRow[] = []
  const wanted: ScannedRow[] = []
  for (const row of rows) {
    const item = pinned.get(row.id)
    if (item === undefined && keys.has(keyOf(row))) split.setAside.push(row)
    else if (item === undefined && !isOfSlices(row, slices)) split.leftOut.push(row)
    else if (item === undefined) wanted.push(row)
    else {
      pinned.delete(row.id)
      split.evaluation.push(row)
      if (item.digest !== row.digest) edited.push(row)
    }
  }
  checkPinned(edited, [...pinned.keys()], name)
  if (split.evaluation.length === 0)
    throw emptySide('the evaluation set', `${name} pins no item`, 'sheikh evaluation add <id>')
  const { kept, left } = lowestRanks(wanted, maximumRows, salt)
  split.leftOut.push(...left)
  const selection = { salt, purpose: 'development', share: developmentShare }
  for (const row of kept)
    split[developmentShare > 0 && isSelected(keyOf(row), selection) ? 'development' : 'training'].push(row)
  if (split.training.length === 0)
    throw emptySide(
      'the training part',
      `every row is pinned or set aside${split.leftOut.length > 0 ? ', or not chosen to be learned from' : ''}`,
      'add samples',
    )
  if (developmentShare > 0 && split.development.length === 0)
    throw emptySide(
      'the development part',
      `a share of ${developmentShare} of the rows is none`,
      'a larger share, or none',
    )
  return split
}

const isOfSlices = ({ slices }: ScannedRow, wanted: Slices) =>
  Object.entries(wanted).every(([kind, values]) => slices[kind] !== undefined && values.includes(slices[kind]))

/** By hash, so that new samples take few places from others; each list in order of id, as before. */
function lowestRanks(rows: readonly ScannedRow[], count: number, salt: string) {
  if (rows.length <= count) return { kept: rows, left: [] }
  const ranked = rows.map((row, place) => ({ place, rank: rankOf(keyOf(row), { salt, purpose: 'training' }) }))
  ranked.sort((one, other) => (one.rank < other.rank ? -1 : one.rank > other.rank ? 1 : one.place - other.place))
  const chosen = new Set(ranked.slice(0, count).map(({ place }) => place))
  return {
    kept: rows.filter((_, place) => chosen.has(place)),
    left: rows.filter((_, place) => !chosen.has(place)),
  }
}

type Slices = NonNullable<TrainingSelection['slices']>

function checkPinned(edited: readonly ScannedRow[], deleted: readonly string[], name: string): void {
  if (edited.length === 0 && deleted.length === 0) return
  const places = edited.map(({ id, path, position }) => `${id} in ${placeOf(path, position)}`)
  const facts = [
    ...(edited.length > 0 ? [`edited: ${someOf(places)}`] : []),
    ...(deleted.length > 0 ? [`deleted: ${someOf(deleted)}`] : []),
  ]
  throw new SheikhError(
    'dataset-changed',
    `Pinned items are not what models were judged on (${facts.join('; ')}; pinned in ${name}). Restore the samples, or decide on the new content: sheikh evaluation add <id> for an edited one, a new set without a deleted one.`,
    { facts: { source: name, edited: edited.map(({ id, path, position }) => ({ id, path, position })), deleted } },
  )
}

const emptySide = (side: string, fact: string, remedy: string) =>
  new SheikhError('dataset-invalid', `Cannot use the dataset: ${side} is empty, since ${fact}. Change that: ${remedy}.`)
