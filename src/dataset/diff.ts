import type { RowIdentity } from './dataset-types.js'

/** Ids, in their original order. */
export interface IdentityDifference {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Ids in both, with different digests. */
  readonly changed: readonly string[]
}

/** Compares the rows of two readings. */
export function diffIdentities(
  before: readonly Pick<RowIdentity, 'id' | 'digest'>[],
  after: readonly Pick<RowIdentity, 'id' | 'digest'>[],
): IdentityDifference {
  const old = new Map(before.map(({ id, digest }) => [id, digest]))
  const now = new Map(after.map(({ id, digest }) => [id, digest]))
  return {
    added: after.filter(({ id }) => !old.has(id)).map(({ id }) => id),
    removed: before.filter(({ id }) => !now.has(id)).map(({ id }) => id),
    changed: before.filter(({ id, digest }) => now.has(id) && now.get(id) !== digest).map(({ id }) => id),
  }
}
