import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import { ensembleTrainer } from '../../src/ensemble/index.js'
import type { Metric } from '../../src/evaluation/index.js'
import { qualityGate, reportOnly, weightIntegrity } from '../../src/gate/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { loadRelease } from '../../src/releaser/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { trainerContract } from '../../src/testing/trainer-contract.js'
import type { Trainer } from '../../src/trainer/index.js'
import { biasedDataset, biasedTrainer, squaredError } from './biased.js'

const three = () => ({ first: fakeTrainer(), second: fakeTrainer({ setting: 2 }), third: fakeTrainer() })
trainerContract(test, async () => ensembleTrainer({ members: three() }))
trainerContract(test, async () => ensembleTrainer({ members: { only: fakeTrainer() }, combine: 'mean' }))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-ensemble-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const fitContext = () => ({ ...callContext(), progress: () => {} })
const fresh = () => mkdtemp(join(folder, 'fit-'))

/** The same trainer, whose model answers otherwise. */
function withAnswers(trainer: Trainer<number, number>, answer: (x: number) => number): Trainer<number, number> {
  const load: typeof trainer.load = async (weights, context) => ({
    ...(await trainer.load(weights, context)),
    predict: async (inputs) => inputs.map((x) => ({ kind: 'number', value: answer(x) })),
  })
  return { ...trainer, load }
}

async function fitted(trainer: Trainer<number, number>) {
  const { training, development } = await biasedDataset().snapshot(callContext())
  const directory = await fresh()
  const progress: number[] = []
  const warnings: string[] = []
  const context = {
    ...callContext({ log: { debug: () => {}, info: () => {}, warn: (text) => void warnings.push(text) } }),
    progress: ({ step, steps }: { step: number; steps: number }) => void progress.push(step / steps),
  }
  const candidate = await trainer.fit({ training, development, seed: 5, directory }, context)
  const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'))
  return { ...candidate, directory, progress, config, warnings }
}

describe('an ensemble', () => {
  it('trains each member with its own seed, answers with the mean, and names the members', async () => {
    const seeds: number[] = []
    const trainer = ensembleTrainer({
      members: {
        high: biasedTrainer(3, 0, (seed) => seeds.push(seed)),
        low: biasedTrainer(-1, 0, (seed) => seeds.push(seed)),
      },
      shares: { low: 3 },
    })
    const { weights, record, config, progress } = await fitted(trainer)
    expect(seeds).toEqual([5, 6])
    expect(progress).toEqual([0.5, 1])
    expect(config).toMatchObject({
      architecture: 'ensemble',
      combine: 'mean',
      members: [
        { name: 'high', share: 1 },
        { name: 'low', share: 3 },
      ],
    })
    expect(record.lossCurve.length).toBeLessThanOrEqual(1000)
    expect(record.lossCurve.at(-1)).toEqual([1800, -1])
    await using model = await trainer.load(weights, callContext())
    expect(await model.predict([1, 10], callContext())).toEqual([2, 20].map((value) => ({ kind: 'number', value })))
  })

  it.each(['lower-is-better', 'higher-is-better'] as const)(
    'never begins with a member whose metric has no value, where %s',
    async (direction) => {
      const silent = biasedTrainer(100)
      const weight: Metric['weight'] = (row, prediction) =>
        prediction.kind === 'number' && Math.abs(prediction.value - 2 * Number(row.input)) < 50 ? 1 : 0
      const metric: Metric = { ...squaredError, direction, kind: 'ratio', weight }
      const { config } = await fitted(ensembleTrainer({ members: { silent, good: biasedTrainer(1) }, joinBy: metric }))
      expect(config.tests).toMatchObject([
        { name: 'good', value: expect.closeTo(1), joined: true },
        { name: 'silent', value: null, joined: false },
      ])
    },
  )

  it('leaves out a member whose predictions are not finite, says so, and fails only if there is no other', async () => {
    const diverged = (name: string) => ({ [name]: withAnswers(biasedTrainer(0), () => Number.NaN) })
    const members = { ...diverged('nan'), high: biasedTrainer(1, 0.01), low: biasedTrainer(-1.1, 0.01) }
    const { config, warnings } = await fitted(ensembleTrainer({ members, joinBy: squaredError }))
    expect(config.members.map(({ name }: { readonly name: string }) => name)).toEqual(['high', 'low'])
    const test = { name: 'nan', value: null, joined: false, reason: expect.stringContaining('not finite') }
    expect(config.tests).toContainEqual(test)
    expect(warnings).toContainEqual(expect.stringContaining('The member "nan" does not join the ensemble: '))
    const none = ensembleTrainer({ members: { ...diverged('a'), ...diverged('b') }, joinBy: squaredError })
    await expect(fitted(none)).rejects.toMatchObject({ code: 'evaluation-invalid', facts: { member: 'a' } })
  })

  it('leaves out a member with which the ensemble is not finite', async () => {
    const huge = (sign: number) => withAnswers(biasedTrainer(0), (x) => 2 * x + sign * 1.7e308)
    const logError: Metric = {
      ...squaredError,
      score: ({ target }, said) => (said.kind === 'number' ? Math.log1p(Math.abs(said.value - Number(target))) : 0),
    }
    const { config } = await fitted(ensembleTrainer({ members: { a: huge(1), b: huge(1) }, joinBy: logError }))
    expect(config.tests[1]).toMatchObject({ joined: false, reason: expect.stringContaining('not finite') })
  })

  it('begins with a member that answers all rows, before one that is better on the few that it answers', async () => {
    const lazy = withAnswers(biasedTrainer(0), (x) => {
      if (x < 1) throw new Error('no answer')
      return 2 * x
    })
    const members = { lazy, high: biasedTrainer(1), worse: biasedTrainer(3) }
    const { config } = await fitted(ensembleTrainer({ members, joinBy: squaredError }))
    expect(config.tests.map(({ name }: { readonly name: string }) => name)).toEqual(['high', 'worse', 'lazy'])
    expect(config.tests[2]).toMatchObject({ value: 0, joined: false })
  })

  it('takes a member only if the development rows show its gain', async () => {
    const members = {
      worse: biasedTrainer(5, 0.01),
      high: biasedTrainer(1, 0.01),
      same: biasedTrainer(1.01, 0.01),
      low: biasedTrainer(-1.1, 0.01),
    }
    const { config, directory, record } = await fitted(ensembleTrainer({ members, joinBy: squaredError }))
    expect(config.members.map(({ name }: { readonly name: string }) => name)).toEqual(['high', 'low'])
    const tests = Object.fromEntries(config.tests.map((one: { readonly name: string }) => [one.name, one]))
    expect(tests).toMatchObject({
      high: { joined: true, reason: 'It is the best member alone.', value: expect.closeTo(1, 1) },
      same: { joined: false },
      low: { joined: true },
      worse: { joined: false, value: expect.closeTo(25, 0) },
    })
    await expect(readFile(join(directory, 'members/worse/config.json'))).rejects.toThrow('ENOENT')
    expect(record.developmentDigest).toBe((await biasedDataset().snapshot(callContext())).development!.digest)
  })

  it('takes voters in pairs, because a second one alone never decides', async () => {
    // Each is wrong on a fifth of the rows of its own.
    const voter = (part: number) => {
      const inner = biasedTrainer(part)
      const load: typeof inner.load = async (weights, context) => ({
        ...(await inner.load(weights, context)),
        predict: async (inputs) =>
          inputs.map((x) => ({
            kind: 'label',
            label: Math.floor(Math.abs(x) * 1e6) % 5 === part ? 'wrong' : x > 0 ? 'above' : 'below',
          })),
      })
      return { ...inner, load }
    }
    const rightSide: Metric = {
      ...{ contract: 1, name: 'right', version: '1', direction: 'higher-is-better', kind: 'binary', needs: 'label' },
      describe: () => null,
      score: ({ target }, said) =>
        Number(said.kind === 'label' && said.label === (Number(target) > 0 ? 'above' : 'below')),
    }
    const members = Object.fromEntries([0, 1, 2, 3, 4].map((part) => [`v${part}`, voter(part)]))
    const { config } = await fitted(ensembleTrainer({ members, combine: 'vote', joinBy: rightSide }))
    expect(config.members.length).toBe(3)
  })

  it('leaves nothing after a failure of the selection, and an abort has its own reason', async () => {
    const broken = {
      ...squaredError,
      score: () => {
        throw new Error('no score')
      },
    }
    const { training, development } = await biasedDataset().snapshot(callContext())
    const directory = await fresh()
    const trainer = ensembleTrainer({ members: { a: biasedTrainer(1), b: biasedTrainer(2) }, joinBy: broken })
    await expect(trainer.fit({ training, development, seed: 0, directory }, fitContext())).rejects.toThrow()
    expect(await readdir(directory)).toEqual([])
    const reason = new SheikhError('locked', 'The lock is lost.')
    const stop = new AbortController()
    const stopping = biasedTrainer(1, 0, () => {
      stop.abort(reason)
      throw reason
    })
    const context = { ...callContext({ signal: stop.signal }), progress: () => {} }
    const aborted = ensembleTrainer({ members: { a: stopping } }).fit({ training, seed: 0, directory }, context)
    expect(await aborted.catch((error: unknown) => error)).toBe(reason)
  })

  it('gives each member a seed of its own, also at the end of the integers', async () => {
    const seeds: number[] = []
    const member = () => biasedTrainer(1, 0, (seed) => seeds.push(seed))
    const { training } = await biasedDataset().snapshot(callContext())
    const trainer = ensembleTrainer({ members: { a: member(), b: member(), c: member() } })
    await trainer.fit({ training, seed: Number.MAX_SAFE_INTEGER, directory: await fresh() }, fitContext())
    expect(new Set(seeds).size).toBe(3)
  })

  it('lets members without a gain in seldom', async () => {
    // Members that differ by noise alone, of which the mean of two is no better than its best: the error is the bias.
    let joined = 0
    for (let round = 0; round < 20; round += 1) {
      const members = {
        a: biasedTrainer(1, 1e-3),
        b: biasedTrainer(1, 1e-3 * (1 + round)),
        c: biasedTrainer(1 + 1e-6 * round),
      }
      joined += (await fitted(ensembleTrainer({ members, joinBy: squaredError }))).config.members.length - 1
    }
    expect(joined).toBeLessThanOrEqual(3)
  })

  it('is judged and released as one, and a release answers as the ensemble', async () => {
    const trainer = ensembleTrainer({ members: { high: biasedTrainer(1), low: biasedTrainer(-1) } })
    const registry = memoryRegistry()
    const gate = qualityGate([weightIntegrity(), reportOnly(squaredError)])
    const options = { dataset: biasedDataset(), store: memoryStore(), trainer, gate, releaser: registry }
    const { status } = await new Pipeline(options).run()
    expect(status).toBe('released')
    await using released = await loadRelease(registry, { trainer }, callContext())
    expect(await released.predict([4], callContext())).toEqual([{ kind: 'number', value: 8 }])
    // Nothing changed: nothing is trained. Another share: another release.
    expect((await new Pipeline(options).run()).status).toBe('up-to-date')
    const other = ensembleTrainer({ members: { high: biasedTrainer(1), low: biasedTrainer(-1) }, shares: { low: 2 } })
    expect(
      (await new Pipeline({ ...options, trainer: other }).plan()).stages.find(({ stage }) => stage === 'train'),
    ).toMatchObject({ action: 'run' })
  })

  it('refuses weights of others, changed members, and members it does not have', async () => {
    const members = { high: biasedTrainer(1), low: biasedTrainer(-1) }
    const trainer = ensembleTrainer({ members })
    const { weights, directory } = await fitted(trainer)
    await expect(
      ensembleTrainer({ members: { high: members.high } }).load(weights, callContext()),
    ).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringContaining('a member "low", which this trainer does not have'),
    })
    await writeFile(join(directory, 'members/low/config.json'), '{}')
    await expect(trainer.load(weights, callContext())).rejects.toThrow(
      'the member "low" are not those that were trained',
    )
    const alone = await members.high.fit(
      { training: (await biasedDataset().snapshot(callContext())).training, seed: 0, directory: await fresh() },
      fitContext(),
    )
    await expect(trainer.load(alone.weights, callContext())).rejects.toMatchObject({ code: 'artifact-corrupt' })
    for (const name of ['../high', 'high/..', '']) {
      await writeFile(
        join(directory, 'config.json'),
        JSON.stringify({
          architecture: 'ensemble',
          formatVersion: 1,
          combine: 'mean',
          members: [{ name, share: 1, trainer: { name: 'x' }, weights: weights.digest }],
        }),
      )
      await expect(trainer.load(weights, callContext())).rejects.toMatchObject({ code: 'artifact-corrupt' })
    }
  })

  it('says which member failed, with its code', async () => {
    const failing = biasedTrainer(1, 0, () => {
      throw new SheikhError('train-diverged', 'Cannot train: the loss is not a number.')
    })
    await expect(fitted(ensembleTrainer({ members: { good: biasedTrainer(1), bad: failing } }))).rejects.toMatchObject({
      code: 'train-diverged',
      message: 'The member "bad" of the ensemble: Cannot train: the loss is not a number.',
    })
  })

  it('needs development rows for "joinBy"', async () => {
    const { training } = await biasedDataset(null).snapshot(callContext())
    const trainer = ensembleTrainer({ members: { high: biasedTrainer(1) }, joinBy: squaredError })
    await expect(trainer.fit({ training, seed: 0, directory: await fresh() }, fitContext())).rejects.toMatchObject({
      code: 'dataset-invalid',
    })
  })

  it.each<[string, object, string]>([
    ['no members', { members: {} }, 'it has no members'],
    ['a name that is none', { members: { 'A b': fakeTrainer() } }, '"A b" is no name'],
    ['a share of 0', { members: three(), shares: { first: 0 } }, 'the share of "first" is 0'],
    ['a share of nobody', { members: three(), shares: { fourth: 1 } }, 'names "fourth"'],
    ['an aggregate', { members: three(), joinBy: { ...squaredError, kind: 'aggregate' } }, 'is an aggregate'],
  ])('refuses %s', (_name, options, fact) => {
    expect(() => ensembleTrainer(options as never)).toThrow(fact)
  })
})
