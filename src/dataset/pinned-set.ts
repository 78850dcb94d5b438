import { type Digest, SheikhError } from '../core/index.js'
import type { PinnedFields, PinnedItem, PinnedSet, Repin, RowIdentity } from './dataset-types.js'
import { diffIdentities } from './diff.js'
import { someOf } from './issues.js'
import { pinnedItem, sorted } from './pinned-format.js'
import { isSelected, type SelectionOptions } from './selection.js'

/** The key that decides whether a row is selected or excluded. All rows of a group share it. */
export const groupKeyOf = ({ group, id }: Pick<RowIdentity, 'group' | 'id'>): string => group ?? id

/**
 * Selects an evaluation set by hash. Groups are selected as a unit.
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
      `Cannot choose an evaluation set: the share ${share} is not between 0 and 1. Give one such as 0.2.`,
    )
  const items = identities
    .filter((row) => isSelected(groupKeyOf(row), { salt, purpose, share }))
    .map((row) => itemOf(row))
  return { formatVersion, salt, purpose, share, ...(fields !== undefined && { fields }), items: sorted(items) }
}

const formatVersion = 2

/** The digest that a set pins for a row: the sample's digest; in format 1, the row's. */
export const pinnedDigestOf = (
  { digest, sampleDigest }: Pick<RowIdentity, 'digest' | 'sampleDigest'>,
  version: PinnedSet['formatVersion'],
): Digest => (version === 1 ? digest : sampleDigest)

/**
 * Returns the set with further rows, or with the current content of rows that were edited.
 *
 * @throws `not-found` for an id that no row has.
 */
export function addToPinnedSet(set: PinnedSet, ids: readonly string[], identities: readonly RowIdentity[]): PinnedSet {
  const rows = new Map(identities.map((row) => [row.id, row]))
  const unknown = ids.filter((id) => !rows.has(id))
  if (unknown.length > 0)
    throw new SheikhError(
      'not-found',
      `Cannot pin ${someOf(unknown)}: no sample has this id. Check the ids of the samples.`,
      { facts: { ids: unknown } },
    )
  const items = new Map(set.items.map((item) => [item.id, item]))
  for (const id of ids) items.set(id, itemOf(rows.get(id)!, set.formatVersion))
  return { ...set, items: sorted([...items.values()]) }
}

/**
 * Returns the set with the current content and groups of its items, in the newest format. Items without a sample are
 * removed; no item is added. If anything about the items changed, the set records the reason.
 *
 * @param now.fields the fields that parts currently come from.
 * @throws `invalid-options` without a reason or a name; `dataset-changed` if no pinned sample exists any more.
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
      `Cannot repin the evaluation set: ${reason.trim() === '' ? 'the reason' : 'the name of who decides'} is empty. ${reason.trim() === '' ? 'Give a reason: --reason "…"' : 'Give a name: --by "…"'}`,
    )
  const rows = new Map(identities.map((row) => [row.id, row]))
  const kept = set.items.filter(({ id }) => rows.has(id))
  if (kept.length === 0)
    throw new SheikhError(
      'dataset-changed',
      'Cannot repin the evaluation set: none of the pinned samples exist any more. Restore the samples, or delete the file and pin a new set: sheikh evaluation pin',
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
  /** Number of pinned items. */
  readonly pinned: number
  /** Ids of pinned items whose sample changed since pinning. */
  readonly edited: readonly string[]
  /** Ids of pinned items whose sample no longer exists. */
  readonly deleted: readonly string[]
  /** Ids of rows that are not pinned but belong to a pinned group. */
  readonly excludedByGroup: readonly string[]
  readonly training: number
}

/** Compares a pinned set with the current rows. */
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
    excludedByGroup,
    training: others.length - excludedByGroup.length,
  }
}

/**
 * The keys of rows that no model may be trained on: keys of the items as pinned and of their current rows. A group that
 * a setting adds after pinning is excluded like a pinned group.
 */
export function heldOutKeys(
  { items }: Pick<PinnedSet, 'items'>,
  rows: Iterable<Pick<RowIdentity, 'id' | 'group'>>,
): ReadonlySet<string> {
  const keys = new Set(items.map(groupKeyOf))
  const pinned = new Set(items.map(({ id }) => id))
  for (const row of rows) if (pinned.has(row.id)) keys.add(groupKeyOf(row))
  return keys
}

const itemOf = (row: RowIdentity, version: PinnedSet['formatVersion'] = formatVersion) =>
  pinnedItem(row.id, pinnedDigestOf(row, version), row.group)
