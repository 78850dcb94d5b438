import { type Digest, isDigest, SheikhError } from '../core/index.js'
import type { PinnedItem, PinnedSet, RowIdentity } from './dataset-types.js'
import { diffIdentities } from './diff.js'
import { someOf } from './issues.js'
import { isSelected, type Selection } from './selection.js'

/** The key by which a row is chosen and kept apart: all rows of a group have one. */
export const keyOf = ({ group, id }: Pick<RowIdentity, 'group' | 'id'>): string => group ?? id

/**
 * The evaluation set that the hash rule chooses; a group is in whole, or not at all.
 *
 * @throws `invalid-options` for a share that is not between 0 and 1.
 */
export function proposePinnedSet(identities: readonly RowIdentity[], selection: Selection): PinnedSet {
  const { salt, purpose = 'evaluation', share } = selection
  if (!(share > 0 && share < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot choose an evaluation set: a share of ${share} is not between 0 and 1. Give one such as 0.2.`,
    )
  const items = identities.filter((row) => isSelected(keyOf(row), { salt, purpose, share })).map(itemOf)
  return { formatVersion: 1, salt, purpose, share, items: sorted(items) }
}

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
  for (const id of ids) items.set(id, itemOf(rows.get(id)!))
  return { ...set, items: sorted([...items.values()]) }
}

export interface PinnedStatus {
  /** Items pinned. */
  readonly pinned: number
  /** Ids of pinned items whose sample is not what was pinned. */
  readonly edited: readonly string[]
  /** Ids of pinned items that have no sample. */
  readonly deleted: readonly string[]
  /** Ids of rows of a pinned group that are not pinned themselves. */
  readonly setAside: readonly string[]
  readonly training: number
}

/** How a pinned set stands against the rows as they are. */
export function pinnedStatus(set: PinnedSet, identities: readonly RowIdentity[]): PinnedStatus {
  const pinnedIds = new Set(set.items.map(({ id }) => id))
  const keys = new Set(set.items.map(keyOf))
  const others = identities.filter(({ id }) => !pinnedIds.has(id))
  const { removed, changed } = diffIdentities(set.items, identities)
  const setAside = others.filter((row) => keys.has(keyOf(row))).map(({ id }) => id)
  return {
    pinned: set.items.length,
    edited: changed,
    deleted: removed,
    setAside,
    training: others.length - setAside.length,
  }
}

/** The set's text: one item a line, so that a difference in Git can be read. */
export function formatPinnedSet({ formatVersion, salt, purpose, share, items }: PinnedSet): string {
  const head = Object.entries({ formatVersion, salt, purpose, share }).map(
    ([name, value]) => `  "${name}": ${JSON.stringify(value)},\n`,
  )
  const lines = sorted(items).map(({ id, digest, group }) => `    ${JSON.stringify({ id, digest, group })}`)
  return `{\n${head.join('')}  "items": [${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n  `}]\n}\n`
}

/** Checks a document. @throws `dataset-invalid` where it is not a pinned set. */
export function parsePinnedSet(document: unknown, name = 'it'): PinnedSet {
  const refuse = (fact: string): never => {
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the evaluation set: ${name} ${fact}. Restore it from Git, or pin anew: sheikh evaluation pin`,
      { facts: { source: name } },
    )
  }
  const set = isObject(document) ? document : refuse('is not an object')
  if (set['formatVersion'] !== 1) refuse(`has the format version ${JSON.stringify(set['formatVersion'])}, not 1`)
  const { salt, purpose, share } = set
  if (typeof salt !== 'string') return refuse('has no "salt"')
  if (typeof purpose !== 'string') return refuse('has no "purpose"')
  if (typeof share !== 'number' || !(share > 0 && share < 1)) return refuse('has no "share" between 0 and 1')
  if (!Array.isArray(set['items'])) return refuse('has no "items"')
  const items = set['items'].map((item: unknown, index): PinnedItem => {
    const at = `item ${index + 1}`
    if (!isObject(item)) return refuse(`has an ${at} that is not an object`)
    const { id, digest, group } = item
    if (typeof id !== 'string' || id === '') return refuse(`has an ${at} without an id`)
    if (!isDigest(digest)) return refuse(`has no digest for ${JSON.stringify(id)}`)
    if (group !== undefined && typeof group !== 'string')
      return refuse(`has a group for ${JSON.stringify(id)} that is not text`)
    return pinnedItem(id, digest, group)
  })
  const inOrder = sorted(items)
  const twice = inOrder.find(({ id }, index) => inOrder[index - 1]?.id === id)
  if (twice !== undefined) refuse(`holds ${JSON.stringify(twice.id)} twice`)
  return { formatVersion: 1, salt, purpose, share, items: inOrder }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const itemOf = ({ id, digest, group }: RowIdentity) => pinnedItem(id, digest, group)

const pinnedItem = (id: string, digest: Digest, group: string | undefined): PinnedItem =>
  group === undefined ? { id, digest } : { id, digest, group }

const sorted = (items: readonly PinnedItem[]): readonly PinnedItem[] =>
  [...items].sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
