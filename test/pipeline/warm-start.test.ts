import { readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { callContext, type Digest, digestBytes, merkleRoot } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, type RowIdentity } from '../../src/dataset/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, qualityGate, storeLedger } from '../../src/gate/index.js'
import type { NamedBase, PipelineOptions } from '../../src/pipeline/index.js'
import type { Release } from '../../src/releaser/index.js'
import { reportRun } from '../../src/report/run/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { FitRequest, Trainer } from '../../src/trainer/index.js'
import { datasetOf, pinned, type Sample, samples, world } from './harness.js'

const context = callContext()
const lenient = qualityGate([atLeast(accuracy(), 0)], { whenInconclusive: 'release' })
type Changes = Partial<PipelineOptions<string, string>>

/** A trainer that tells what it was asked, and by which rows. */
function watched(own: Trainer<string, string> = fakeTrainer()) {
  const requests: (FitRequest<string, string> & { readonly ids: readonly string[]; readonly files: string[] })[] = []
  const trainer: Trainer<string, string> = {
    ...own,
    async fit(request, fitting) {
      const ids: string[] = []
      for await (const { id } of request.training) ids.push(id)
      requests.push({ ...request, ids, files: request.base === undefined ? [] : await readdir(request.base.path) })
      return await own.fit(request, fitting)
    },
  }
  return { trainer, requests }
}

const more = (word: string, count = 20): readonly Sample[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `${word}-${String(index).padStart(2, '0')}`,
    text: `${word} ${index}`,
    label: 'fruit',
  }))
const grown = [...samples, ...more('kiwi')]

async function released(changes: Changes = {}) {
  const there = world()
  // Runs of one instant have no order, and why asks for the last one.
  let nowMs = Date.UTC(2030, 0, 1)
  const clock = { nowMs: () => (nowMs += 1000) }
  const pipeline = (data: readonly Sample[] = samples, more: Changes = {}) =>
    there.pipeline(data, { gate: lenient, clock, ...changes, ...more })
  const first = await release(pipeline().run())
  return { ...there, pipeline, first, base: named(first) }
}

async function release(running: ReturnType<ReturnType<ReturnType<typeof world>['pipeline']>['run']>): Promise<Release> {
  const result = await running
  if (result.status !== 'released') throw new Error(`a release was expected, not ${result.status}`)
  return result.release
}

const named = ({ version, bundle }: Release, replayShare?: number): NamedBase => ({
  version,
  digest: bundle,
  ...(replayShare !== undefined && { replayShare }),
})

const rowsOf = async (data: readonly Sample[]): Promise<readonly RowIdentity[]> =>
  (await datasetOf(data).snapshot(context)).trainingRows
const idsOf = (rows: readonly RowIdentity[]) => rows.map(({ id }) => id)

describe('a named base', () => {
  it('is opened and handed over, without what is no weights, and stands in the record', async () => {
    const payload = async () => [{ path: 'prompts/a.txt', content: 'a', digest: digestBytes('a') }]
    const { pipeline, base, first } = await released({ payload })
    const { trainer, requests } = watched()
    const second = await release(pipeline(grown, { trainer, base }).run())
    expect(requests.map(({ files }) => files)).toEqual([['config.json', 'model.safetensors']])
    expect(requests[0]!.base?.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
    expect(requests[0]!.ids).toEqual(idsOf(await rowsOf(grown)))
    expect(second.record.candidate).toMatchObject({
      base: { version: first.version, digest: first.bundle, replayShare: 1 },
    })
    expect(second.version).toBe('0.2.0')
    const [run] = await pipeline().runs({ limit: 1 })
    expect(reportRun(run!)).toMatch(/Started from *\| *0\.1\.0 /)
  })

  it('changes nothing where there is none', async () => {
    const { pipeline, first, store } = await released()
    const { trainer, requests } = watched()
    expect(first.record.candidate).not.toHaveProperty('base')
    expect((await pipeline(grown, { trainer }).run()).status).toBe('released')
    expect(requests[0]).not.toHaveProperty('base')
    const keys = (await Promise.all((await store.runs.list()).map((id) => store.runs.read(id)))).map((run) =>
      JSON.stringify(run),
    )
    expect(keys.filter((text) => text.includes('replayShare'))).toEqual([])
  })

  it('is a part of both keys: why names it, and the same again is up to date', async () => {
    const { pipeline, base } = await released()
    expect((await pipeline(samples, { base }).plan()).summary).toBe(
      'A run would train and judge a model that starts from 0.1.0: "base" differs from the last run.',
    )
    expect(await pipeline(samples, { base }).why('train')).toMatchObject({
      action: 'run',
      difference: { path: 'base', after: { version: '0.1.0', replayShare: 1 } },
    })
    expect((await pipeline(samples, { base }).plan()).base).toEqual({ ...base, replayShare: 1 })
    const second = await release(pipeline(samples, { base }).run())
    expect((await pipeline(samples, { base }).run()).status).toBe('up-to-date')
    expect((await pipeline(samples, { base: { ...base, replayShare: 1 } }).run()).status).toBe('up-to-date')
    const next = pipeline(samples, { base: named(second) })
    expect(await next.why('train')).toMatchObject({ difference: { path: 'base.digest' } })
    const share = pipeline(grown, { base: { ...base, replayShare: 0.5 } })
    expect(await share.why('train')).toMatchObject({ difference: { path: 'base.replayShare' } })
  })

  it('is trained from again by reproduce, and named by it where it is another', async () => {
    const { pipeline, base } = await released()
    const half = { ...base, replayShare: 0.5 }
    const second = await release(pipeline(grown, { base: half }).run())
    expect(await pipeline(grown, { base: half }).reproduce()).toMatchObject({ status: 'reproduced' })
    expect(await pipeline(grown).reproduce()).toMatchObject({ status: 'not-reproduced', difference: { path: 'base' } })
    expect(await pipeline(grown, { base }).reproduce()).toMatchObject({ difference: { path: 'base.replayShare' } })
    expect(await pipeline(grown, { base: named(second) }).reproduce('0.1.0')).toMatchObject({
      difference: { path: 'base' },
    })
    await pipeline(grown, { base: half }).rollback({ by: 'Ada', to: '0.1.0', reason: 'tried' })
    await pipeline(grown, { base: half }).rollback({ by: 'Ada', to: '0.2.0', reason: 'tried' })
    expect(await pipeline(grown, { base: half }).reproduce()).toMatchObject({ status: 'reproduced' })
  })

  it('is refused where the trainer cannot, and where the name is none', async () => {
    const { pipeline, base } = await released()
    const make = (changes: Changes) => () => pipeline(samples, changes)
    expect(make({ base, trainer: { ...fakeTrainer(), warmStart: undefined } })).toThrow(
      'Cannot start from the release "0.1.0": the trainer "fake" trains from scratch only.',
    )
    for (const wrong of [
      { version: 'latest' },
      { digest: 'abc' as Digest },
      { replayShare: 1.5 },
      { replayShare: Number.NaN },
    ])
      expect(make({ base: { ...base, ...wrong } })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('that is missing, another or withdrawn is an error with the fact and the remedy, in a plan too', async () => {
    const { pipeline, base, first } = await released()
    const expectRefused = async (other: NamedBase, code: string, message: string) => {
      const wanted = { code, message: expect.stringContaining(message) }
      await expect(pipeline(grown, { base: other }).run()).rejects.toMatchObject(wanted)
      await expect(pipeline(grown, { base: other }).plan()).rejects.toMatchObject(wanted)
    }
    await expectRefused({ ...base, version: '7.0.0' }, 'not-found', 'Cannot start from 7.0.0: there is no such release')
    const digest = digestBytes('another')
    await expectRefused({ ...base, digest }, 'artifact-corrupt', `has the bundle ${first.bundle} under that version`)
    const second = await release(pipeline(grown).run())
    await pipeline(grown).rollback({ by: 'Ada', to: first.version, reason: 'worse' })
    await expectRefused(
      named(second),
      'release-rejected',
      `Cannot start from 0.1.1: it is withdrawn (worse). Name another`,
    )
    await pipeline(grown).rollback({ by: 'Ada', to: second.version, reason: 'better' })
    await expectRefused(named(second), 'release-rejected', 'The same bundle stands again as 0.1.3: name that')
    const again = named((await pipeline(grown).current())!)
    expect((await pipeline(samples, { base: again }).run()).status).toBe('released')
  })

  it('whose files are not what was released is never trained from', async () => {
    const { pipeline, base, releaser } = await released()
    const { trainer, requests } = watched()
    const tampered: typeof releaser = {
      ...releaser,
      async open(version, directory, opening) {
        const bundle = await releaser.open(version, directory, opening)
        const { writeFile } = await import('node:fs/promises')
        await writeFile(`${directory}/config.json`, '{}')
        return bundle
      },
    }
    const running = pipeline(grown, { trainer, base, releaser: tampered }).run()
    await expect(running).rejects.toMatchObject({ code: 'artifact-corrupt' })
    expect(requests).toEqual([])
  })

  it('that was trained on what is pinned now is refused, and one of which that is not known is said', async () => {
    const { pipeline, base } = await released()
    const [seen] = await rowsOf(samples)
    const evaluation = pinnedSet({ ...pinned, items: [...pinned.items, { id: seen!.id, digest: seen!.sampleDigest }] })
    const dataset = new Dataset({ source: memorySamples(grown), input: 'text', target: 'label', evaluation })
    await expect(pipeline(grown, { base, dataset }).run()).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining(
        `it was trained on 1 row that models are judged on now, or that were set aside (${seen!.id})`,
      ),
    })
    expect((await pipeline(grown, { dataset }).run()).status).toBe('released')
    const fresh = pipeline(grown, { base, dataset, store: memoryStore() })
    const warnings: string[] = []
    fresh.on('warning', ({ message }) => warnings.push(message))
    await fresh.run()
    expect(warnings).toContainEqual(expect.stringMatching(/^Nothing shows that 0\.1\.0 never saw the rows/))
  })

  it('that was chosen by rows that are pinned now may be used, and that is said', async () => {
    const parts = (pins: readonly RowIdentity[], share?: number) =>
      new Dataset({
        ...{ source: memorySamples(grown), input: 'text', target: 'label', developmentShare: share },
        evaluation: pinnedSet({ formatVersion: 1, salt: 's', purpose: 'p', share: 0.5, items: pins }),
      })
    const all = await parts([]).identities()
    const [first, second] = [all.slice(0, 10), all.slice(10, 20)]
    const own = fakeTrainer()
    const trainer: typeof own = {
      ...own,
      async fit(request, fitting) {
        const { weights, record } = await own.fit(request, fitting)
        return { weights, record: { ...record, developmentDigest: request.development!.digest } }
      },
    }
    const { pipeline, base } = await released({ trainer, dataset: parts(first, 0.5) })
    const developed = (await parts(first, 0.5).snapshot(context)).developmentRows
    // None of them was trained on.
    const pins = [...first, ...second.filter(({ id }) => developed.some((row) => row.id === id)).slice(0, 2)]
    expect(pins.length).toBe(12)
    const next = pipeline(grown, { dataset: parts(pins, 0.5), base })
    const warnings: string[] = []
    next.on('warning', ({ message }) => warnings.push(message))
    await next.run()
    expect(warnings).toContainEqual(
      expect.stringMatching(/^The release \S+ was chosen by 2 rows that models are judged on now/),
    )
  })

  it('that was made of what is withdrawn since may be used, and that is said', async () => {
    const { pipeline, base } = await released()
    const second = await release(pipeline(grown, { base }).run())
    const third = await release(pipeline([...grown, ...more('lime')], { base: named(second) }).run())
    await pipeline().rollback({ by: 'Ada', to: second.version, reason: 'tried' })
    await pipeline().rollback({ by: 'Ada', to: base.version, reason: 'poisoned' })
    await pipeline().rollback({ by: 'Ada', to: third.version, reason: 'better' })
    const next = pipeline([...grown, ...more('nut')], { base: named((await pipeline().current())!) })
    const warnings: string[] = []
    next.on('warning', ({ message }) => warnings.push(message))
    expect((await next.run()).status).toBe('released')
    expect(warnings).toContainEqual(
      expect.stringMatching(/^The base 0\.6\.0 was made of 0\.4\.0, which is withdrawn \(poisoned\)/),
    )
  })

  it('keeps its files, while it is named', async () => {
    const { pipeline, base } = await released()
    for (const count of [10, 20, 30])
      await release(pipeline([...samples, ...more('kiwi', count), ...more(`x${count}`)]).run())
    expect((await pipeline(samples, { base }).planGc({ keepLast: 1 })).keep).toContainEqual({
      version: '0.1.0',
      reason: 'training starts from it',
    })
    await pipeline().gc({ keepLast: 1 })
    await expect(pipeline(grown, { base }).run()).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('its files were removed'),
    })
  })
})

describe('the replay of old rows', () => {
  it('takes all that are new and a share of the others, chosen alike whatever is added', async () => {
    const { pipeline, base } = await released()
    const half = { ...base, replayShare: 0.5 }
    const { trainer, requests } = watched()
    const second = await release(pipeline(grown, { trainer, base: half }).run())
    const old = new Set(idsOf(await rowsOf(samples)))
    const taken = requests[0]!.ids.filter((id) => old.has(id))
    expect(requests[0]!.ids.filter((id) => !old.has(id)).length).toBe(20)
    expect(taken.length).toBeGreaterThan(old.size * 0.35)
    expect(taken.length).toBeLessThan(old.size * 0.65)
    expect(second.record.candidate).toMatchObject({
      trainingDigest: merkleRoot(
        (await rowsOf(grown)).filter(({ id }) => requests[0]!.ids.includes(id)).map(({ digest }) => digest),
      ),
      base: { replayShare: 0.5, replayed: { rows: taken.length, of: old.size } },
    })
    await pipeline([...grown, ...more('lime')], { trainer, base: half }).run()
    expect(requests[1]!.ids.filter((id) => old.has(id))).toEqual(taken)
    await pipeline(grown, { trainer, base: half, seed: 1 }).run()
    expect(requests[2]!.ids.filter((id) => old.has(id))).not.toEqual(taken)
  })

  it('takes an edited row for a new one, and a share of none for none', async () => {
    const { pipeline, base } = await released()
    const { trainer, requests } = watched()
    const [edited] = await rowsOf(samples)
    const data = samples.map((sample) => (sample.id === edited!.id ? { ...sample, text: 'plum 1' } : sample))
    await pipeline(data, { trainer, base: { ...base, replayShare: 0 } }).run()
    expect(requests[0]!.ids).toEqual([edited!.id])
    await expect(pipeline(samples, { base: { ...base, replayShare: 0 } }).run()).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('no row is new to it'),
    })
  })

  it('counts as old what any release of the chain was trained on', async () => {
    const { pipeline, base } = await released()
    const second = await release(pipeline(grown, { base: { ...base, replayShare: 0.2 } }).run())
    const { trainer, requests } = watched()
    const limes = more('lime')
    await pipeline([...grown, ...limes], { trainer, base: named(second, 0) }).run()
    expect(requests[0]!.ids).toEqual(limes.map(({ id }) => id))
    // Of a chain whose older files are gone the records are enough.
    await pipeline(grown, { base: named(second) }).gc({ keepLast: 1 })
    await pipeline([...grown, ...limes, ...more('nut')], { trainer, base: named(second, 0) }).run()
    expect(requests[1]!.ids.length).toBe(40)
  })

  it('is the same of a release that was restored', async () => {
    const { pipeline, first } = await released()
    await release(pipeline(grown).run())
    await pipeline(grown).rollback({ by: 'Ada', to: first.version, reason: 'tried' })
    const current = (await pipeline().current())!
    expect(current.version).toBe('0.1.2')
    const { trainer, requests } = watched()
    await pipeline(grown, { trainer, base: named(current, 0) }).run()
    expect(requests[0]!.ids).toEqual(more('kiwi').map(({ id }) => id))
  })
})

describe('what was old, on a machine that never trained', () => {
  const commits = new Map<string, readonly Sample[]>([
    ['one', samples],
    ['two', grown],
  ])
  const at = (commit: string): Changes => ({ provenance: async () => ({ commit, dirtyPaths: [] }) })
  const rowsAtCommit = async (commit: string) => rowsOf(commits.get(commit)!)
  const limes = more('lime')

  it('comes of the commit, where its root is the recorded one; once', async () => {
    const { pipeline, first, store } = await released(at('one'))
    const second = await release(pipeline(grown, { ...at('two'), base: named(first, 0.5) }).run())
    const { trainer, requests } = watched()
    const asked: string[] = []
    const fresh: Changes = {
      ...at('three'),
      trainer,
      store: memoryStore(),
      ledger: storeLedger(store),
      rowsAtCommit: async (commit) => {
        asked.push(commit)
        return rowsAtCommit(commit)
      },
    }
    const base = named(second, 0.5)
    const here = await release(pipeline([...grown, ...limes], { ...at('three'), trainer, base }).run())
    const there = watched()
    const again = pipeline([...grown, ...limes], { ...fresh, trainer: there.trainer, base })
    expect(await again.run({ retrain: true })).toMatchObject({
      status: 'up-to-date',
      release: { version: here.version },
    })
    expect(there.requests[0]!.ids).toEqual(requests[0]!.ids)
    expect(asked).toEqual(['one', 'two'])
    await again.run({ retrain: true })
    expect(asked).toEqual(['one', 'two'])
  })

  it.each([
    ['nothing gives it', {}, 'nothing gives those of a commit'],
    [
      'the commit holds others',
      { rowsAtCommit: async () => rowsAtCommit('two') },
      'those of the commit one are others',
    ],
    [
      'the commit is not here',
      {
        rowsAtCommit: async () => {
          throw new Error('the commit is not in this clone.')
        },
      },
      'the commit one does not give them (the commit is not in this clone)',
    ],
  ] as readonly (readonly [string, Changes, string])[])('is an error where %s', async (_, changes, fact) => {
    const { pipeline, first } = await released(at('one'))
    const { trainer, requests } = watched()
    const running = (base: NamedBase) =>
      pipeline(grown, { ...at('two'), store: memoryStore(), trainer, base, ...changes }).run()
    await expect(running(named(first, 0.5))).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/Cannot tell which rows 0\.1\.0 was trained on: .*a replay share of 1/),
    })
    await expect(running(named(first, 0.5))).rejects.toThrow(fact)
    expect(requests).toEqual([])
    expect((await running(named(first))).status).toBe('released')
  })

  it('is never guessed of a list that is damaged', async () => {
    const { pipeline, first, store } = await released(at('one'))
    const damaged: typeof store = {
      ...store,
      objects: {
        ...store.objects,
        async get(digest, getting) {
          const bytes = await store.objects.get(digest, getting)
          return bytes.length % 32 === 0 ? bytes.slice(32) : bytes
        },
      },
    }
    const run = (changes: Changes) =>
      pipeline(grown, { ...at('two'), base: named(first, 0), store: damaged, ...changes }).run()
    await expect(run({})).rejects.toMatchObject({ code: 'not-found' })
    expect((await run({ rowsAtCommit: rowsAtCommit })).status).toBe('released')
  })

  it('is not known of what was imported', async () => {
    const { pipeline, base } = await released()
    const { store, releaser } = await released()
    const folder = await store.workDirectory('import')
    await releaser.open('0.1.0', `${folder}/model`, context)
    const other = world()
    const imported = await other
      .pipeline(samples, { gate: lenient })
      .import({ by: 'Ada', directory: `${folder}/model` })
    const run = (replayShare: number) =>
      other.pipeline(grown, { gate: lenient, base: named(imported.release, replayShare) }).run()
    await expect(run(0.5)).rejects.toThrow('it was imported')
    expect((await run(1)).status).toBe('released')
    expect((await pipeline(grown, { base }).run()).status).toBe('released')
  })
})
