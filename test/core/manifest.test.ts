import { describe, expect, it } from 'vitest'
import {
  checkedPath,
  digestBytes,
  digestManifest,
  isSheikhError,
  manifestOf,
  parseManifest,
  SheikhError,
} from '../../src/core/index.js'

const entry = (path: string) => ({ path, sizeBytes: 1, digest: digestBytes(path) })

describe('manifest', () => {
  it('does not depend on the order of its entries', () => {
    expect(digestManifest(manifestOf([entry('b'), entry('a/c')]))).toBe(
      digestManifest(manifestOf([entry('a/c'), entry('b')])),
    )
  })

  it('refuses a path twice', () => {
    expect(() => manifestOf([entry('a'), entry('a')])).toThrow(/twice/)
  })

  it.each([
    '',
    '/etc/passwd',
    '../a',
    'a/../b',
    'a//b',
    './a',
    'a\\b',
    'C:a',
    'a\0b',
    'a\nb',
    'nul',
    'a/CON.txt',
    'x'.repeat(1025),
    '\ud800',
  ])('refuses the path %j', (path) => {
    expect(() => checkedPath(path)).toThrow(expect.objectContaining({ code: 'artifact-corrupt' }))
  })

  it.each([
    null,
    [],
    {},
    { formatVersion: 2, files: [] },
    { formatVersion: 1, files: [{}] },
    { formatVersion: 1, files: [{ ...entry('a'), sizeBytes: -1 }] },
    { formatVersion: 1, files: [{ ...entry('a'), digest: 'x' }] },
  ])('refuses %j', (value) => {
    expect(() => parseManifest(value)).toThrow(expect.objectContaining({ code: 'artifact-corrupt' }))
  })
})

describe('SheikhError', () => {
  it('is known by its mark, across two copies of the package', () => {
    class OtherCopy extends Error {
      code = 'locked'
    }
    Object.defineProperty(OtherCopy.prototype, Symbol.for('sheikh-freemium.error'), { value: true })
    expect(isSheikhError(new OtherCopy(), 'locked')).toBe(true)
    expect(isSheikhError(new SheikhError('locked', 'a'), 'not-found')).toBe(false)
    for (const other of [new Error('a'), null, 'a', undefined]) expect(isSheikhError(other)).toBe(false)
  })

  it('keeps cause, facts and name', () => {
    const error = new SheikhError('storage-failed', 'a', { cause: 1, facts: { path: 'b' }, retryable: true })
    expect(error).toMatchObject({ name: 'SheikhError', cause: 1, facts: { path: 'b' }, retryable: true })
  })
})
