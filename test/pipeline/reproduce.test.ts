import { cpSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Stage } from '../../src/pipeline/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Trainer } from '../../src/trainer/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { poison, samples, world } from './harness.js'

async function released() {
  const one = world()
  const result = await one.pipeline().run()
  if (result.status !== 'released') throw new Error('a release was expected')
  return one
}

describe('reproduce', () => {
  it('trains again, from nothing, and finds the same bytes', async () => {
    const { pipeline, store } = await released()
    let trainings = 0
    const trainer: Trainer<string, string> = {
      ...fakeTrainer(),
      async fit(request, context) {
        trainings += 1
        expect(request.checkpoints).toBeUndefined()
        return await fakeTrainer().fit(request, context)
      },
    }
    const again = pipeline(samples, { trainer })
    const result = await again.reproduce()
    expect(result).toEqual({ runId: result.runId, status: 'reproduced', release: await again.current() })
    expect(await again.reproduce('0.1.0')).toMatchObject({ status: 'reproduced' })
    expect(trainings).toBe(2)
    expect((await again.history()).length).toBe(1)
    expect(await store.runs.read(result.runId)).toMatchObject({ command: 'reproduce', status: 'reproduced' })
  })

  it('runs the stages that change the candidate again, and misses one that is gone', async () => {
    const { pipeline } = world()
    let runs = 0
    const parts = { contract: 1, version: '1', describe: () => null } as const
    const counted: Stage = {
      ...{ ...parts, name: 'count', reads: ['dataset'], writes: 'word-count' },
      run: async ({ dataset }) => ({ value: dataset!.value.counts.rows }),
    }
    const annotate: Stage = {
      ...{ ...parts, name: 'annotate', reads: ['candidate', 'word-count'], writes: 'candidate' },
      async run({ candidate, custom }, { directory }) {
        runs += 1
        cpSync(candidate!.files, directory, { recursive: true })
        await writeFile(join(directory, 'notes.json'), JSON.stringify(custom['word-count']!.value))
        return { value: null, files: directory }
      },
    }
    const stages = [annotate, counted]
    expect(await pipeline(samples, { stages }).run()).toMatchObject({ status: 'released' })
    expect(await pipeline(samples, { stages }).reproduce()).toMatchObject({ status: 'reproduced' })
    expect(runs).toBe(2)
    expect(await pipeline().reproduce()).toMatchObject({
      status: 'not-reproduced',
      files: [expect.objectContaining({ path: 'notes.json' })],
    })
  })

  it('does so for a real model, that a run found in its cache', async () => {
    const { pipeline } = world()
    const trainer = tfjsTrainer(textClassifier({ epochs: 2, buckets: 2 ** 10 }), { device: 'js' })
    expect(await pipeline(samples, { trainer }).run()).toMatchObject({ status: 'released' })
    expect(await pipeline(samples, { trainer }).reproduce()).toMatchObject({ status: 'reproduced' })
  })

  it.each([
    ['the data', { data: poison('apple') }, 'trainingDigest'],
    ['the seed', { changes: { seed: 4 } }, 'seed'],
    ['a setting', { changes: { trainer: fakeTrainer({ setting: 'other' }) } }, 'trainer.describe.setting'],
    ['the code', { changes: { trainer: fakeTrainer({ version: '2' }) } }, 'trainer.version'],
    [
      'the machine',
      { changes: { trainer: { ...fakeTrainer(), environment: async () => ({ packages: { x: '2' }, device: null }) } } },
      'environment',
    ],
  ] as readonly (readonly [string, { data?: typeof samples; changes?: object }, string])[])(
    'names %s where that is another, and trains nothing',
    async (_, { data, changes = {} }, path) => {
      const { pipeline } = await released()
      const result = await pipeline(data, changes).reproduce()
      expect(result).toMatchObject({ status: 'not-reproduced', difference: { path } })
      expect(result.files).toBeUndefined()
    },
  )

  it('names the files where the same inputs give other bytes', async () => {
    const { pipeline } = await released()
    const trainer: Trainer<string, string> = {
      ...fakeTrainer(),
      fit: (request, context) =>
        fakeTrainer({ setting: 'unsaid' }).fit({ ...request, training: half(request.training) }, context),
    }
    const result = await pipeline(samples, { trainer }).reproduce()
    expect(result).toMatchObject({
      status: 'not-reproduced',
      files: expect.arrayContaining([{ path: 'config.json', difference: 'changed' }]),
    })
  })

  it('says of a restored release how that was made which it is again, and nothing of an unknown one', async () => {
    const { pipeline } = await released()
    await pipeline(poison('apple')).run()
    await pipeline()
      .rollback({ by: 'Ada', to: '0.1.0', reason: 'tried' })
      .catch(() => {})
    const result = await pipeline().reproduce()
    expect(result.status).toBe('reproduced')
    await expect(pipeline().reproduce('7.0.0')).rejects.toMatchObject({ code: 'not-found' })
    await expect(world().pipeline().reproduce()).rejects.toMatchObject({ code: 'not-found' })
  })

  it('stops when it is aborted', async () => {
    const { pipeline } = await released()
    await expect(pipeline().reproduce(undefined, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  })
})

/** The first rows only, as if they were all: what a trainer does that looks at something else besides. */
function half<R>(rows: AsyncIterable<R>) {
  return {
    ...(rows as object),
    async *[Symbol.asyncIterator]() {
      let index = 0
      for await (const row of rows) if (index++ < 20) yield row
    },
  } as never
}
