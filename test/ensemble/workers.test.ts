import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { ensembleTrainer, memberKind } from '../../src/ensemble/index.js'
import { inProcessExecutor } from '../../src/execute/index.js'
import { qualityGate, reportOnly, weightIntegrity } from '../../src/gate/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import type { Store } from '../../src/store/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import type { FitRequest, Trainer, TrainProgress } from '../../src/trainer/index.js'
import { biasedDataset, squaredError } from './biased.js'
import { type Local, trainingsIn, withProcesses } from './biased-processes.js'
import { fourMembers } from './biased-worker.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-ensemble-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
const fresh = () => mkdtemp(join(folder, 'fit-'))

async function trainWith(
  trainer: Trainer<number, number>,
  { signal, ...request }: Partial<FitRequest<number, number>> & { readonly signal?: AbortSignal } = {},
) {
  const { training, development } = await biasedDataset().snapshot(callContext())
  const progress: TrainProgress[] = []
  const warnings: string[] = []
  const log = { ...callContext().log, warn: (message: string) => void warnings.push(message) }
  const candidate = await trainer.fit(
    { training, development, seed: 5, directory: await fresh(), ...request },
    { ...callContext({ log, signal }), progress: (now) => progress.push(now) },
  )
  return { ...candidate, progress, warnings }
}
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
const members = fourMembers()
const here = () => trainWith(ensembleTrainer({ members, joinBy: squaredError }))
const ensembleOn = (workers: Pick<Local, 'executor' | 'store'>) =>
  ensembleTrainer({ members, joinBy: squaredError, workers })

describe('members on workers', () => {
  it('are the same bytes as in this process, for one worker process and four', async () => {
    const expected = await here()
    for (const workers of [1, 4])
      await withProcesses(workers, {}, async (local) => {
        const { weights, record, progress } = await trainWith(ensembleOn(local))
        expect(weights.digest).toBe(expected.weights.digest)
        expect(plain(record)).toEqual(plain(expected.record))
        const trainings = await trainingsIn(local.path)
        expect(trainings.map(({ seed }) => seed).sort()).toEqual([5, 6, 7, 8])
        expect(trainings.map(({ pid }) => pid)).not.toContain(process.pid)
        expect(progress.map(({ step, steps }) => step / steps)).toEqual([0.25, 0.5, 0.75, 1])
      })
  })

  it('are the same bytes after a worker was killed', async () => {
    const expected = await here()
    await withProcesses(2, { pauseMs: 100 }, async (local) => {
      const training = trainWith(ensembleOn(local))
      training.catch(() => {})
      await expect.poll(async () => (await trainingsIn(local.path)).length).toBeGreaterThan(1)
      process.kill((await trainingsIn(local.path)).at(-1)!.pid, 'SIGKILL')
      const { weights, warnings } = await training
      expect(weights.digest).toBe(expected.weights.digest)
      expect(warnings).toEqual([expect.stringMatching(/^The member "m\d" is trained again: .*SIGKILL/)])
    })
  })

  it('are not trained again after an interruption, unless the training must begin from nothing', async () => {
    const expected = await here()
    await withProcesses(1, { pauseMs: 20 }, async (local) => {
      const trainer = ensembleOn(local)
      const stop = new AbortController()
      const aborted = trainWith(trainer, { checkpoints: await fresh(), signal: stop.signal })
      aborted.catch(() => {})
      await expect.poll(async () => (await trainingsIn(local.path)).length).toBeGreaterThan(2)
      stop.abort(new Error('enough'))
      await expect(aborted).rejects.toThrow('enough')
      const before = (await trainingsIn(local.path)).length
      const { weights } = await trainWith(trainer, { checkpoints: await fresh() })
      expect(weights.digest).toBe(expected.weights.digest)
      // The third may have been cut off.
      const after = (await trainingsIn(local.path)).length
      expect(after - before).toBeLessThanOrEqual(2)
      const fromNothing = await trainWith(trainer)
      expect((await trainingsIn(local.path)).length - after).toBe(4)
      expect(fromNothing.weights.digest).toBe(expected.weights.digest)
    })
  })

  it.each([
    ['another member', { last: 9 }, /the trainer of the worker differs/],
    ['other rows', { developmentShare: 0.3 }, /the training data of the worker differs/],
  ])('are refused by workers with %s', async (_, options, message) => {
    await withProcesses(1, options, async (local) => {
      await expect(trainWith(ensembleOn(local))).rejects.toMatchObject({
        code: 'version-mismatch',
        message: expect.stringMatching(message),
      })
    })
  })

  it('are trained again if the store damaged the weights', async () => {
    const expected = await here()
    const root = await fresh()
    const store = directoryStore(root)
    const kinds = [memberKind({ members, dataset: biasedDataset() })]
    const checkpoints = await fresh()
    {
      await using executor = inProcessExecutor({ store, kinds, workers: 2 })
      await trainWith(ensembleOn({ executor, store }), { checkpoints })
    }
    const damaged = expected.weights.manifest.files.find(({ path }) => path.endsWith('m0/model.safetensors'))!
    const hex = damaged.digest.slice('sha256:'.length)
    await writeFile(join(root, 'objects/sha256', hex.slice(0, 2), hex.slice(2)), 'damaged')
    await using executor = inProcessExecutor({ store, kinds, workers: 2 })
    const { weights, warnings } = await trainWith(ensembleOn({ executor, store }), { checkpoints })
    expect(weights.digest).toBe(expected.weights.digest)
    expect(warnings).toEqual([expect.stringMatching(/^The member "m0" is trained again: .*damaged/)])
  })

  it('end with the first failure, which names the member', async () => {
    const store = directoryStore(await fresh())
    let begun = 0
    const failing = fourMembers((seed) => {
      begun += 1
      if (seed === 5) throw new Error('no luck')
    })
    await using executor = inProcessExecutor({
      store,
      kinds: [memberKind({ members: failing, dataset: biasedDataset() })],
    })
    const trainer = ensembleTrainer({ members: failing, workers: { executor, store } })
    await expect(trainWith(trainer)).rejects.toMatchObject({
      code: 'stage-failed',
      message: expect.stringMatching(/^The member "m0" of the ensemble: .*no luck/),
    })
    // The second one may have begun before the abort reached it.
    expect(begun).toBeLessThan(3)
  })

  it('are released as one, as without workers', async () => {
    const run = async (trainer: Trainer<number, number>, store: Store) => {
      const gate = qualityGate([weightIntegrity(), reportOnly(squaredError)])
      const options = { dataset: biasedDataset(), store, trainer, gate, releaser: memoryRegistry() }
      const result = await new Pipeline(options).run()
      return result.status === 'released' ? result.release.bundle : result.status
    }
    const store = directoryStore(await fresh())
    const kinds = [memberKind({ members, dataset: biasedDataset() })]
    await using executor = inProcessExecutor({ store, kinds, workers: 4 })
    const expected = await run(ensembleTrainer({ members, joinBy: squaredError }), directoryStore(await fresh()))
    expect(expected).toMatch(/^sha256:/)
    expect(await run(ensembleOn({ executor, store }), store)).toBe(expected)
  })
})
