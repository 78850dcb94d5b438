import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext, digestJson } from '../../src/core/index.js'
import {
  addToPinnedSet,
  diffIdentities,
  formatPinnedSet,
  isSelected,
  parsePinnedSet,
  pinnedFile,
  pinnedSet,
  pinnedStatus,
  proposePinnedSet,
  type RowIdentity,
} from '../../src/dataset/index.js'
import { folderWith } from './temporary.js'

const context = callContext()
const identity = (id: string, group?: string, content: unknown = id): RowIdentity => ({
  id,
  digest: digestJson(['row', content]),
  sampleDigest: digestJson(content),
  ...(group === undefined ? {} : { group }),
})
const identities = fc
  .uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1 }),
      group: fc.option(fc.constantFrom('g1', 'g2', 'g3'), { nil: undefined }),
    }),
    { selector: ({ id }) => id, maxLength: 30 },
  )
  .map((rows) => rows.map(({ id, group }) => identity(id, group)))
const selection = fc.record({
  salt: fc.string(),
  purpose: fc.string(),
  share: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
})

describe('the hash rule', () => {
  it('is the first eight bytes of sha256 over salt, purpose and key, as a share of 2^64', () => {
    // printf 'sheikh-freemium/evaluation\\0mail-1' | sha256sum: 37d3bcddabe0564e…, which is 0.218074… of 2^64.
    const place = 0.21807461177729812
    expect(isSelected('mail-1', { salt: 'sheikh-freemium', share: place + 2 ** -53 })).toBe(true)
    expect(isSelected('mail-1', { salt: 'sheikh-freemium', share: place })).toBe(false)
  })

  it('chooses about the share of many keys, and other ones for another purpose', () => {
    const keys = Array.from({ length: 10_000 }, (_, index) => `key-${index}`)
    const chosen = (purpose: string) => keys.filter((key) => isSelected(key, { salt: 's', purpose, share: 0.2 }))
    expect(chosen('a').length).toBeGreaterThan(1850)
    expect(chosen('a').length).toBeLessThan(2150)
    const both = new Set(chosen('b'))
    expect(chosen('a').filter((key) => both.has(key)).length).toBeLessThan(500)
  })

  it('what is added later moves nothing, and groups are whole', () => {
    fc.assert(
      fc.property(identities, fc.nat(), selection, (rows, cut, chosen) => {
        const all = proposePinnedSet(rows, chosen).items
        const some = rows.slice(0, cut % (rows.length + 1))
        const early = proposePinnedSet(some, chosen).items
        expect(early).toEqual(all.filter(({ id }) => some.some((row) => row.id === id)))
        const inside = new Set(all.map(({ group }) => group))
        for (const row of rows)
          if (row.group !== undefined && inside.has(row.group)) expect(all.some(({ id }) => id === row.id)).toBe(true)
      }),
    )
  })

  it.each([0, 1, -0.1, Number.NaN])('a share of %s is refused', (share) => {
    expect(() => proposePinnedSet([], { salt: 's', share })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
  })
})

describe('the file of a pinned set', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(identities, selection, (rows, chosen) => {
        const set = proposePinnedSet(rows, chosen)
        const text = formatPinnedSet(set)
        expect(parsePinnedSet(JSON.parse(text))).toEqual(set)
        expect(formatPinnedSet(parsePinnedSet(JSON.parse(text)))).toBe(text)
      }),
    )
  })

  it('has one item a line, so that a difference can be read', () => {
    const set = addToPinnedSet(
      proposePinnedSet([], { salt: 's', share: 0.5 }),
      ['b', 'a'],
      [identity('a', 'g'), identity('b')],
    )
    expect(formatPinnedSet(set).split('\n')).toEqual([
      '{',
      '  "formatVersion": 2,',
      '  "salt": "s",',
      '  "purpose": "evaluation",',
      '  "share": 0.5,',
      '  "items": [',
      `    {"id":"a","digest":"${digestJson('a')}","group":"g"},`,
      `    {"id":"b","digest":"${digestJson('b')}"}`,
      '  ]',
      '}',
      '',
    ])
  })

  const whole = { formatVersion: 1, salt: 's', purpose: 'p', share: 0.2, items: [{ id: 'a', digest: digestJson(1) }] }
  it.each([
    ['nothing', null, /not an object/],
    ['a list', [], /not an object/],
    ['another version', { ...whole, formatVersion: 3 }, /format version 3/],
    ['wrong fields', { ...whole, fields: { input: 1 } }, /wrong "fields"/],
    ['a repin without a reason', { ...whole, repins: [{ by: 'A' }] }, /wrong "repins"/],
    ['no salt', { ...whole, salt: 1 }, /"salt"/],
    ['no purpose', { ...whole, purpose: null }, /"purpose"/],
    ['a wrong share', { ...whole, share: 2 }, /"share"/],
    ['no items', { ...whole, items: {} }, /"items"/],
    ['an item that is text', { ...whole, items: ['a'] }, /item 1 that is not an object/],
    ['an item without an id', { ...whole, items: [{ digest: digestJson(1) }] }, /without an id/],
    ['an item without a digest', { ...whole, items: [{ id: 'a', digest: 'sha256:12' }] }, /no digest for "a"/],
    ['a wrong group', { ...whole, items: [{ id: 'a', digest: digestJson(1), group: 1 }] }, /group for "a"/],
    ['an item twice', { ...whole, items: [...whole.items, ...whole.items] }, /"a" twice/],
  ])('with %s is refused', (_, document, message) => {
    expect(() => parsePinnedSet(document)).toThrow(
      expect.objectContaining({ code: 'dataset-invalid', message: expect.stringMatching(message) }),
    )
  })

  it('any JSON is read or refused, never half', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (document) => {
        expect(() => parsePinnedSet(document)).toThrow(expect.objectContaining({ code: 'dataset-invalid' }))
      }),
    )
  })

  it('that is not there is a set that is not pinned yet; one with a conflict of Git names line and column', async () => {
    const folder = await folderWith()
    const path = join(folder, 'evaluation.json')
    expect(await pinnedFile(path).read(context)).toBeUndefined()
    await writeFile(path, '{\n<<<<<<< HEAD\n')
    await expect(pinnedFile(path).read(context)).rejects.toMatchObject({
      code: 'dataset-invalid',
      facts: { path, line: 2, column: 1 },
    })
    const set = proposePinnedSet([identity('a')], { salt: 's', share: 0.99 })
    await writeFile(path, formatPinnedSet(set))
    expect(await pinnedFile(path).read(context)).toEqual(await pinnedSet(set).read(context))
    await expect(pinnedFile(folder).read(context)).rejects.toMatchObject({ code: 'dataset-invalid' })
  })
})

describe('people change a pinned set', () => {
  const rows = [identity('a', 'g'), identity('b', 'g'), identity('c'), identity('d')]
  const set = addToPinnedSet(proposePinnedSet([], { salt: 's', share: 0.5 }), ['a', 'c'], rows)

  it('add pins rows by id, and takes the new content of an edited one', () => {
    expect(addToPinnedSet(set, ['d', 'a'], rows).items.map(({ id }) => id)).toEqual(['a', 'c', 'd'])
    const edited = identity('c', undefined, 'other')
    expect(addToPinnedSet(set, ['c'], [edited]).items[1]).toEqual({ id: 'c', digest: edited.sampleDigest })
    expect(() => addToPinnedSet(set, ['x'], rows)).toThrow(
      expect.objectContaining({ code: 'not-found', facts: { ids: ['x'] } }),
    )
  })

  it('status names what was edited, deleted and set aside', () => {
    const now = [identity('a', 'g', 'other'), identity('b', 'g'), identity('d')]
    expect(pinnedStatus(set, now)).toEqual({
      pinned: 2,
      edited: ['a'],
      deleted: ['c'],
      excludedByGroup: ['b'],
      training: 1,
    })
  })
})

describe('diffIdentities', () => {
  it('added, removed and changed lead from the one to the other', () => {
    const list = fc.uniqueArray(fc.tuple(fc.constantFrom<string>('a', 'b', 'c', 'd'), fc.nat(2)), {
      selector: ([id]) => id,
    })
    fc.assert(
      fc.property(list, list, (before, after) => {
        const rows = (pairs: typeof before) => pairs.map(([id, content]) => identity(id, undefined, content))
        const { added, removed, changed } = diffIdentities(rows(before), rows(after))
        const now = new Map(before)
        const target = new Map(after)
        for (const id of removed) expect(now.delete(id)).toBe(true)
        for (const id of added) expect(now.has(id)).toBe(false)
        for (const id of [...added, ...changed]) now.set(id, target.get(id)!)
        expect(now).toEqual(target)
      }),
    )
  })
})
