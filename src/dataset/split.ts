import { SheikhError } from '../core/index.js'
import type { TrainingSelection } from './dataset-options.js'
import type { DatasetContext, PinnedItem, PinnedSet, PinnedSource } from './dataset-types.js'
import { placeOf, someOf } from './issues.js'
import { groupKeyOf, heldOutKeys, pinnedDigestOf } from './pinned-set.js'
import { RowList, type ScannedRow } from './row-table.js'
import { isSelected, rankOf } from './selection.js'

/** The rows of each part, sorted by id. */
export interface Split {
  readonly training: RowList
  /** Training rows that are reserved for early stopping and tuning. */
  readonly development: RowList
  readonly evaluation: RowList
  /** Rows of a pinned group that are not pinned. */
  readonly excludedByGroup: RowList
  /** Rows that could be trained on but are not selected. */
  readonly leftOut: RowList
}

/** How rows that are not pinned are used. */
export interface SplitOptions {
  readonly developmentShare?: number | undefined
  readonly training?: TrainingSelection | undefined
}

/** @throws `dataset-invalid` if no set is pinned. */
export async function readPinnedSet(source: PinnedSource | undefined, context: DatasetContext): Promise<PinnedSet> {
  const set = await source?.read(context)
  if (set !== undefined) return set
  const fact =
    source === undefined ? 'the dataset has no option "evaluation"' : `${JSON.stringify(source.name)} does not exist`
  throw new SheikhError('dataset-invalid', `No evaluation set is pinned: ${fact}. Pin one: sheikh evaluation pin`, {
    facts: { source: source?.name },
  })
}

/**
 * @throws `dataset-changed` if a pinned item was edited or deleted; `dataset-invalid` if a part is empty.
 */
export function splitRows(
  rows: RowList,
  set: PinnedSet,
  name: string,
  { developmentShare = 0, training: { slices = {}, maximumRows = Number.POSITIVE_INFINITY } = {} }: SplitOptions = {},
): Split {
  const { items, salt, formatVersion } = set
  const pinned = new Map(items.map((item) => [item.id, item]))
  const keys = heldOutKeys(set, rows)
  const part = () => [] as number[]
  const parts = { training: part(), development: part(), evaluation: part(), excludedByGroup: part(), leftOut: part() }
  const edited: ScannedRow[] = []
  const regrouped: { readonly item: PinnedItem; readonly row: ScannedRow }[] = []
  const wanted: number[] = []
  for (const row of rows) {
    const item = pinned.get(row.id)
    if (item === undefined && keys.has(groupKeyOf(row))) parts.excludedByGroup.push(row.index)
    else if (item === undefined && !isOfSlices(row, slices)) parts.leftOut.push(row.index)
    else if (item === undefined) wanted.push(row.index)
    else {
      pinned.delete(row.id)
      parts.evaluation.push(row.index)
      if (item.digest !== pinnedDigestOf(row, formatVersion)) edited.push(row)
      // A group that was added later is already excluded. A pinned group is recorded only in this set.
      else if (item.group !== undefined && item.group !== row.group) regrouped.push({ item, row })
    }
  }
  checkPinned(edited, [...pinned.keys()], set, name)
  checkGroups(regrouped, set, name)
  if (parts.evaluation.length === 0)
    throw emptySide('the evaluation set', `${name} contains no items`, 'sheikh evaluation add <id>')
  const { kept, left } = lowestRanks(new RowList(rows.table, Uint32Array.from(wanted)), maximumRows, salt)
  for (const { index } of left) parts.leftOut.push(index)
  const selection = { salt, purpose: 'development', share: developmentShare }
  for (const row of kept)
    parts[developmentShare > 0 && isSelected(groupKeyOf(row), selection) ? 'development' : 'training'].push(row.index)
  const list = (indices: readonly number[]) => new RowList(rows.table, Uint32Array.from(indices))
  const split: Split = {
    ...{ training: list(parts.training), development: list(parts.development), evaluation: list(parts.evaluation) },
    ...{ excludedByGroup: list(parts.excludedByGroup), leftOut: list(parts.leftOut) },
  }
  if (split.training.length === 0)
    throw emptySide(
      'the training part',
      `every row is pinned${split.excludedByGroup.length > 0 ? ' or in the group of a pinned row' : ''}${split.leftOut.length > 0 ? ', or not selected for training' : ''}`,
      'add samples',
    )
  if (developmentShare > 0 && split.development.length === 0)
    throw emptySide(
      'the development part',
      `a share of ${developmentShare} selects no rows`,
      'choose a larger share, or remove the option',
    )
  return split
}

const isOfSlices = ({ slices }: ScannedRow, wanted: Slices) =>
  Object.entries(wanted).every(([kind, values]) => slices[kind] !== undefined && values.includes(slices[kind]))

/** Selects by hash, so that new samples displace few others. Each list remains sorted by id. */
function lowestRanks(rows: RowList, count: number, salt: string) {
  if (rows.length <= count) return { kept: rows, left: rows.slice(0, 0) }
  const ranked = [...rows].map((row, at) => ({
    place: row.index,
    at,
    rank: rankOf(groupKeyOf(row), { salt, purpose: 'training' }),
  }))
  ranked.sort((one, other) => (one.rank < other.rank ? -1 : one.rank > other.rank ? 1 : one.at - other.at))
  const chosen = new Set(ranked.slice(0, count).map(({ place }) => place))
  return {
    kept: rows.filter(({ index }) => chosen.has(index)),
    left: rows.filter(({ index }) => !chosen.has(index)),
  }
}

type Slices = NonNullable<TrainingSelection['slices']>

function checkPinned(
  edited: readonly ScannedRow[],
  deleted: readonly string[],
  { formatVersion }: PinnedSet,
  name: string,
): void {
  if (edited.length === 0 && deleted.length === 0) return
  const places = edited.map(({ id, path, position }) => `${id} in ${placeOf(path, position)}`)
  const facts = [
    ...(edited.length > 0 ? [`edited: ${someOf(places)}`] : []),
    ...(deleted.length > 0 ? [`deleted: ${someOf(deleted)}`] : []),
  ]
  const cause =
    formatVersion === 1
      ? ` ${name} has format 1, which also pins prompts and settings, so changing them counts as an edit.${deleted.some(isPlaceId) ? ' Samples without an id no longer use line numbers as ids.' : ''}`
      : ''
  throw new SheikhError(
    'dataset-changed',
    `Pinned items have changed (${facts.join('; ')}; pinned in ${name}).${cause} Restore the samples, or accept their current content: sheikh evaluation repin --reason "…"`,
    { facts: { source: name, edited: edited.map(({ id, path, position }) => ({ id, path, position })), deleted } },
  )
}

// Ids in format 1 for samples without an id: `a.csv#line 3`, `a.json#[2]`.
const isPlaceId = (id: string) => /#(?:line \d+|\[\d+\])$/.test(id)

function checkGroups(
  regrouped: readonly { readonly item: PinnedItem; readonly row: ScannedRow }[],
  { fields }: PinnedSet,
  name: string,
): void {
  const [first] = regrouped
  if (first === undefined) return
  const { item, row } = first
  const was = fields?.group === undefined ? '' : ` from ${JSON.stringify(fields.group)}`
  throw new SheikhError(
    'dataset-changed',
    `Cannot separate training and evaluation data: the setting "group" changed${was}, so ${regrouped.length} pinned ${regrouped.length === 1 ? 'item is' : 'items are'} in other groups than in ${name} (${JSON.stringify(item.id)}: ${JSON.stringify(item.group)}, now ${row.group === undefined ? 'none' : JSON.stringify(row.group)}). Restore the setting, or accept the new groups: sheikh evaluation repin --reason "…"`,
    { facts: { source: name, setting: 'group', ids: regrouped.map((each) => each.item.id) } },
  )
}

const emptySide = (side: string, fact: string, remedy: string) =>
  new SheikhError('dataset-invalid', `Cannot use the dataset: ${side} is empty, because ${fact}. Remedy: ${remedy}.`)
