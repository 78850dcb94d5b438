import { describe, expect, it, vi } from 'vitest'
import { SheikhError } from '../../src/core/index.js'
import { noRegression, qualityGate, weightIntegrity } from '../../src/gate/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import {
  categorical,
  float,
  gridSampler,
  int,
  randomSampler,
  type Trial,
  type TuneEvent,
  type TuneOptions,
  tpeSampler,
  tune,
} from '../../src/tune/index.js'
import { type LineOptions, lineDataset, lineTrainer, space, squaredError } from './line-trainer.js'

type Options = TuneOptions<number, number, typeof space>

const base = (line: LineOptions = {}): Options => ({
  space,
  trainer: lineTrainer(line),
  dataset: lineDataset(),
  metric: squaredError,
  store: memoryStore(),
  trials: 12,
  sampler: tpeSampler({ startup: 5 }),
})

/** Without ids of runs, which differ in every call. */
const plain = (trials: readonly Trial<unknown>[]) => trials.map(({ runId: _, ...trial }) => trial)
const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('tune', () => {
  it('finds good parameters on the development rows, and never reads the evaluation set', async () => {
    // The trainer and its model throw for a pinned input; so does a read of the evaluation rows.
    const dataset = lineDataset()
    const guarded = {
      ...{ contract: 1, name: 'guarded', describe: () => null },
      async snapshot(context: Parameters<typeof dataset.snapshot>[0]) {
        const { evaluation, ...snapshot } = await dataset.snapshot(context)
        return Object.defineProperty(snapshot, 'evaluation', {
          get() {
            throw new Error(`${evaluation.size} pinned rows are read.`)
          },
        })
      },
    } as unknown as Options['dataset']
    const { best, trials, importance, estimate } = await tune({ ...base(), dataset: guarded, trials: 60 })
    expect(trials).toHaveLength(60)
    expect(trials.every(({ state }) => state === 'scored')).toBe(true)
    expect(best.parameters.slope).toBeCloseTo(2, 0)
    expect(best.parameters.bias).toBeCloseTo(-1, 0)
    expect(best.value).toBe(Math.min(...trials.map((trial) => (trial.state === 'scored' ? trial.value : Infinity))))
    expect(Object.values(importance!).reduce((sum, share) => sum + share)).toBeCloseTo(1)
    // The winner is a little worse than it looks.
    expect(estimate!.value).toBeGreaterThan(best.value)
    expect(estimate!.trials).toBe(60)
  })

  it('gives the same trials for every concurrency and speed', async () => {
    const uneven = { onFit: async ({ slope }: { slope: number }) => slope > 0 && (await settle()) }
    const one = await tune({ ...base(), parallel: 4, concurrency: 1 })
    for (const concurrency of [2, 4])
      expect(plain((await tune({ ...base(uneven), parallel: 4, concurrency })).trials)).toEqual(plain(one.trials))
    // The seed and the number of parallel trials are part of the study.
    expect(plain((await tune({ ...base(), seed: 1 })).trials)).not.toEqual(plain((await tune(base())).trials))
  })

  it('runs as many trials at once as asked, also if there are fewer trials than that', async () => {
    let running = 0
    let most = 0
    const onFit = async () => {
      running += 1
      most = Math.max(most, running)
      await settle()
      running -= 1
    }
    await tune({ ...base({ onFit }), parallel: 8, concurrency: 3, trials: 9 })
    expect(most).toBe(3)
    expect((await tune({ ...base({ onFit }), parallel: 64, trials: 2 })).trials).toHaveLength(2)
  })

  it('continues a study with more trials, and trains only the new ones', async () => {
    const onFit = vi.fn()
    const options = base({ onFit })
    const first = await tune(options)
    expect(onFit).toHaveBeenCalledTimes(12)
    const more = await tune({ ...options, trials: 20 })
    expect(onFit).toHaveBeenCalledTimes(20)
    expect(more.trials.slice(0, 12)).toEqual(first.trials)
    expect(plain(more.trials)).toEqual(plain((await tune({ ...base(), trials: 20 })).trials))
    // Fewer: as the earlier call with so few.
    expect(await tune(options)).toEqual(first)
  })

  it('takes the result of an equal trial, in this study and in another', async () => {
    const onFit = vi.fn()
    const store = memoryStore()
    const choices = { slope: categorical([1, 2]), bias: int(-1, 0) }
    const options = { ...base(), store, trainer: lineTrainer({ onFit }), space: choices, sampler: randomSampler() }
    const { trials, best } = await tune({ ...options, trials: 20, parallel: 4 })
    expect(trials).toHaveLength(20)
    expect(onFit).toHaveBeenCalledTimes(4)
    expect(trials.filter(({ duplicateOf }) => duplicateOf !== undefined)).toHaveLength(16)
    expect(best.parameters).toEqual({ slope: 2, bias: -1 })
    for (const { duplicateOf, number, parameters } of trials)
      if (duplicateOf !== undefined) {
        expect(duplicateOf).toBeLessThan(number)
        expect(trials[duplicateOf]!.parameters).toEqual(parameters)
      }
    await tune({ ...options, name: 'other', trials: 20, seed: 0 })
    expect(onFit).toHaveBeenCalledTimes(4)
  })

  it('ends a grid after its last point', async () => {
    const { trials } = await tune({ ...base(), sampler: gridSampler({ points: 3 }), trials: 100 })
    expect(trials).toHaveLength(9)
  })

  it('records a failed trial with its reason, and continues', async () => {
    const onFit = ({ slope }: { slope: number }) => {
      if (slope < 0) throw new Error('the slope is negative')
    }
    const nan = { ...squaredError, name: 'nan', score: () => Number.NaN }
    const { trials, best } = await tune({ ...base({ onFit }), trials: 20 })
    const failed = trials.filter(({ state }) => state === 'failed')
    expect(failed.length).toBeGreaterThan(2)
    for (const trial of failed) expect(trial.state === 'failed' && trial.reason).toMatch(/the slope is negative/)
    expect(best.parameters.slope).toBeGreaterThan(0)
    const secret = 'hunter2hunter2'
    const onLogin = () => {
      throw new Error(`no login with ${secret}`)
    }
    const said: unknown[] = []
    const hiding = tune({ ...base({ onFit: onLogin }), secrets: [secret], onEvent: (event) => void said.push(event) })
    await expect(hiding).rejects.toThrow(/trial 0 failed: .*no login with \[secret\]/)
    expect(JSON.stringify(said)).not.toContain(secret)
    // A trainer that cannot be made, a metric that is not a number for some, and a model that fails on rows.
    const refused = await tune({
      ...base(),
      trials: 20,
      trainer: (line) => {
        if (line.bias < 0) throw new SheikhError('invalid-options', 'no bias below 0')
        return lineTrainer()(line)
      },
    })
    expect(refused.trials.filter(({ state }) => state === 'failed').length).toBeGreaterThan(2)
    await expect(tune({ ...base(), metric: nan })).rejects.toMatchObject({ code: 'stage-failed' })
    await expect(tune({ ...base(), metric: nan })).rejects.toThrow(
      /no trial of 12 was trained in full, and trial 0 failed: /,
    )
  })

  it('stops at an error of the machine, and continues later', async () => {
    let calls = 0
    const onFit = () => {
      calls += 1
      if (calls === 3) throw new SheikhError('device-unavailable', 'no device', { retryable: true })
    }
    const options = base({ onFit })
    await expect(tune(options)).rejects.toMatchObject({ code: 'device-unavailable' })
    const { trials } = await tune(options)
    expect(calls).toBe(13)
    expect(plain(trials)).toEqual(plain((await tune(base())).trials))
  })

  it('rejects with the reason of an abort, also if a trial hangs', async () => {
    const controller = new AbortController()
    const onFit = () => {
      setTimeout(() => controller.abort(new Error('enough')), 10)
      return new Promise(() => {})
    }
    const options = { ...base({ onFit }), parallel: 2, signal: controller.signal }
    await expect(tune(options)).rejects.toThrow('enough')
    await expect(tune(options)).rejects.toThrow('enough')
    // The lock is free, and the study is usable.
    expect((await tune({ ...base(), store: options.store, parallel: 2 })).trials).toHaveLength(12)
  })

  it('begins no trial after the time limit', async () => {
    let nowMs = 1e12
    const onFit = () => {
      nowMs += 1000
    }
    const options = { ...base({ onFit }), clock: { nowMs: () => nowMs } }
    const { trials } = await tune({ ...options, timeLimitMs: 4500 })
    expect(trials).toHaveLength(5)
    // Known trials take no time.
    expect((await tune({ ...options, timeLimitMs: Number.MIN_VALUE })).trials).toHaveLength(5)
    await expect(tune({ ...options, name: 'b', timeLimitMs: Number.MIN_VALUE })).rejects.toThrow(
      /before the first trial/,
    )
  })

  it('refuses a second tuner on the store meanwhile', async () => {
    const options = base({ onFit: settle })
    const first = tune(options)
    await expect(tune(options)).rejects.toMatchObject({ code: 'locked' })
    expect((await first).trials).toHaveLength(12)
  })

  it.each<readonly [string, Partial<Options>, RegExp]>([
    ['the space', { space: { ...space, slope: float(-4, 5) } }, /its space changed/],
    ['the sampler', { sampler: randomSampler() }, /its sampler changed/],
    ['the seed', { seed: 7 }, /its seed changed/],
    ['the rows', { dataset: lineDataset(0.3) }, /its training data changed/],
    ['the trainer', { trainer: lineTrainer({ version: '2' }) }, /the trainer of trial 0 changed/],
  ])('refuses to continue a study if %s changed', async (_, change, message) => {
    const options = { ...base(), trials: 2 }
    await tune(options)
    await expect(tune({ ...options, ...change, trials: 3 })).rejects.toThrow(message)
    // Under another name it is another study.
    expect((await tune({ ...options, ...change, name: 'other' })).trials).toHaveLength(2)
  })

  it('refuses a journal that is not a study', async () => {
    const options = base()
    await options.store.journals.append('tune-study', '{"formatVersion":1', 0)
    await expect(tune(options)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    const other = { ...base(), trials: 1 }
    await tune(other)
    await other.store.journals.append('tune-study', '{"number":1,"state":"scored"}', 2)
    await expect(tune(other)).rejects.toThrow(/line 3 of the journal "tune-study" is not a trial/)
  })

  it.each<readonly [string, Partial<Options>, string, RegExp]>([
    ['no trials', { trials: 0 }, 'invalid-options', /"trials" is 0/],
    ['NaN trials', { trials: Number.NaN }, 'invalid-options', /"trials" is NaN/],
    ['half a concurrency', { concurrency: 0.5 }, 'invalid-options', /"concurrency" is 0.5/],
    ['more at once than in parallel', { concurrency: 2 }, 'invalid-options', /Set "parallel" to 2/],
    ['a seed that is not an integer', { seed: 0.5 }, 'invalid-options', /seed 0.5/],
    ['a time limit of 0', { timeLimitMs: 0 }, 'invalid-options', /time limit of 0 ms/],
    ['an empty space', { space: {} as typeof space }, 'invalid-options', /the space has no parameters/],
    [
      'a plain object that is not a parameter',
      { space: { slope: { kind: 'float', low: 2, high: 1, log: false }, bias: space.bias } },
      'invalid-options',
      /the parameter "slope": the low end 2 is above/,
    ],
    ['a name with a slash', { name: '../a' }, 'invalid-options', /lower-case letters/],
    ['no development rows', { dataset: lineDataset(0) }, 'dataset-invalid', /no development rows/],
  ])('refuses %s', async (_, change, code, message) => {
    await expect(tune({ ...base(), ...change })).rejects.toThrow(message)
    await expect(tune({ ...base(), ...change })).rejects.toMatchObject({ code })
  })

  it('reports progress, and survives a listener that fails', async () => {
    const events: TuneEvent[] = []
    const warn = vi.fn()
    await tune({
      ...base(),
      trials: 2,
      log: { debug() {}, info() {}, warn },
      onEvent(event) {
        events.push(event)
        if (event.type === 'trial-start') throw new Error('broken listener')
      },
    })
    expect(events.map(({ type }) => type)).toEqual([0, 1].flatMap(() => ['trial-start', 'trial-progress', 'trial-end']))
    expect(events[1]).toEqual({
      ...{ type: 'trial-progress', number: 0 },
      ...{ epoch: 1, epochs: 1, step: 1, steps: 1, loss: 0, learningRate: 0 },
    })
    expect(warn).toHaveBeenCalledWith('The listener "onEvent" failed: broken listener')
  })

  it('gives the winner to a pipeline, which does not train it again', async () => {
    const onFit = vi.fn()
    const options = base({ onFit })
    const { best } = await tune({ ...options, trials: 40 })
    onFit.mockClear()
    const trainer = lineTrainer({ onFit })(best.parameters)
    const { load } = trainer
    // The gate asks about pinned rows, which no trial may.
    const asked = {
      ...trainer,
      load: async (...parameters: Parameters<typeof load>) => ({
        ...(await load(...parameters)),
        predict: async (inputs: readonly number[]) =>
          inputs.map((x) => ({ kind: 'number', value: best.parameters.slope * x + best.parameters.bias }) as const),
      }),
    }
    const pipeline = new Pipeline({
      dataset: options.dataset,
      trainer: asked,
      gate: qualityGate([noRegression(squaredError, { margin: 1 }), weightIntegrity()]),
      releaser: memoryRegistry(),
      store: options.store,
    })
    const result = await (await pipeline.start()).result()
    expect(result.status).toBe('released')
    expect(onFit).not.toHaveBeenCalled()
    // Each trial is a recorded run.
    const runs = await pipeline.runs()
    const trials = runs.filter(({ command }) => command === 'trial')
    expect(trials).toHaveLength(40)
    expect(trials.every(({ status, metrics }) => status === 'scored' && metrics?.['squared-error'] !== undefined)).toBe(
      true,
    )
    expect(runs.find(({ runId }) => runId === best.runId)!.metrics!['squared-error']).toBe(best.value)
  })
})
