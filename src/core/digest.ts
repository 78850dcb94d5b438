import { createHash, type Hash } from 'node:crypto'
import { SheikhError } from './errors.js'
import { canonicalJson } from './json.js'

/** A SHA-256 and its name: `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`

const pattern = /^sha256:[0-9a-f]{64}$/

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && pattern.test(value)
}

/** @throws `artifact-corrupt` where `value` is not a digest. */
export function parseDigest(value: unknown, what = 'a digest'): Digest {
  if (isDigest(value)) return value
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot read ${what}: ${JSON.stringify(value)} is not "sha256:" and 64 hexadecimal digits.`,
  )
}

/** The hexadecimal digits alone: for file names and for tools that want them. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length)
}

export function digestBytes(bytes: Uint8Array | string): Digest {
  return finishDigest(startDigest().update(bytes))
}

/** The digest of the canonical text (RFC 8785) of a JSON value. */
export function digestJson(value: unknown): Digest {
  return digestBytes(canonicalJson(value))
}

/** A digest over bytes that come in pieces: `startDigest().update(…)`, then `finishDigest`. */
export function startDigest(): Hash {
  return createHash('sha256')
}

export function finishDigest(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`
}

/**
 * The root of a Merkle tree over leaves in the order given (RFC 6962, section 2.1: leaves are hashed behind a 0x00,
 * inner nodes behind a 0x01, and the left part of n leaves holds the largest power of two below n).
 * The root of no leaves is the digest of nothing.
 */
export function merkleRoot(leaves: readonly Digest[]): Digest {
  if (leaves.length === 0) return digestBytes('')
  let level: Buffer[] = leaves.map((leaf) =>
    createHash('sha256')
      .update(leafPrefix)
      .update(Buffer.from(hexOf(leaf), 'hex'))
      .digest(),
  )
  // Pairing neighbours level by level, an odd last node moving up as it is, builds exactly the tree of RFC 6962.
  while (level.length > 1) {
    const next: Buffer[] = []
    for (let index = 0; index < level.length; index += 2) {
      const left = level[index]!
      const right = level[index + 1]
      next.push(
        right === undefined ? left : createHash('sha256').update(nodePrefix).update(left).update(right).digest(),
      )
    }
    level = next
  }
  return `sha256:${level[0]!.toString('hex')}`
}

const leafPrefix = Buffer.from([0])
const nodePrefix = Buffer.from([1])
