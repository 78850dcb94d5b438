import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Digest, digestBytes, isDigest, merkleRoot, parseDigest } from '../../src/core/index.js'

/** RFC 6962, section 2.1, word for word: the largest power of two below n goes to the left. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  const sha = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  if (leaves.length === 0) return sha()
  if (leaves.length === 1) return sha(Buffer.from([0]), leaves[0]!)
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha(Buffer.from([1]), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

describe('merkleRoot', () => {
  // Inputs and roots of the reference tests of google/certificate-transparency (merkle_tree_test).
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ].map((hex) => Buffer.from(hex, 'hex'))
  it.each([
    [1, '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
    [2, 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
    [3, 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
    [5, '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4'],
    [7, 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
    [8, '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328'],
  ])('the definition used here gives the published root of %i leaves', (count, root) => {
    expect(treeHash(inputs.slice(0, count)).toString('hex')).toBe(root)
  })

  it('is the tree of the definition, for every number of leaves up to 70', () => {
    for (let count = 0; count <= 70; count += 1) {
      const leaves = Array.from({ length: count }, (_, index): Digest => digestBytes(String(index)))
      const expected = treeHash(leaves.map((leaf) => Buffer.from(leaf.slice(7), 'hex'))).toString('hex')
      expect(merkleRoot(leaves)).toBe(`sha256:${expected}`)
    }
  })
})

describe('digests', () => {
  it('are told from other text', () => {
    expect(isDigest(digestBytes('a'))).toBe(true)
    for (const value of ['sha256:', 'ab', digestBytes('a').toUpperCase(), `${digestBytes('a')}0`, 1, null]) {
      expect(isDigest(value)).toBe(false)
      expect(() => parseDigest(value)).toThrow(expect.objectContaining({ code: 'artifact-corrupt' }))
    }
  })
})
