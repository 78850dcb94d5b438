import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dataset, diffContents, fieldChanges, memorySamples } from '../../src/dataset/index.js'

interface Ticket {
  readonly id: string
  readonly text: string
  readonly label: string
}

const contents = (samples: readonly Ticket[], input: string | ((ticket: Ticket) => string) = 'text') =>
  new Dataset({
    source: memorySamples(samples),
    id: 'id',
    input: input as 'text',
    target: 'label',
    slices: ['label'],
  }).contents()

const ticket = (id: string, text = `text of ${id}`, label = 'a'): Ticket => ({ id, text, label })

describe('diffContents', () => {
  it('finds what was added, removed, moved, changed and relabelled', async () => {
    const before = [
      ticket('kept'),
      ticket('gone'),
      ticket('edited'),
      ticket('relabelled'),
      ticket('other', 'x'),
      ticket('zero', 'y', 'b'),
    ]
    const after = [
      ticket('kept'),
      ticket('new', 'z', 'c'),
      ticket('edited', 'other text'),
      ticket('relabelled', 'text of relabelled', 'b'),
      ticket('other', 'x', 'b'),
      ticket('zero', 'y', 'a'),
    ]
    const difference = await diffContents(await contents(before), await contents(after))
    expect(difference).toEqual({
      rows: { before: 6, after: 6 },
      added: [{ id: 'new', path: expect.any(String), label: 'c' }],
      removed: [{ id: 'gone', path: expect.any(String), label: 'a' }],
      moved: [],
      changed: [
        { id: 'edited', path: expect.any(String), fields: [{ field: 'text' }] },
        { id: 'other', path: expect.any(String), fields: [{ field: 'label' }] },
        { id: 'relabelled', path: expect.any(String), fields: [{ field: 'label' }] },
        { id: 'zero', path: expect.any(String), fields: [{ field: 'label' }] },
      ],
      projectedDifferently: [],
      relabelled: [
        { before: 'a', after: 'b', ids: ['other', 'relabelled'] },
        { before: 'b', after: 'a', ids: ['zero'] },
      ],
      labels: [
        { name: 'a', before: 5, after: 3 },
        { name: 'b', before: 1, after: 2 },
        { name: 'c', before: 0, after: 1 },
      ],
      slices: [
        { name: 'label=a', before: 5, after: 3 },
        { name: 'label=b', before: 1, after: 2 },
        { name: 'label=c', before: 0, after: 1 },
      ],
    })
    const text = JSON.stringify(difference)
    expect(text).not.toContain('other text')
    const told = await diffContents(await contents(before), await contents(after), { includeText: true })
    expect(told.changed[0]!.fields).toEqual([{ field: 'text', before: 'text of edited', after: 'other text' }])
  })

  it('shows no target that is an answer in words', async () => {
    const answered = (id: string, answer: string) => ticket(id, `question ${id}`, answer)
    const same = Array.from({ length: 10 }, (_, index) => answered(`same ${index}`, `Yes, ${index} times.`))
    const options = { id: 'id', input: 'text', target: 'label' } as const
    const of = (...samples: readonly Ticket[]) => new Dataset({ ...options, source: memorySamples(samples) }).contents()
    const difference = await diffContents(
      await of(...same, answered('1', 'It was lost.'), answered('3', 'By post.')),
      await of(...same, answered('1', 'It was stolen.'), answered('4', 'By train.')),
    )
    expect(difference.changed[0]!.fields).toEqual([{ field: 'label' }])
    expect([difference.relabelled, difference.labels]).toEqual([[], []])
    expect(JSON.stringify(difference)).not.toMatch(/lost|stolen|Yes|post|train/)
  })

  it('tells samples whose input is made differently from samples that changed', async () => {
    const samples = [ticket('a'), ticket('b')]
    const { changed, projectedDifferently } = await diffContents(
      await contents(samples),
      await contents(samples, ({ text }) => `Ticket: ${text}`),
    )
    expect([changed, projectedDifferently]).toEqual([[], ['a', 'b']])
  })

  it('reads the fields of as many changed samples as it is told to, and lists the others', async () => {
    const samples = (text: string) => ['a', 'b', 'c'].map((id) => ticket(id, text))
    const { changed } = await diffContents(await contents(samples('x')), await contents(samples('y')), {
      maximumDetails: 2,
    })
    expect(changed.map(({ id, fields }) => [id, fields?.length])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', undefined],
    ])
  })

  it('explains every difference: the same samples plus the changes are the other samples', async () => {
    const samples = fc.uniqueArray(
      fc.record({ id: fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), text: fc.constantFrom('1', '2') }),
      { selector: ({ id }) => id, minLength: 1 },
    )
    await fc.assert(
      fc.asyncProperty(samples, samples, async (before, after) => {
        const withLabel = (list: readonly { id: string; text: string }[]) =>
          list.map(({ id, text }) => ticket(id, `${id} ${text}`))
        const { added, removed, moved, changed } = await diffContents(
          await contents(withLabel(before)),
          await contents(withLabel(after)),
        )
        const [old, now] = [before, after].map((list) => new Map(list.map(({ id, text }) => [id, text])))
        const both = [...now!.keys()].filter((id) => old!.has(id))
        expect(new Set(added.map(({ id }) => id))).toEqual(new Set([...now!.keys()].filter((id) => !old!.has(id))))
        expect(new Set(removed.map(({ id }) => id))).toEqual(new Set([...old!.keys()].filter((id) => !now!.has(id))))
        expect(moved).toEqual([])
        expect(new Set(changed.map(({ id }) => id))).toEqual(
          new Set(both.filter((id) => old!.get(id) !== now!.get(id))),
        )
      }),
      { numRuns: 50 },
    )
  })
})

describe('fieldChanges', () => {
  it.each<[unknown, unknown, readonly string[]]>([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, ['a.b[1]']],
    [{ a: [1] }, { a: [1, 2] }, ['a']],
    [{ a: 1 }, {}, ['a']],
    [{}, { a: null }, ['a']],
    [{ a: [] }, { a: {} }, ['a']],
    ['x', 'y', ['']],
    [JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":2}'), ['__proto__']],
    [{}, JSON.parse('{"constructor":2}'), ['constructor']],
  ])('%j, %j: %j', (before, after, fields) => {
    expect(fieldChanges(before, after).map(({ field }) => field)).toEqual(fields)
  })
})
