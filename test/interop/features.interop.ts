import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Json, seededRandom } from '../../src/core/index.js'
import { joinFeatures, memorySamples } from '../../src/dataset/index.js'
import { feastLookUp, withOnlineFeatures } from '../../src/serve/index.js'
import { askFeast, feastPython, startFeast } from './feast.js'

const isThere = feastPython() !== undefined
if (!isThere) console.log('Skipped: Feast is not installed. Install it: npm run setup:interop')

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))
async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-feast-'))
  folders.push(folder)
  return folder
}

const start = Date.UTC(2026, 0, 1)
const minute = 60_000

interface View {
  readonly name: string
  readonly unit: 'ms' | 'us' | 'ns'
  readonly zone: boolean
  readonly mapped: boolean
  readonly ttlMs: number
  readonly entities: readonly string[]
  readonly features: readonly string[]
  readonly rows: readonly Readonly<Record<string, string | number | null>>[]
}

/** Rows and samples on few minutes, so that times are often equal and ages often are exactly the ttl. */
function drawn(seed: string, most: { readonly rows: number; readonly samples: number; readonly minutes: number }) {
  const random = seededRandom(seed)
  const hasTies = seed !== 'no ties'
  const time = () => start + minute * random.below(most.minutes)
  const entity = { driver: () => random.below(6), shop: () => `shop ${random.below(3)}` }
  const rowsOf = (entities: readonly ('driver' | 'shop')[], features: readonly string[]) => {
    const rows = new Map<string, Record<string, string | number | null>>()
    for (let n = 0; n < most.rows; n += 1) {
      const t = time()
      const row = {
        ...Object.fromEntries(entities.map((name) => [name, entity[name]()])),
        // Written before, with or after the time of the event.
        ...{ t, c: t + minute * (random.below(8) - 3) },
      }
      const values = { x: n + 0.25, s: `text ${n}`, n }
      const named = features.map((name) => [name, random.below(5) === 0 ? null : values[name as 'x']])
      // Feast does not define which of two rows with equal times counts.
      const { c: _, ...withoutCreated } = row
      rows.set(JSON.stringify(hasTies ? row : withoutCreated), { ...row, ...Object.fromEntries(named) })
    }
    return [...rows.values()]
  }
  const view = (
    name: string,
    entities: readonly ('driver' | 'shop')[],
    features: readonly string[],
    more: Pick<View, 'unit' | 'zone' | 'mapped' | 'ttlMs'>,
  ): View => ({
    ...{ name, entities, features, ...more },
    rows: rowsOf(entities, features),
  })
  const views = [
    view('drivers', ['driver'], ['x', 'n'], { unit: 'us', zone: true, mapped: false, ttlMs: 5 * minute }),
    view('shops', ['shop'], ['s'], { unit: 'ns', zone: false, mapped: !hasTies, ttlMs: 0 }),
    view('pairs', ['driver', 'shop'], ['x'], { unit: 'ms', zone: true, mapped: false, ttlMs: 30 * minute }),
  ]
  const samples = new Map<string, { driver: number; shop: string; at: number }>()
  for (let n = 0; n < most.samples; n += 1) {
    // Some drivers and shops have no rows.
    const sample = { driver: random.below(8), shop: `shop ${random.below(4)}`, at: time() }
    samples.set(JSON.stringify(sample), sample)
  }
  return { views, samples: [...samples.values()] }
}

const nameOf = (view: View, feature: string) => `${view.name}__${feature}`

async function ours(
  folder: string,
  views: readonly View[],
  samples: readonly { readonly at: number }[],
  whenCreatedLater: 'allow' | 'skip',
) {
  const { text } = await joinFeatures(memorySamples(samples), {
    ...{ timestamp: 'at', timestampUnit: 'ms', whenCreatedLater },
    views: views.map((view) => ({
      ...{ name: view.name, feast: folder },
      features: Object.fromEntries(view.features.map((feature) => [nameOf(view, feature), feature])),
    })),
  })
  const [header, ...lines] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const names = header.features.map(({ name }: { name: string }) => name)
  const width = header.entities.length + 1
  return new Map<string, Record<string, Json>>(
    lines.map((line: Json[]) => [
      JSON.stringify(line.slice(0, width)),
      Object.fromEntries(names.map((name: string, at: number) => [name, line[width + at]!])),
    ]),
  )
}

const keyOf = ({ driver, shop, at }: { driver: number; shop: string; at: number }) =>
  JSON.stringify([String(driver), shop, new Date(at).toISOString().replace('.000Z', 'Z')])

describe.runIf(isThere)('the join of features', () => {
  it.each([
    // Feast's default store sorts twice with a sort that is not stable, so that it may take either of two rows of one time.
    ['no ties', { rows: 300, samples: 400, minutes: 400 }],
    ['few rows', { rows: 25, samples: 150, minutes: 200 }],
  ] as const)('gives what Feast gives, row by row: %s', async (name, most) => {
    const folder = await temporary()
    const { views, samples } = drawn(name, most)
    const numbered = samples.map((sample, sample_id) => ({ ...sample, sample_id }))
    const question = { folder, views, samples: numbered }
    const feast = askFeast(question) as Record<'allow' | 'skip', Record<string, Json>[]>
    for (const whenCreatedLater of ['allow', 'skip'] as const) {
      const found = await ours(folder, views, samples, whenCreatedLater)
      const different: unknown[] = []
      const seen = new Set<number>()
      let values = 0
      for (const row of feast[whenCreatedLater]) {
        const sample = samples[row['sample_id'] as number]!
        seen.add(row['sample_id'] as number)
        const own = found.get(keyOf(sample))!
        for (const view of views)
          for (const feature of view.features) {
            const name = nameOf(view, feature)
            if (own[name] !== null) values += 1
            if (own[name] !== row[name]) different.push({ sample, name, own: own[name], feast: row[name] })
          }
      }
      // Feast's default store leaves out a sample if a view has rows of its entities and all of them are too late or too
      // old, and one of two samples that differ in an entity that the first views do not have.
      const dropped = samples.filter((_, id) => !seen.has(id))
      const unexplained = dropped.filter((sample) => {
        const own = found.get(keyOf(sample))!
        const isMissing = views.some((view) => view.features.every((feature) => own[nameOf(view, feature)] === null))
        const isTwin = samples.filter(({ driver, at }) => driver === sample.driver && at === sample.at).length > 1
        return !(isMissing || isTwin)
      })
      console.log(
        `${name}, ${whenCreatedLater}: ${seen.size} samples compared, ${values} values, ${dropped.length} left out by Feast, ${different.length} different`,
      )
      expect(different).toEqual([])
      expect(unexplained).toEqual([])
      expect(values).toBeGreaterThan(20)
      expect(seen.size).toBeGreaterThan(20)
    }
  })
})

describe.runIf(isThere)('features that are looked up while serving', () => {
  it('come from `feast serve`, with the values and types of training', async () => {
    const folder = await temporary()
    const rows = Array.from({ length: 40 }, (_, n) => {
      const t = start + n * minute
      return {
        ...{ driver: n % 4, shop: `shop ${n % 3}`, t, c: t },
        ...{ x: n % 4 === 3 ? null : n + 0.25, s: `text ${n}`, n },
      }
    })
    const view = { unit: 'us', zone: true, mapped: false, rows } as const
    const views: readonly View[] = [
      { ...view, name: 'drivers', entities: ['driver'], features: ['x', 'n'], ttlMs: 0 },
      { ...view, name: 'shops', entities: ['shop'], features: ['s'], ttlMs: 0 },
    ]
    const end = start + 100 * minute
    askFeast({ folder, views, materialize: [start - minute, end], service: 'model' })
    const feast = await startFeast(folder)
    try {
      const features = { x: 'drivers:x', n: 'drivers:n', s: 'shops:s' }
      const lookUp = feastLookUp({ url: feast.url, features, joinKeys: { d: 'driver' }, timeoutMs: 60_000 })
      const types = { x: 'number', n: 'number', s: 'string' } as const
      const prepare = withOnlineFeatures({ lookUp, types, entities: ['d', 'shop'] })
      const inputs = [0, 1, 2, 3, 99].map((d) => ({ d, shop: `shop ${d % 4}` }))
      const online = await prepare(inputs)
      // The store's last rows are what a sample after them sees.
      const samples = inputs.map(({ d, shop }) => ({ driver: d, shop, at: end }))
      const offline = await ours(folder, views.slice(0, 2), samples, 'allow')
      expect(online).toEqual(
        inputs.map((input, index) => {
          const own = offline.get(keyOf(samples[index]!))!
          return { ...input, x: own['drivers__x'], n: own['drivers__n'], s: own['shops__s'] }
        }),
      )
      // The same by a feature service, whose views the registry names.
      const served = feastLookUp({
        ...{ url: feast.url, featureService: 'model', features: { x: 'x', n: 'n', s: 's' } },
        ...{ joinKeys: { d: 'driver' }, timeoutMs: 60_000 },
      })
      expect(await withOnlineFeatures({ lookUp: served, types, entities: ['d', 'shop'] })(inputs)).toEqual(online)
      const joined = await joinFeatures(memorySamples(samples.map((sample) => ({ ...sample, d: sample.driver }))), {
        ...{ timestamp: 'at', timestampUnit: 'ms', whenCreatedLater: 'allow' },
        views: [{ service: 'model', feast: folder, entities: { d: 'driver', shop: 'shop' } }],
      })
      const lines = joined.text.trim().split('\n')
      const { features: names } = JSON.parse(lines[0]!) as { features: { name: string }[] }
      const found = lines.slice(1).map((line) => JSON.parse(line) as Json[])
      for (const { d, shop, ...values } of online as unknown as Record<string, Json>[]) {
        const line = found.find(([driver, place]) => driver === String(d) && place === shop)!
        expect(Object.fromEntries(names.map(({ name }, index) => [name, line[3 + index]]))).toEqual(values)
      }
      expect(online[1]).toEqual({ d: 1, shop: 'shop 1', x: 37.25, n: 37, s: 'text 37' })
      const wrong = feastLookUp({
        url: feast.url,
        features: { z: 'drivers:none' },
        joinKeys: { d: 'driver' },
        timeoutMs: 60_000,
      })
      await expect(wrong(inputs)).rejects.toMatchObject({ code: 'remote-failed' })
    } finally {
      await feast.stop()
    }
  })
})
