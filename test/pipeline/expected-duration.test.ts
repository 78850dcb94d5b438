import { describe, expect, it } from 'vitest'
import { digestBytes } from '../../src/core/index.js'
import { expectedText } from '../../src/pipeline/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Trainer } from '../../src/trainer/index.js'
import { poison, samples, world } from './harness.js'
import { twoMachines } from './two-machines.js'

const minute = 60_000

/** Trains for this long by the world's clock. */
function slow(
  clock: { advance(byMs: number): void },
  minutes: number,
  { setting = null, resumedFrom }: { readonly setting?: string | null; readonly resumedFrom?: number } = {},
): Trainer<string, string> {
  const trainer = fakeTrainer({ setting })
  return {
    ...trainer,
    async fit(request, context) {
      clock.advance(minutes * minute)
      if (resumedFrom !== undefined)
        context.progress({ epoch: 1, epochs: 1, step: 1, steps: 1, loss: 0, learningRate: 0, resumedFrom })
      return trainer.fit(request, context)
    },
  }
}

const prompt = (content: string) => async () => [
  { path: 'prompts/inference/a.txt', content, digest: digestBytes(content) },
]

const stageOf = <S extends { readonly stage: string }>(stages: readonly S[], name: string) =>
  stages.find(({ stage }) => stage === name)

describe('the expected duration of a run', () => {
  it('is unknown before the first run', async () => {
    const { clock, pipeline } = world()
    const { expected, stages, nextVersion } = await pipeline(samples, { trainer: slow(clock, 42) }).plan()
    expect([expected, nextVersion]).toEqual([undefined, '0.1.0'])
    expect(stages.every((stage) => stage.expected === undefined)).toBe(true)
    expect(expectedText(expected)).toBe('Duration unknown: no earlier run.')
  })

  it('is the median of earlier runs, with the range and their number', async () => {
    const { clock, pipeline } = world()
    const machine = 'gpu-box'
    for (const [data, minutes] of [
      [samples, 40],
      [poison('apple'), 52],
      [poison('car'), 44],
    ] as const)
      await pipeline(data, { trainer: slow(clock, minutes), machine }).run()
    const { expected, stages } = await pipeline(poison('bus'), { trainer: slow(clock, 1), machine }).plan()
    const numbers = { runs: 3, medianMs: 44 * minute, lowestMs: 40 * minute, highestMs: 52 * minute }
    expect(stageOf(stages, 'train')?.expected).toEqual(numbers)
    expect(expected).toMatchObject({ ...numbers, machine, otherSettings: false })
    expect(expectedText(expected)).toBe(
      'Expected duration: about 44 min on gpu-box (median of 3 earlier runs; 40 min to 52 min).',
    )
  })

  it('counts a training that is kept as kept ones take', async () => {
    const { clock, pipeline } = world()
    const [trainer, machine] = [slow(clock, 30), 'gpu-box']
    await pipeline(samples, { trainer, machine }).run()
    const changed = pipeline(samples, { trainer, machine, payload: prompt('a') })
    const { expected, stages } = await changed.plan()
    expect(stageOf(stages, 'train')).toMatchObject({ action: 'cached' })
    // No run has taken it from the cache yet.
    expect(expected).toMatchObject({ medianMs: 0, unmeasured: ['train'] })
    // `retrain` is another plan.
    const retrained = await changed.plan({ retrain: true })
    expect(retrained).toMatchObject({ outcome: 'judge', expected: { medianMs: 30 * minute, unmeasured: [] } })
    await changed.run()
    const third = pipeline(samples, { trainer, machine, payload: prompt('b') })
    expect(await third.plan()).toMatchObject({ outcome: 'judge', expected: { medianMs: 0, unmeasured: [] } })
  })

  it('comes from the releases on a machine without records, and the bundle is the same whatever it took', async () => {
    const one = world()
    const first = await one.pipeline(samples, { trainer: slow(one.clock, 42), machine: 'gpu-box' }).run()
    const other = world()
    const second = await other.pipeline(samples, { trainer: slow(other.clock, 7), machine: 'laptop' }).run()
    if (first.status !== 'released' || second.status !== 'released') throw new Error('not released')
    expect(first.release.bundle).toBe(second.release.bundle)
    expect(first.release.postPublish.sourceKey).toBe(second.release.postPublish.sourceKey)
    expect(first.release.record.measured).toEqual({
      ...{ runId: first.runId, machine: 'gpu-box' },
      durationsMs: { validate: 0, train: 42 * minute, evaluate: 0, gate: 0 },
    })

    const fresh = { store: memoryStore(), trainer: slow(one.clock, 1), machine: 'hosted' }
    const { expected, nextVersion } = await one.pipeline(poison('apple'), fresh).plan()
    expect(nextVersion).toBe('0.1.1')
    expect(expectedText(expected)).toBe(
      'Expected duration: about 42 min on gpu-box (from 1 earlier run; without release).',
    )
    // The record of the run and the release tell of the same run.
    expect((await one.pipeline(poison('apple'), { trainer: slow(one.clock, 1) }).plan()).expected?.runs).toBe(1)
  })

  it('is that of the machine that trained, for a run in two places', async () => {
    const { clock, onGpu, onHosted } = await twoMachines()
    const trainer = slow(clock, 42)
    const { runId } = await onGpu(samples, { trainer, machine: 'gpu-box\n::add-mask::' }).run({ until: 'verdict' })
    const folder = `${(await twoMachines()).folder}/run`
    await onGpu(samples, { trainer }).exportRun(runId, { directory: folder })
    const released = await onHosted(samples, { trainer, machine: 'hosted' }).release({ directory: folder })
    expect(released).toMatchObject({
      status: 'released',
      release: {
        record: { measured: { runId, machine: 'gpu-box ::add-mask::', durationsMs: { train: 42 * minute } } },
      },
    })
    const { expected } = await onHosted(poison('apple'), { trainer }).plan()
    expect(expected).toMatchObject({ runs: 1, medianMs: 42 * minute })
  })

  it('does not mix machines, and says that settings or rows were others', async () => {
    const { clock, pipeline } = world()
    await pipeline(poison('apple'), { trainer: slow(clock, 300), machine: 'laptop' }).run()
    await pipeline(samples, { trainer: slow(clock, 20), machine: 'gpu-box' }).run()
    const more = [...poison('car'), { id: 'new', text: 'plum 99', label: 'fruit' }]
    const changed = await pipeline(more, { trainer: slow(clock, 1, { setting: 'large' }) }).plan()
    const rows = changed.counts.training
    expect(expectedText(changed.expected)).toBe(
      `Expected duration: about 20 min on gpu-box (from 1 earlier run; for ${rows - 1} training rows then, ${rows} now; other training settings then).`,
    )
    const same = await pipeline(poison('car'), { trainer: slow(clock, 1) }).plan()
    expect(same.expected).toMatchObject({ runs: 1, otherSettings: false, medianMs: 20 * minute })
  })

  it('ignores a training that resumed from a checkpoint', async () => {
    const { clock, pipeline } = world()
    const result = await pipeline(samples, { trainer: slow(clock, 2, { resumedFrom: 100 }) }).run()
    expect(result).toMatchObject({ status: 'released' })
    expect('release' in result && result.release.record.measured?.durationsMs).not.toHaveProperty('train')
    expect((await pipeline(poison('apple'), { trainer: slow(clock, 1) }).plan()).expected).toBeUndefined()
  })

  it('is not inherited by a release that publishes an earlier model again', async () => {
    const { clock, pipeline } = world()
    const trainer = slow(clock, 9)
    await pipeline(poison('apple'), { trainer }).run()
    await pipeline(samples, { trainer }).run()
    const planned = await pipeline(poison('apple'), { trainer }).plan()
    expect(planned).toMatchObject({ outcome: 'restore', nextVersion: '0.1.2' })
    const restored = await pipeline(poison('apple'), { trainer }).run()
    expect(restored).toMatchObject({ status: 'restored', release: { version: planned.nextVersion } })
    expect('release' in restored && restored.release.record.measured).toBeUndefined()
  })

  it('names no host, unless somebody named the machine so', async () => {
    const { pipeline, clock } = world()
    const result = await pipeline(samples, { trainer: slow(clock, 1) }).run()
    expect('release' in result && result.release.record.measured?.machine).toMatch(/^\d+ cores?$/)
  })
})

describe('a plan on another device', () => {
  const on = (device: string): Trainer<string, string> => {
    const environment = async () => ({ packages: {}, device: { device } })
    const trainer = fakeTrainer()
    return {
      ...trainer,
      environment,
      async fit(request, context) {
        const made = await trainer.fit(request, context)
        return { ...made, record: { ...made.record, environment: await environment() } }
      },
    }
  }

  it('says which release was trained from the same rows and settings', async () => {
    const { pipeline } = world()
    const released = await pipeline(samples, { trainer: on('cuda'), payload: prompt('a') }).run()
    expect('release' in released && released.release.record.measured?.machine).toMatch(/^cuda, \d+ cores?$/)
    const elsewhere = { store: memoryStore(), trainer: on('wasm') }
    const planned = await pipeline(samples, { ...elsewhere, payload: prompt('b') }).plan()
    expect(stageOf(planned.stages, 'train')?.action).toBe('run')
    expect(planned).toMatchObject({ outcome: 'judge', trainedAs: '0.1.0', nextVersion: '0.2.0' })
    const other = await pipeline(poison('apple'), { ...elsewhere, payload: prompt('b') }).plan()
    expect(other.trainedAs).toBeUndefined()
  })
})
