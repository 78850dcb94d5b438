import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkedPath, digestBytes, type FileEntry } from '../../src/core/index.js'
import { documentName, planAssets } from '../../src/releaser/github/asset-names.js'
import { parseDocument, readMarker, withMarker } from '../../src/releaser/github/release-document.js'

const isPath = (path: string) => {
  try {
    return checkedPath(path) === path
  } catch {
    return false
  }
}
const paths = fc.oneof(
  fc.stringMatching(/^[A-Ca-c]{1,2}(\/[a-c.-]{1,4}){0,2}$/).filter(isPath),
  fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter(isPath),
)
const filesOf = (names: readonly string[], sizeBytes = 10): readonly FileEntry[] =>
  names.map((path) => ({ path, sizeBytes, digest: digestBytes(path) }))

describe('names of assets', () => {
  it('are plain, unique whatever the case, and the same for the same files', () =>
    fc.assert(
      fc.property(fc.uniqueArray(paths, { maxLength: 12 }), fc.integer({ min: 3, max: 12 }), (names, partBytes) => {
        const plans = planAssets(filesOf(names), partBytes)
        const all = [documentName, ...plans.flatMap((plan) => plan.names)]
        expect(new Set(all.map((name) => name.toLowerCase())).size).toBe(all.length)
        for (const name of all) expect(name).toMatch(/^[A-Za-z0-9]([A-Za-z0-9_-]|\.(?!\.|$))*$/)
        expect(plans.map(({ file }) => file.path)).toEqual(names)
        for (const plan of plans) expect(plan.names).toHaveLength(Math.ceil(10 / partBytes))
        expect(planAssets(filesOf(names), partBytes)).toEqual(plans)
      }),
    ))

  it('are the paths where these are plain', () => {
    const names = planAssets(filesOf(['config.json', 'prompts/a.txt', 'model-00001-of-00002.safetensors']), 100)
    expect(names.flatMap((plan) => plan.names)).toEqual([
      'config.json',
      'prompts--a.txt',
      'model-00001-of-00002.safetensors',
    ])
  })
})

// Line separators that JSON does not escape and `.` does not match come often enough to be met in every run.
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\n', '\r', '\u2028', '\u2029', '\u0085', '>', '-'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
})

describe('the mark in the notes', () => {
  it('is read as it was written, and ends no comment', () =>
    fc.assert(
      fc.property(anyText, fc.nat(), (runId, publishedAtMs) => {
        const marker = { version: '1.0.0', bundle: digestBytes('a'), runId }
        const body = withMarker('notes', marker)
        expect(readMarker(body)).toEqual(marker)
        expect(body.match(/-->/g)).toHaveLength(1)
        const later = withMarker(body, { ...marker, publishedAtMs })
        expect(readMarker(later)).toEqual({ ...marker, publishedAtMs })
        expect(later.match(/<!--/g)).toHaveLength(1)
      }),
    ))

  it.each([null, '', '<!-- sheikh {} -->', '<!-- sheikh {"version":1} -->', '<!-- sheikh {nonsense} -->'])(
    'of %j is none',
    (body) => expect(readMarker(body)).toBe(undefined),
  )
})

it.each(['', '{', 'null', '[]', '{}', '{"formatVersion":1}', '{"formatVersion":2}'])(
  'a document that reads %j is corrupt, and says where',
  (text) =>
    expect(() => parseDocument(text, 'v1.0.0')).toThrow(
      expect.objectContaining({ code: 'artifact-corrupt', message: expect.stringContaining('v1.0.0') }),
    ),
)
