import { type Digest, SheikhError } from '../core/index.js'
import type { PinnedFields, PinnedItem, PinnedSet, Repin, RowIdentity } from './dataset-types.js'
import { diffIdentities } from './diff.js'
import { someOf } from './issues.js'
import { pinnedItem, sorted } from './pinned-format.js'
import { isSelected, type SelectionOptions } from './selection.js'

/** The key by which a row is chosen and kept apart: all rows of a group have one. */
export const groupKeyOf = ({ group, id }: Pick<RowIdentity, 'group' | 'id'>): string => group ?? id

/**
 * The evaluation set that the hash rule chooses; a group is in whole, or not at all.
 *
 * @throws `invalid-options` for a share that is not between 0 and 1.
 */
export function proposePinnedSet(
  identities: readonly RowIdentity[],
  selection: SelectionOptions & { readonly fields?: PinnedFields | undefined },
): PinnedSet {
  const { salt, purpose = 'evaluation', share, fields } = selection
  if (!(share > 0 && share < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot choose an evaluation set: a share of ${share} is not between 0 and 1. Give one such as 0.2.`,
    )
  const items = identities
    .filter((row) => isSelected(groupKeyOf(row), { salt, purpose, share }))
    .map((row) => itemOf(row))
  return { formatVersion, salt, purpose, share, ...(fields !== undefined && { fields }), items: sorted(items) }
}

const formatVersion = 2

/** What a set pins of a row: the sample's digest; in format 1, the row's. */
export const pinnedDigestOf = (
  { digest, sampleDigest }: Pick<RowIdentity, 'digest' | 'sampleDigest'>,
  version: PinnedSet['formatVersion'],
): Digest => (version === 1 ? digest : sampleDigest)

/**
 * The set with further rows, or with the present content of rows that were edited.
 *
 * @throws `not-found` for an id that no row has.
 */
export function addToPinnedSet(set: PinnedSet, ids: readonly string[], identities: readonly RowIdentity[]): PinnedSet {
  const rows = new Map(identities.map((row) => [row.id, row]))
  const unknown = ids.filter((id) => !rows.has(id))
  if (unknown.length > 0)
    throw new SheikhError(
      'not-found',
      `Cannot pin ${someOf(unknown)}: no sample has that id. Look at the ids of the samples.`,
      { facts: { ids: unknown } },
    )
  const items = new Map(set.items.map((item) => [item.id, item]))
  for (const id of ids) items.set(id, itemOf(rows.get(id)!, set.formatVersion))
  return { ...set, items: sorted([...items.values()]) }
}

/**
 * The set with the present content and groups of its items, in the newest format. Items without a sample are dropped; no
 * item is added. The set records the reason, if anything about its items changed.
 *
 * @param now.fields the fields that parts are made of now.
 * @throws `invalid-options` without a reason or a name; `dataset-changed` if no item has a sample any more.
 */
export function repinSet(
  set: PinnedSet,
  identities: readonly RowIdentity[],
  now: Pick<Repin, 'reason' | 'by' | 'atMs'> & { readonly fields?: PinnedFields | undefined },
): { readonly set: PinnedSet; readonly repin: Repin } {
  const { fields, reason, by, atMs } = now
  if (reason.trim() === '' || by.trim() === '')
    throw new SheikhError(
      'invalid-options',
      `Cannot repin the evaluation set: ${reason.trim() === '' ? 'the reason' : 'the name of who decides'} is empty. Say ${reason.trim() === '' ? 'why the content may change: --reason "…"' : 'who decides: --by "…"'}`,
    )
  const rows = new Map(identities.map((row) => [row.id, row]))
  const kept = set.items.filter(({ id }) => rows.has(id))
  if (kept.length === 0)
    throw new SheikhError(
      'dataset-changed',
      'Cannot repin the evaluation set: no pinned item has a sample any more. Restore the samples, or delete the file and pin anew: sheikh evaluation pin',
    )
  const repin = {
    ...{ reason, by, atMs },
    changed: kept.filter((item) => isChanged(item, rows.get(item.id)!, set.formatVersion)).length,
    removed: set.items.filter(({ id }) => !rows.has(id)).map(({ id }) => id),
  }
  const { salt, purpose, share, repins = [] } = set
  const items = sorted(kept.map(({ id }) => itemOf(rows.get(id)!)))
  return {
    repin,
    set: {
      ...{ formatVersion, salt, purpose, share },
      ...(fields !== undefined && { fields }),
      ...{ repins: [...repins, repin], items },
    },
  }
}

const isChanged = (item: PinnedItem, row: RowIdentity, version: PinnedSet['formatVersion']) =>
  item.digest !== pinnedDigestOf(row, version) || item.group !== row.group

export interface PinnedStatus {
  /** Items pinned. */
  readonly pinned: number
  /** Ids of pinned items whose sample is not what was pinned. */
  readonly edited: readonly string[]
  /** Ids of pinned items that have no sample. */
  readonly deleted: readonly string[]
  /** Ids of rows of a pinned group that are not pinned themselves. */
  readonly excludedByGroup: readonly string[]
  readonly training: number
}

/** How a pinned set compares with the rows as they are now. */
export function pinnedStatus(set: PinnedSet, identities: readonly RowIdentity[]): PinnedStatus {
  const pinnedIds = new Set(set.items.map(({ id }) => id))
  const keys = heldOutKeys(set, identities)
  const others = identities.filter(({ id }) => !pinnedIds.has(id))
  const now = identities.map((row) => ({ id: row.id, digest: pinnedDigestOf(row, set.formatVersion) }))
  const { removed, changed } = diffIdentities(set.items, now)
  const excludedByGroup = others.filter((row) => keys.has(groupKeyOf(row))).map(({ id }) => id)
  return {
    pinned: set.items.length,
    edited: changed,
    deleted: removed,
    excludedByGroup: excludedByGroup,
    training: others.length - excludedByGroup.length,
  }
}

/**
 * The keys of what no model may learn from: those of the items as they were pinned, and as their rows are now. A group that
 * a setting adds after pinning is kept apart like one that was pinned.
 */
export function heldOutKeys(
  { items }: Pick<PinnedSet, 'items'>,
  rows: readonly Pick<RowIdentity, 'id' | 'group'>[],
): ReadonlySet<string> {
  const keys = new Set(items.map(groupKeyOf))
  const pinned = new Set(items.map(({ id }) => id))
  for (const row of rows) if (pinned.has(row.id)) keys.add(groupKeyOf(row))
  return keys
}

const itemOf = (row: RowIdentity, version: PinnedSet['formatVersion'] = formatVersion) =>
  pinnedItem(row.id, pinnedDigestOf(row, version), row.group)
