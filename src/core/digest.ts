import { createHash, type Hash, hash } from 'node:crypto'
import { SheikhError } from './errors.js'
import { canonicalJson } from './json.js'

/** A SHA-256 digest: `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`

const pattern = /^sha256:[0-9a-f]{64}$/

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && pattern.test(value)
}

/** @throws `artifact-corrupt` if `value` is not a digest. */
export function parseDigest(value: unknown, what = 'a digest'): Digest {
  if (isDigest(value)) return value
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot read ${what}: ${JSON.stringify(value)} is not "sha256:" and 64 hexadecimal digits.`,
  )
}

/** The hexadecimal digits without the prefix, for file names and other tools. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length)
}

export function digestBytes(bytes: Uint8Array | string): Digest {
  return `sha256:${hash('sha256', bytes, 'hex')}`
}

/** The digest of the canonical text (RFC 8785) of a JSON value. */
export function digestJson(value: unknown): Digest {
  return digestBytes(canonicalJson(value))
}

/** Starts a digest over bytes that arrive in pieces: `startDigest().update(…)`, then `finishDigest`. */
export function startDigest(): Hash {
  return createHash('sha256')
}

export function finishDigest(hashing: Hash): Digest {
  return `sha256:${hashing.digest('hex')}`
}

/**
 * The root of a Merkle tree over leaves in the order given (RFC 6962, section 2.1: leaves are hashed behind a 0x00,
 * inner nodes behind a 0x01, and the left part of n leaves holds the largest power of two below n).
 * The root of no leaves is the digest of nothing.
 */
export function merkleRoot(leaves: readonly Digest[]): Digest {
  return merkleRootOf(leaves.length, (index, target, at) => target.write(hexOf(leaves[index]!), at, 'hex'))
}

/** The same over digests that are not kept as text. @param copyLeaf writes the 32 bytes of a leaf to `target`. */
export function merkleRootOf(leafCount: number, copyLeaf: (index: number, target: Buffer, at: number) => void): Digest {
  if (leafCount === 0) return digestBytes('')
  // One buffer and one stack of whole subtrees, at most one of each size: a Hash object per node costs more than the hashing,
  // and all nodes of a million leaves take 32 MB. The result as a binary string is three times as fast as a buffer.
  const leaf = Buffer.alloc(1 + size)
  const node = Buffer.alloc(1 + 2 * size, 1)
  const subtrees: string[] = []
  const join = () => {
    const right = subtrees.pop()!
    node.write(subtrees.pop()!, 1, 'latin1')
    node.write(right, 1 + size, 'latin1')
    subtrees.push(hash('sha256', node, 'binary'))
  }
  for (let index = 0; index < leafCount; index += 1) {
    copyLeaf(index, leaf, 1)
    subtrees.push(hash('sha256', leaf, 'binary'))
    // Each 1 bit at the end of `index` is a whole subtree to the left, of the same size.
    for (let rest = index; rest % 2 === 1; rest = (rest - 1) / 2) join()
  }
  // The left part holds the largest power of two, so what is left over is joined from the right.
  while (subtrees.length > 1) join()
  return `sha256:${Buffer.from(subtrees[0]!, 'latin1').toString('hex')}`
}

/** Number of bytes in a SHA-256 digest. */
const size = 32
