import { join } from 'node:path'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { callContext, isSheikhError, type Json } from '../../../src/core/index.js'
import type { FeatureJoin, FeatureView } from '../../../src/dataset/features/feature-join.js'
import { joinFeatures } from '../../../src/dataset/features/join-features.js'
import { asyncSamples, memorySamples } from '../../../src/dataset/index.js'
import { folderWith } from '../temporary.js'

const context = callContext()
const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString()
const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
/** The lines of a snapshot behind its header. */
const valuesIn = (text: string) =>
  text
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line) as Json[])

interface Row {
  readonly d: string | number | null
  readonly t: string
  readonly c?: string | null
  readonly x: Json
}

async function joined(
  rows: readonly Row[],
  samples: readonly unknown[],
  options: Partial<FeatureJoin & FeatureView> = {},
) {
  const { whenMissing, whenCreatedLater, ...view } = options
  const folder = await folderWith({ 'rows.jsonl': lines(rows) })
  const files = [join(folder, 'rows.jsonl')]
  return joinFeatures(
    memorySamples(samples),
    {
      ...{ timestamp: 'at', whenMissing, whenCreatedLater },
      views: [{ name: 'v', files, entities: { driver: 'd' }, timestamp: 't', features: { x: 'x' }, ...view }],
    },
    context,
  )
}

const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!isSheikhError(error)) throw error ?? new Error('nothing was refused')
  return error
}

const rows: readonly Row[] = [
  { d: 1, t: at(10), x: 'ten' },
  { d: 1, t: at(20), x: 'twenty' },
  { d: 2, t: at(5), x: 'other' },
]

describe('features joined to samples', () => {
  it.each([
    [9, null],
    [10, 'ten'],
    [19, 'ten'],
    [20, 'twenty'],
    [500, 'twenty'],
  ])('are those known at the time of the sample: minute %i', async (minute, x) => {
    const { text } = await joined(rows, [
      { driver: 1, at: at(minute) },
      { driver: 2, at: at(30) },
    ])
    expect(valuesIn(text)[0]!.at(-1)).toBe(x)
  })

  it('are the same for samples in any order and number, and rows in any order', async () => {
    const samples = [9, 10, 20].flatMap((minute) => [1, 2].map((driver) => ({ driver, at: at(minute) })))
    const one = await joined(rows, samples)
    const other = await joined([...rows].reverse(), [...samples, ...samples].reverse())
    expect(other).toEqual({ ...one, samples: 12 })
    expect(one).toMatchObject({ samples: 6, lines: 6, missing: { x: 1 }, rows: { v: 3 } })
  })

  it.each([
    [9.99, 'ten'],
    [10, 'ten'],
    [10.01, null],
  ])('are not older than the ttl, which is part of the range: %f minutes', async (minutes, x) => {
    const sample = { driver: 1, at: new Date(Date.UTC(2026, 0, 1, 0, 10) + minutes * 60_000).toISOString() }
    const { text } = await joined([rows[0]!, { d: 1, t: at(-60), x: 'old' }], [sample], { ttlMs: 600_000 })
    expect(valuesIn(text)[0]!.at(-1)).toBe(x)
  })

  it('of two rows with the same time are those written last', async () => {
    const twice: Row[] = [
      { d: 1, t: at(10), c: at(12), x: 'second' },
      { d: 1, t: at(10), c: at(11), x: 'first' },
      { d: 1, t: at(10), c: null, x: 'unknown' },
    ]
    const { text } = await joined(twice, [{ driver: 1, at: at(30) }], { created: 'c' })
    expect(valuesIn(text)[0]!.at(-1)).toBe('second')
  })

  it('are refused if two rows have the same times and other values, unless a later row counts', async () => {
    const twice: Row[] = [
      { d: 1, t: at(10), x: 1 },
      { d: 1, t: at(10), x: 2 },
      { d: 1, t: at(20), x: 3 },
    ]
    const error = await refusal(joined(twice, [{ id: 's', driver: 1, at: at(15) }]))
    expect(error.message).toContain(
      '"v" has different rows for it with the same times (rows.jsonl line 1 and rows.jsonl line 2)',
    )
    await joined(twice, [{ driver: 1, at: at(20) }])
    await joined([twice[0]!, twice[0]!], [{ driver: 1, at: at(15) }])
  })

  it('have entities that are compared as text', async () => {
    const { text } = await joined(rows, [{ driver: '1', at: at(10) }])
    expect(valuesIn(text)).toEqual([['1', at(10).replace('.000', ''), 'ten']])
  })

  it('are null for an unknown or absent entity, and an error if that is asked', async () => {
    const samples = [
      { driver: 2, at: at(30) },
      { driver: 3, at: at(30) },
      { id: 'none', at: at(30) },
    ]
    const { text, missing } = await joined(rows, samples)
    expect(valuesIn(text).map((line) => line.at(-1))).toEqual(['other', null, null])
    expect(missing).toEqual({ x: 2 })
    const error = await refusal(joined(rows, samples, { whenMissing: 'refuse' }))
    expect(error.facts['issues']).toEqual([
      { path: 'memory', position: '[1]', message: 'it has no features of "v" (no row is early enough)' },
      { path: 'memory', position: '[2]', message: 'it has no features of "v" (it names no entity)' },
    ])
  })

  it('come from several views, with other entities and names', async () => {
    const folder = await folderWith({
      'drivers/a.jsonl': lines(rows.slice(0, 1)),
      'drivers/more/b.jsonl': lines(rows.slice(1)),
      'pairs.jsonl': lines([{ d: 1, shop: 'a,b', t: at(1), y: true, z: [1] }]),
      'weather.jsonl': lines([{ t: at(1), degrees: 3.5 }]),
    })
    const view = { timestamp: 't' }
    const { text } = await joinFeatures(
      memorySamples([{ driver: 1, shop: 'a,b', at: at(15) }]),
      {
        timestamp: 'at',
        views: [
          {
            ...view,
            name: 'drivers',
            files: [join(folder, 'drivers')],
            entities: { driver: 'd' },
            features: { x: 'x' },
          },
          {
            ...{ ...view, name: 'pairs', files: [join(folder, 'pairs.jsonl')] },
            ...{ entities: { shop: 'shop', driver: 'd' }, features: { 'pair y': 'y', z: 'z' } },
          },
          {
            ...view,
            name: 'weather',
            files: [join(folder, 'weather.jsonl')],
            entities: {},
            features: { degrees: 'degrees' },
          },
        ],
      },
      context,
    )
    const [header, ...values] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(header).toMatchObject({
      entities: ['driver', 'shop'],
      features: [
        { name: 'x', type: 'string' },
        { name: 'pair y', type: 'boolean' },
        { name: 'z', type: 'list' },
        { name: 'degrees', type: 'number' },
      ],
    })
    expect(values).toEqual([['1', 'a,b', '2026-01-01T00:15:00Z', 'ten', true, [1], 3.5]])
  })

  it('are read from Parquet timestamps of every unit, of which only the named columns are read', async () => {
    const ms = BigInt(Date.UTC(2026, 0, 1, 0, 10))
    for (const [unit, factor] of [
      ['MILLIS', 1n],
      ['MICROS', 1_000n],
      ['NANOS', 1_000_000n],
    ] as const)
      for (const isAdjustedToUTC of [true, false]) {
        const element = { type: 'INT64', repetition_type: 'REQUIRED' } as const
        const bytes = parquetWriteBuffer({
          schema: [
            { name: 'root', num_children: 4 },
            { ...element, name: 'd' },
            { ...element, name: 't', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit } },
            { ...element, name: 'nanoseconds' },
            { type: 'DOUBLE', repetition_type: 'OPTIONAL', name: 'x' },
          ],
          columnData: [
            { name: 'd', data: [1n, 1n] },
            { name: 't', data: [ms * factor, (ms + 60_000n) * factor] },
            { name: 'nanoseconds', data: [ms * 1_000_000n, (ms + 60_000n) * 1_000_000n + 1n] },
            { name: 'x', data: [1.5, null] },
          ],
        })
        const folder = await folderWith({ 'a.parquet': new Uint8Array(bytes) })
        const asked = (view: Partial<FeatureView>, minute: number) =>
          joinFeatures(
            memorySamples([{ driver: 1, at: at(minute) }]),
            {
              timestamp: 'at',
              views: [
                {
                  name: 'v',
                  files: [folder],
                  entities: { driver: 'd' },
                  timestamp: 't',
                  features: { x: 'x' },
                  ...view,
                },
              ],
            },
            context,
          ).then(({ text }) => valuesIn(text)[0]!.at(-1))
        if (isAdjustedToUTC) expect(await asked({}, 10)).toBe(1.5)
        else expect((await refusal(asked({}, 10))).message).toContain('has no time zone')
        expect(await asked({ timeZone: 'UTC' }, 10)).toBe(1.5)
        expect(await asked({ timeZone: 'UTC' }, 11)).toBeNull()
        // A nanosecond after the sample is later than the sample.
        expect(await asked({ timestamp: 'nanoseconds', timestampUnit: 'ns' }, 11)).toBe(1.5)
        expect((await refusal(asked({ timestamp: 'nanoseconds' }, 11))).message).toContain('unit is not known')
        expect((await refusal(asked({ features: { x: 'y' } }, 11))).message).toContain(
          'it has no column "y", but "d", "t"',
        )
      }
  })
})

describe('a look-ahead', () => {
  const late: Row[] = [
    { d: 1, t: at(10), c: at(10), x: 'known' },
    { d: 1, t: at(20), c: at(60), x: 'written later' },
  ]
  const samples = [
    { id: 'a', driver: 1, at: at(15) },
    { id: 'b', driver: 1, at: at(30) },
    { id: 'c', driver: 1, at: at(90) },
  ]

  it('by rows that were written after a sample is refused, with the ids of the samples', async () => {
    const error = await refusal(joined(late, samples, { created: 'c' }))
    expect(error).toMatchObject({ code: 'dataset-invalid', facts: { ids: ['b'], isLookAhead: true } })
    expect(error.message).toContain(
      '1 sample ("b") would see rows that were written after their time: its features of "v" were written at 2026-01-01T01:00:00Z, after its time 2026-01-01T00:30:00Z (rows.jsonl line 2)',
    )
  })

  it('by timestamps that somebody moved back is refused, because the rows say when they were written', async () => {
    const honest = Array.from({ length: 50 }, (_, n) => ({ d: n % 5, t: at(10 * n), c: at(10 * n), x: n }))
    const asking = honest.map(({ d, t, x }) => ({ id: `s${x}`, driver: d, at: t }))
    await joined(honest, asking, { created: 'c' })
    const shifted = honest.map((row, n) => ({ ...row, t: at(10 * n - 60) }))
    const error = await refusal(joined(shifted, asking, { created: 'c' }))
    // Of each driver, the first sample now sees the row of the next one.
    expect(error.facts['ids']).toHaveLength(45)
  })

  it('uses the latest row that was written by then if late ones are skipped', async () => {
    const { text } = await joined(late, samples, { created: 'c', whenCreatedLater: 'skip' })
    expect(valuesIn(text).map((line) => line.at(-1))).toEqual(['known', 'known', 'written later'])
  })

  it('is accepted if that is asked, as Feast does', async () => {
    const { text } = await joined(late, samples, { created: 'c', whenCreatedLater: 'allow' })
    expect(valuesIn(text).map((line) => line.at(-1))).toEqual(['known', 'written later', 'written later'])
  })

  it('is impossible for a sample without a time, which is refused', async () => {
    for (const time of [undefined, null, '', '2026-01-01', 'noon', 5]) {
      const error = await refusal(joined(rows, [{ driver: 1, at: time }]))
      expect(error.message).toMatch(/memory \[0\]: its? (has no )?time/)
    }
  })
})

describe('rows and settings that cannot be used', () => {
  it.each<[string, readonly unknown[], string]>([
    ['a row without a time', [{ d: 1, t: null, x: 1 }], 'rows.jsonl line 1: it has no time: the column "t" is empty'],
    ['a column that is absent', [{ d: 1, t: at(1) }], 'it has no column "x", but "d", "t"'],
    ['an entity that is a list', [{ d: [1], t: at(1), x: 1 }], 'its entity "d" is neither'],
    [
      'values of two types',
      [
        { d: 1, t: at(1), x: 1 },
        { d: 1, t: at(2), x: 'a' },
      ],
      'line 2: the feature "x" is a string here and a number in earlier rows',
    ],
    [
      'entities that no sample has',
      [{ d: 'driver-1', t: at(1), x: 1 }],
      'no sample has the entities of a row of "v": a sample has ["1"], and a row has ["driver-1"]',
    ],
    ['a number with too many digits', [], '"x" has more digits'],
  ])('%s is refused', async (_, given, message) => {
    const raw = given.length === 0 ? `{"d":1,"t":"${at(1)}","x":12345678901234567890}\n` : lines(given)
    const folder = await folderWith({ 'rows.jsonl': raw })
    const view = {
      name: 'v',
      files: [join(folder, 'rows.jsonl')],
      entities: { driver: 'd' },
      timestamp: 't',
      features: { x: 'x' },
    }
    const work = joinFeatures(memorySamples([{ driver: 1, at: at(9) }]), { timestamp: 'at', views: [view] }, context)
    expect((await refusal(work)).message).toContain(message)
  })

  it.each<[string, Partial<FeatureView>[], string]>([
    ['no view', [], 'there is no view'],
    ['two views of a name', [{}, { features: { y: 'x' } }], 'two views have the name "v"'],
    ['a feature of two views', [{}, { name: 'w' }], 'the views "v" and "w" both have a feature "x"'],
    ['a feature with the name of the time', [{ features: { at: 'x' } }], "has the name of the sample's own field"],
    ['no files', [{ files: [] }], 'has no files'],
    ['no features', [{ features: {} }], 'has no features'],
    ['a ttl of 0', [{ ttlMs: 0 }], 'has the ttl 0'],
    [
      '__proto__',
      [{ features: JSON.parse('{"__proto__":"x"}') as Record<string, string> }],
      'a feature named "__proto__"',
    ],
  ])('%s is refused', async (_, views, message) => {
    const view = { name: 'v', files: ['none.jsonl'], entities: { driver: 'd' }, timestamp: 't', features: { x: 'x' } }
    const all = views.map((one) => ({ ...view, ...one }))
    const error = await refusal(joinFeatures(memorySamples([]), { timestamp: 'at', views: all }, context))
    expect(error.code).toBe('invalid-options')
    expect(error.message).toContain(message)
  })

  it('CSV files, absent files and other files are refused', async () => {
    const folder = await folderWith({ 'a.csv': 'd,t,x\n1,2,3\n', 'empty/x.txt': '' })
    for (const [path, fact] of [
      ['a.csv', 'all values of a CSV file are text'],
      ['b.parquet', 'it does not exist'],
      ['empty', 'the folder has no Parquet'],
      ['empty/x.txt', 'features are read from .parquet'],
    ] as const)
      expect(
        (await refusal(joined([], [{ driver: 1, at: at(1) }], { files: [join(folder, path)] }))).message,
      ).toContain(fact)
  })

  it('end with the reason of an abort', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    async function* samples() {
      yield { driver: 1, at: at(1) }
      stop.abort(reason)
    }
    const view = { name: 'v', files: ['none.jsonl'], entities: { driver: 'd' }, timestamp: 't', features: { x: 'x' } }
    const source = asyncSamples(samples, { name: 's' })
    const work = joinFeatures(source, { timestamp: 'at', views: [view] }, callContext({ signal: stop.signal }))
    await expect(work).rejects.toBe(reason)
  })
})

describe('the join of any rows and samples', () => {
  const minute = fc.integer({ min: 0, max: 12 })
  const row = fc.record({
    d: fc.integer({ min: 1, max: 3 }),
    t: minute,
    c: fc.option(fc.integer({ min: -3, max: 15 })),
  })
  const sample = fc.record({ driver: fc.integer({ min: 1, max: 4 }), at: minute })
  const ttl = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined })

  it.each(['skip', 'allow'] as const)(
    'is the latest row, searched for one sample at a time: %s',
    async (whenCreatedLater) => {
      await fc.assert(
        fc.asyncProperty(fc.array(row), fc.array(sample, { minLength: 1 }), ttl, async (given, samples, ttlMinutes) => {
          const unique = [...new Map(given.map((one) => [`${one.d} ${one.t} ${one.c}`, one])).values()]
          // So that no sample finds its entity unknown to all rows.
          const all = [...unique.map((one, x) => ({ ...one, x })), { d: samples[0]!.driver, t: 99, c: null, x: -1 }]
          const { text } = await joined(
            all.map(({ d, t, c, x }) => ({ d, t: at(t), c: c === null ? null : at(c), x })),
            samples.map(({ driver, at: time }) => ({ driver, at: at(time) })),
            { created: 'c', whenCreatedLater, ttlMs: ttlMinutes === undefined ? undefined : ttlMinutes * 60_000 },
          )
          const found = new Map(valuesIn(text).map(([driver, time, x]) => [`${driver} ${time}`, x]))
          for (const { driver, at: time } of samples) {
            const seen = all
              .filter(({ d, t }) => d === driver && t <= time && (ttlMinutes === undefined || t >= time - ttlMinutes))
              .filter(({ c }) => whenCreatedLater === 'allow' || c === null || c <= time)
              .sort((one, other) => one.t - other.t || (one.c ?? -99) - (other.c ?? -99))
            expect(found.get(`${driver} ${at(time).replace('.000', '')}`)).toBe(seen.at(-1)?.x ?? null)
          }
        }),
        { numRuns: 150 },
      )
    },
  )
})
