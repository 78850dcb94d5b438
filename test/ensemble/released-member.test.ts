import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { callContext, type Digest } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet } from '../../src/dataset/index.js'
import { ensembleTrainer, memberKind, releasedMember } from '../../src/ensemble/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { inProcessExecutor } from '../../src/execute/index.js'
import { atLeast, qualityGate } from '../../src/gate/index.js'
import type { Rows } from '../../src/model/index.js'
import type { PipelineOptions } from '../../src/pipeline/index.js'
import { withdrawnAncestor } from '../../src/pipeline/named-base.js'
import { loadRelease, type Release } from '../../src/releaser/index.js'
import { reportRun } from '../../src/report/run/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { trainerContract } from '../../src/testing/trainer-contract.js'
import type { Trainer } from '../../src/trainer/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { datasetOf, pinned, type Sample, samples, world } from '../pipeline/harness.js'

let below = ''
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-released-member-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))
const fresh = () => mkdtemp(join(below, 'fit-'))
const fitContext = () => ({ ...callContext(), progress: () => {} })

const digest: Digest = `sha256:${'a'.repeat(64)}`
const named = { version: '1.2.0', digest }
const before = () => releasedMember({ ...named, trainer: fakeTrainer() })
async function opened(folder: string, training: Rows<string, string>) {
  const directory = join(folder, 'release')
  await mkdir(directory)
  const { weights, record } = await fakeTrainer().fit({ training, seed: 0, directory }, fitContext())
  return [{ ...named, weights, record }]
}
trainerContract(test, async () => before(), { releases: opened })
trainerContract(test, async () => ensembleTrainer({ members: { before: before(), now: fakeTrainer() } }), {
  releases: opened,
})

const lenient = qualityGate([atLeast(accuracy(), 0)], { whenInconclusive: 'release' })
type Changes = Partial<PipelineOptions<string, string>>
const grown: readonly Sample[] = [
  ...samples,
  ...Array.from({ length: 20 }, (_, index) => ({ id: `kiwi-${index}`, text: `kiwi ${index}`, label: 'fruit' })),
]

async function released(changes: Changes = {}) {
  const there = world()
  const warnings: string[] = []
  let nowMs = Date.UTC(2030, 0, 1)
  const pipeline = (data: readonly Sample[] = samples, more: Changes = {}) => {
    const made = there.pipeline(data, { gate: lenient, clock: { nowMs: () => (nowMs += 1000) }, ...changes, ...more })
    made.on('warning', ({ message }) => warnings.push(message))
    return made
  }
  return { ...there, pipeline, warnings, first: await release(pipeline()) }
}

async function release(pipeline: { run(): Promise<unknown> }): Promise<Release> {
  const result = (await pipeline.run()) as { readonly status: string; readonly release: Release }
  if (result.status !== 'released') throw new Error(`a release was expected, not ${result.status}`)
  return result.release
}

const withRelease = (
  { version, bundle }: Release,
  {
    loader = fakeTrainer(),
    now = fakeTrainer({ setting: 2 }),
    ...more
  }: Partial<Record<'loader' | 'now', Trainer>> & Partial<Parameters<typeof ensembleTrainer>[0]> = {},
) =>
  ensembleTrainer({
    members: { before: releasedMember({ version, digest: bundle, trainer: loader }), now },
    ...more,
  })

describe('a release as a member', () => {
  it('is not trained, is named by the bundle, the record, the plan and the report, and answers with the others', async () => {
    const { pipeline, releaser, first } = await released()
    const trainer = withRelease(first)
    expect((await pipeline(grown, { trainer }).plan()).summary).toContain('a model with the release 0.1.0: ')
    const second = await release(pipeline(grown, { trainer }))
    expect(second.record.candidate?.releases).toEqual([{ version: '0.1.0', digest: first.bundle }])
    const directory = await fresh()
    await releaser.open(second.version, directory, callContext())
    expect(JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')).members).toMatchObject([
      { name: 'before', trainer: { name: 'fake' }, weights: first.record.training!.weights },
      { name: 'now' },
    ])
    await using model = await loadRelease(releaser, { trainer }, callContext())
    expect(await model.predict(['apple 1', 'bus 1'])).toMatchObject([{ label: 'fruit' }, { label: 'vehicle' }])
    expect((await pipeline(grown, { trainer }).run()).status).toBe('up-to-date')
    expect((await pipeline(grown, { trainer }).reproduce()).status).toBe('reproduced')
    const [, , run] = await pipeline().runs()
    expect(reportRun(run!)).toMatch(/Made with the releases *\| *0\.1\.0 /)
    expect((await pipeline(grown, { trainer }).planGc({ keepLast: 1 })).keep).toContainEqual({
      version: '0.1.0',
      reason: 'the trainer uses it',
    })
  })

  it('that is missing, another, withdrawn or no name is refused, in a plan too', async () => {
    const { pipeline, first, warnings } = await released()
    const refused = async (trainer: Trainer, code: string, text: string) => {
      const error = { code, message: expect.stringContaining(text) }
      await expect(pipeline(grown, { trainer }).plan()).rejects.toMatchObject(error)
      await expect(pipeline(grown, { trainer }).run()).rejects.toMatchObject(error)
    }
    await refused(
      withRelease({ ...first, version: '9.0.0' }),
      'not-found',
      'Cannot use 9.0.0: there is no such release',
    )
    await refused(withRelease({ ...first, bundle: digest }), 'artifact-corrupt', 'Cannot use 0.1.0: the registry has')
    for (const wrong of [{ version: 'latest' }, { bundle: 'sha256:1' as Digest }])
      expect(() => pipeline(grown, { trainer: withRelease({ ...first, ...wrong }) })).toThrow('Cannot use the release')
    const trainer = withRelease(first)
    await release(pipeline(grown, { trainer }))
    const other = await release(pipeline([...grown, { id: 'x', text: 'x 1', label: 'fruit' }]))
    expect(other.version).not.toBe('0.1.0')
    const judged = await pipeline(grown, { trainer }).plan()
    expect(judged.summary).not.toContain('withdrawn')
    await pipeline().withdraw('0.1.0', { by: 'ada', reason: 'wrong labels' })
    expect(warnings).toContainEqual(
      expect.stringContaining('1.0.0 was made of 0.1.0, which is withdrawn, and may have its faults.'),
    )
    expect((await pipeline(grown, { trainer }).plan()).summary).toContain('was made of 0.1.0, which is withdrawn')
    // A run from the same sources publishes the release that contains it again, and warns.
    expect((await pipeline(grown, { trainer }).run()).status).toBe('restored')
    expect(warnings).toContainEqual(expect.stringContaining('was made of 0.1.0, which is withdrawn (wrong labels)'))
    await refused(
      withRelease(first, { shares: { now: 2 } }),
      'release-rejected',
      'Cannot use 0.1.0: it is withdrawn (wrong labels). Name another, or leave',
    )
  })

  it('that was trained on what is pinned now is refused, also through an ensemble and another base', async () => {
    const { pipeline, first } = await released()
    const second = await release(pipeline(grown, { trainer: withRelease(first) }))
    const { training, trainingRows } = await datasetOf(samples).snapshot(callContext())
    expect(training.size).toBe(trainingRows.length)
    const [moved] = trainingRows
    const evaluation = pinnedSet({
      ...pinned,
      items: [...pinned.items, { ...pinned.items[0]!, id: moved!.id, digest: moved!.sampleDigest }],
    })
    const dataset = new Dataset({ source: memorySamples(samples), input: 'text', target: 'label', evaluation })
    for (const trainer of [withRelease(first), withRelease(second, { loader: withRelease(first) })])
      await expect(pipeline(samples, { dataset, trainer }).run()).rejects.toMatchObject({
        code: 'dataset-invalid',
        message: expect.stringContaining(`it was trained on 1 row that models are judged on now`),
      })
  })

  it('that was made of a release that is withdrawn since may be used, and that is said', async () => {
    const { pipeline, first, warnings } = await released()
    const second = await release(pipeline(grown, { trainer: withRelease(first) }))
    await pipeline().withdraw('0.1.0', { by: 'ada', reason: 'wrong labels' })
    const loader = withRelease(first)
    await release(pipeline(grown, { trainer: withRelease(second, { loader }) }))
    expect(warnings).toContainEqual(
      expect.stringContaining(`The release ${second.version} was made of 0.1.0, which is withdrawn (wrong labels)`),
    )
  })

  it('joins by its gain, opened by the caller if the others are trained on workers', async () => {
    const developmentShare = 0.3
    const dataset = (data: readonly Sample[]) =>
      new Dataset({
        ...{ source: memorySamples(data), input: 'text', target: 'label' },
        evaluation: pinnedSet(pinned),
        developmentShare,
      })
    const { pipeline, first, warnings } = await released({ dataset: dataset(samples) })
    const trainer = withRelease(first, { joinBy: accuracy() })
    const here = await release(pipeline(samples, { trainer }))
    expect(warnings.filter((text) => text.includes('development rows'))).toEqual([])
    const store = directoryStore(await fresh())
    const { now } = { now: fakeTrainer({ setting: 2 }) }
    await using executor = inProcessExecutor({
      ...{ store, workers: 2 },
      kinds: [memberKind({ members: { now }, dataset: dataset(samples) })],
    })
    const onWorkers = withRelease(first, { joinBy: accuracy(), now, workers: { executor, store } })
    expect(await pipeline(samples, { trainer: onWorkers }).reproduce()).toMatchObject({ status: 'reproduced' })
    expect(here.record.candidate?.releases).toHaveLength(1)
    // Without a development share, the release is trained on these rows.
    const whole = await released()
    const late = withRelease(whole.first, { joinBy: accuracy() })
    await whole.pipeline(samples, { trainer: late, dataset: dataset(samples) }).run()
    expect(whole.warnings).toContainEqual(
      expect.stringMatching(/The release 0\.1\.0 was trained on (\d+) of \1 development/),
    )
  })

  it('is averaged only with members of its base', async () => {
    const classifier = (epochs: number) => tfjsTrainer(textClassifier({ epochs }))
    const { pipeline, first } = await released({ trainer: classifier(1) })
    const base = { version: first.version, digest: first.bundle }
    const tuned = await release(pipeline(grown, { trainer: classifier(2), base }))
    const other = await release(pipeline(samples, { trainer: classifier(4) }))
    const soup = (release: Release) =>
      withRelease(release, { loader: classifier(1), now: classifier(3), combine: 'weights' })
    await expect(pipeline(grown, { trainer: soup(other), base }).run()).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('no base is known from which "before" starts'),
    })
    const averaged = await release(pipeline(grown, { trainer: soup(tuned), base }))
    expect(averaged.record.candidate).toMatchObject({ base, releases: [{ version: tuned.version }] })
    // The base itself, and a mean, which names its members in a file.
    expect((await pipeline(grown, { trainer: soup(averaged), base }).run()).status).toBe('released')
    expect((await pipeline(samples, { trainer: soup(first), base }).run()).status).toBe('released')
    // Two releases of one base need no training and no base.
    const members = Object.fromEntries(
      [tuned, averaged].map(({ version, bundle }, at) => [
        `m${at}`,
        releasedMember({ version, digest: bundle, trainer: classifier(1) }),
      ]),
    )
    const trainer = ensembleTrainer({ members, combine: 'weights', shares: { m0: 3 } })
    expect((await pipeline(grown, { trainer }).run()).status).toBe('released')
  })

  it('is followed through generations once each, also if each is made of the two before', async () => {
    const there = world()
    let reads = 0
    const get: typeof there.store.objects.get = (...asked) => {
      reads += 1
      return there.store.objects.get(...asked)
    }
    const store = { ...there.store, objects: { ...there.store.objects, get } }
    const made: Release[] = []
    const data = [...samples]
    const readsOfRun: number[] = []
    for (let generation = 1; generation <= 11; generation += 1) {
      const releases = made.slice(-2).map(({ version, bundle }) => ({ version, digest: bundle }))
      const trainer = { ...fakeTrainer({ setting: generation }), releases }
      reads = 0
      data.push({ id: `new-${generation}`, text: `word${generation} 1`, label: 'fruit' })
      made.push(await release(there.pipeline([...data], { trainer, store, gate: lenient })))
      readsOfRun.push(reads)
    }
    const history = made.toReversed()
    const last = readsOfRun.slice(-3).map((count, index, counts) => count - (counts[index - 1] ?? count))
    expect(last[2]).toBe(last[1])
    let asked = 0
    const counted = history.map((one) => ({
      ...one,
      get record() {
        asked += 1
        return one.record
      },
    }))
    const askedOf = (count: number) => {
      asked = 0
      expect(withdrawnAncestor(counted.slice(-count), counted.at(-count)!)).toBeUndefined()
      return asked
    }
    expect(askedOf(11) - askedOf(10)).toBe(askedOf(10) - askedOf(9))
  })

  it('is no other trainer that has a loader of its own', async () => {
    const { pipeline } = world()
    const own = Object.assign(fakeTrainer({ setting: 2 }), { loader: 'csv' })
    const { record } = await release(
      pipeline(samples, { trainer: ensembleTrainer({ members: { own, now: fakeTrainer() } }), gate: lenient }),
    )
    expect(record.candidate?.trainer.name).toBe('ensemble')
  })

  it('without a pipeline ends in an error, and leaves nothing', async () => {
    const directory = await fresh()
    const { training } = await datasetOf(samples).snapshot(callContext())
    const trainer = ensembleTrainer({ members: { before: before(), now: fakeTrainer() } })
    await expect(trainer.fit({ training, seed: 0, directory }, fitContext())).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('The member "before" of the ensemble: Cannot open the release 1.2.0'),
    })
    expect(await readdir(directory)).toEqual([])
  })
})
