import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext, type Json, type Log, seededRandom } from '../../src/core/index.js'
import type { Rows } from '../../src/model/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import type { RunStore } from '../../src/store/index.js'
import type { TrainProgress } from '../../src/trainer/index.js'
import { type DeviceName, deviceNames, openDevice } from '../../src/trainer/tfjs/devices.js'
import { type CheckpointOptions, textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { builtRooms } from '../built-package.js'
import { forEachUpTo, spawnNode } from '../crash/spawn-node.js'
import { itInFull } from '../in-full.js'
import { samples, world } from '../pipeline/harness.js'
import { everyNth, isWhole, sampleOf } from '../whole.js'
import { deviceForTests } from './device-for-tests.js'

let work: string
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'sheikh-checkpoints-'))
})
afterEach(() => rm(work, { recursive: true, force: true }))

const rows = Array.from({ length: 40 }, (_, index) => ({
  id: String(index),
  input: `${['apple', 'bus', 'pear'][index % 3]} number ${index % 7}`,
  target: index % 3 === 1 ? 'vehicle' : 'fruit',
  slices: {},
}))
const training: Rows<string, string> = {
  size: rows.length,
  digest: `sha256:${'1'.repeat(64)}`,
  async *[Symbol.asyncIterator]() {
    yield* rows
  },
}
/** 3 epochs of 4 steps. */
const settings = { epochs: 3, batchSize: 10, buckets: 2 ** 8, learningRate: 0.1 }

interface Learning {
  readonly device?: DeviceName
  readonly seed?: number
  readonly model?: Parameters<typeof textClassifier>[0]
  readonly checkpoints?: CheckpointOptions | false
  /** Aborts at the report of this step. */
  readonly stopAt?: number
  readonly log?: Log
  readonly onReport?: (step: number) => void
  readonly folder?: string
}

async function learn({
  device = 'js',
  seed = 1,
  model,
  checkpoints = {},
  stopAt,
  log,
  onReport,
  folder,
}: Learning = {}) {
  const controller = new AbortController()
  const reports: TrainProgress[] = []
  const fitted = await tfjsTrainer(textClassifier({ ...settings, ...model }), {
    device,
    checkpoints,
    thread: 'caller',
  }).fit(
    {
      training,
      seed,
      directory: await mkdtemp(join(tmpdir(), 'sheikh-weights-')),
      checkpoints: folder ?? join(work, 'checkpoints'),
    },
    {
      ...callContext({ signal: controller.signal, log }),
      progress(report) {
        reports.push(report)
        onReport?.(report.step)
        if (report.step === stopAt) controller.abort('stopped')
      },
    },
  )
  return { digest: fitted.weights.digest, lossCurve: fitted.record.lossCurve, resumedFrom: reports.at(-1)?.resumedFrom }
}

const warnings = (found: string[]): Log => ({ debug() {}, info() {}, warn: (message) => void found.push(message) })
const kept = () => readdir(join(work, 'checkpoints'))

const opened = await Promise.all(
  deviceNames.map(async (name) => {
    const device = await deviceForTests(name)
    if (typeof device !== 'string') return [name]
    console.log(`Checkpoints on ${name}: skipped. ${device}`)
    return []
  }),
)

describe('a training that is aborted', () => {
  it.each(opened.flat())('at any step goes on from there, to the same bytes, on %s', async (device) => {
    const { tf } = await openDevice(device, callContext())
    const before = tf.memory().numTensors
    const whole = await learn({ device, folder: join(work, 'none') })
    expect(whole.resumedFrom).toBeUndefined()
    for (let stopAt = 1; stopAt < 12; stopAt += isWhole ? 1 : 3) {
      await expect(learn({ device, stopAt })).rejects.toBe('stopped')
      expect(await learn({ device })).toEqual({ ...whole, resumedFrom: stopAt })
      await rm(join(work, 'checkpoints'), { recursive: true })
    }
    expect(tf.memory().numTensors).toBe(before)
  })

  it('again and again gets there all the same', async () => {
    const whole = await learn({ folder: join(work, 'none') })
    for (const stopAt of [2, 3, 7, 11]) await expect(learn({ stopAt })).rejects.toBe('stopped')
    expect(await learn()).toEqual({ ...whole, resumedFrom: 11 })
  })

  it('keeps nothing where no checkpoints are wanted', async () => {
    await expect(learn({ stopAt: 5, checkpoints: false })).rejects.toBe('stopped')
    await expect(kept()).rejects.toThrow('ENOENT')
  })
})

describe('a checkpoint', () => {
  const name = (step: number) => `step-${String(step).padStart(9, '0')}`

  it('is kept every so many steps, the last ones only', async () => {
    await expect(learn({ checkpoints: { everySteps: 2 }, stopAt: 9 })).rejects.toBe('stopped')
    expect(await kept()).toEqual([name(8), name(9)])
    await rm(join(work, 'checkpoints'), { recursive: true })
    await learn({ checkpoints: { everySteps: 3, keepLast: 3 } })
    // None at the end: then there are weights.
    expect(await kept()).toEqual([name(3), name(6), name(9)])
  })

  it('that is damaged in any way is said, and the one before it is taken', async () => {
    const whole = await learn({ folder: join(work, 'none') })
    const random = seededRandom('damage')
    const files = ['state/tensors.safetensors', 'state/facts.json']
    for (let round = 0; round < (isWhole ? 24 : 6); round += 1) {
      await expect(learn({ checkpoints: { everySteps: 3 }, stopAt: 7 })).rejects.toBe('stopped')
      const path = join(work, 'checkpoints', name(7), files[round % 2]!)
      const bytes = await readFile(path)
      if (round % 3 === 0) await truncate(path, random.below(bytes.length))
      else if (round % 3 === 1) await rm(path)
      else {
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
        await writeFile(path, bytes)
      }
      const found: string[] = []
      expect(await learn({ log: warnings(found) })).toEqual({ ...whole, resumedFrom: 6 })
      expect(found).toEqual([expect.stringMatching(/^Cannot go on from the checkpoint .*step-000000007/)])
      await rm(join(work, 'checkpoints'), { recursive: true })
    }
  })

  it('without its last file is none, whatever is in it', async () => {
    await expect(learn({ checkpoints: { everySteps: 3 }, stopAt: 7 })).rejects.toBe('stopped')
    for (const text of ['', '{"formatVersion":1', 'null', '[]', '{"formatVersion":2}']) {
      await writeFile(join(work, 'checkpoints', name(7), 'checkpoint.json'), text)
      expect((await learn({ checkpoints: { everySeconds: 1e6 } })).resumedFrom).toBe(6)
    }
  })

  it('of another training is left alone: another seed, other settings, another device', async () => {
    await expect(learn({ stopAt: 7 })).rejects.toBe('stopped')
    for (const other of [{ seed: 2 }, { model: { learningRate: 0.2 } }, { device: 'wasm' as const }])
      expect((await learn(other)).resumedFrom).toBeUndefined()
    expect((await learn()).resumedFrom).toBe(7)
  })

  it('that cannot be written is said, and the training goes on', async () => {
    const whole = await learn({ folder: join(work, 'none') })
    const found: string[] = []
    const folder = join(work, 'checkpoints')
    const sealed = await learn({
      checkpoints: { everySteps: 5 },
      log: warnings(found),
      onReport(step) {
        if (step !== 3) return
        rmSync(folder, { recursive: true, force: true })
        writeFileSync(folder, 'a file where the folder was')
      },
    })
    expect(sealed).toEqual(whole)
    expect(found).toEqual(
      [5, 10].map((step) => expect.stringMatching(`^The checkpoint of step ${step} was not written: `)),
    )
  })

  it.each([{ everySteps: 0 }, { everySteps: 1.5 }, { everySeconds: 0 }, { keepLast: 0 }])(
    'refuses %j',
    (checkpoints) => {
      expect(() => tfjsTrainer(textClassifier(), { checkpoints })).toThrow(
        expect.objectContaining({ code: 'invalid-options' }),
      )
    },
  )
})

describe('killed at any write of a checkpoint', () => {
  itInFull(
    'a training goes on from the last one that is whole, to the same bytes',
    async () => {
      const rooms = await builtRooms()
      const preload = resolve(import.meta.dirname, '../crash/kill-at-write.mjs')
      const program = resolve(import.meta.dirname, '../crash/walk-train.mjs')
      const run = async (folder: string, device: string, environment: Readonly<Record<string, string>> = {}) => {
        const under = { COUNT_UNDER: join(folder, 'checkpoints'), ...environment }
        return spawnNode(['--import', preload, program, rooms, folder, device], under)
      }
      const wholes: Record<string, { digest: string }> = {}
      let points = 0
      for (const device of isWhole ? ['wasm', 'js'] : ['wasm']) {
        const folder = join(work, device)
        const whole = await run(folder, device, { COUNT_FILE: join(work, 'count') })
        expect(whole.code, whole.output).toBe(0)
        wholes[device] = JSON.parse(whole.output)
        points = Number(await readFile(join(work, 'count'), 'utf8'))
      }
      expect(points).toBeGreaterThan(20)
      const resumed = new Set<number | null>()
      const every = everyNth(22, 1)
      await forEachUpTo(Math.floor(points / every), 3, async (nth) => {
        const point = nth * every
        const device = point % 2 === 0 || !isWhole ? 'wasm' : 'js'
        const folder = join(work, String(point))
        const half: Record<string, string> = point % 3 === 0 ? { KILL_HALF: '1' } : {}
        const killed = await run(folder, device, { KILL_AT: String(point), ...half })
        expect(killed.signal, `point ${point}: ${killed.output}`).toBe('SIGKILL')
        const next = await run(folder, device)
        expect(next.code, `point ${point}: ${next.output}`).toBe(0)
        const { resumedFrom, ...found } = JSON.parse(next.output) as { resumedFrom: number | null }
        expect({ ...found, resumedFrom: null }, `point ${point}`).toEqual(wholes[device])
        resumed.add(resumedFrom)
      })
      // 3 steps: none, one or two of them were not to be done again.
      if (every === 1) expect([...resumed].sort()).toEqual([1, 2, null])
    },
    600_000,
  )
})

describe('accumulated gradients', () => {
  it.each(sampleOf(['wasm', 'js'] as const, 1))(
    'are those of the whole batch, to the rounding of float32, on %s',
    async (device) => {
      const one = await learn({ device, model: { batchSize: 12 } })
      const added = await learn({ device, model: { batchSize: 5, gradientAccumulation: 2, maximumSteps: 8 } })
      const same = await learn({ device, model: { batchSize: 10, maximumSteps: 8 } })
      expect(one.lossCurve).toHaveLength(12)
      expect(added.lossCurve).toHaveLength(8)
      // The last batch of an epoch is smaller: each example counts alike.
      for (const [index, [, loss]] of same.lossCurve.entries()) expect(added.lossCurve[index]![1]).toBeCloseTo(loss, 5)
    },
  )

  it('go through the data as often as the steps take', async () => {
    const epochs: number[] = []
    await tfjsTrainer(textClassifier({ ...settings, maximumSteps: 9 }), { device: 'js' }).fit(
      { training, seed: 1, directory: work },
      { ...callContext(), progress: ({ epoch, epochs: all, steps }) => void epochs.push(epoch, all, steps) },
    )
    expect(epochs.slice(0, 3)).toEqual([1, 3, 9])
    expect(epochs.slice(-3)).toEqual([3, 3, 9])
  })
})

describe('a pipeline', () => {
  it('goes on with a training that was stopped, and leaves no checkpoint behind', async () => {
    const store = directoryStore(join(work, '.sheikh'))
    const trainer = tfjsTrainer(textClassifier(settings), { device: 'js', thread: 'caller' })
    const { pipeline } = world()
    const untouched = world()
    const weightsOf = async (runs: RunStore, runId: string) =>
      ((await runs.read(runId)) as { readonly candidate: { readonly weights: Json } }).candidate.weights
    const whole = await untouched.pipeline(samples, { trainer }).run()
    const stopped = pipeline(samples, { trainer, store })
    const controller = new AbortController()
    stopped.on('train-progress', ({ step }) => {
      if (step === 20) controller.abort('stopped')
    })
    await expect(stopped.run({ signal: controller.signal })).rejects.toBe('stopped')
    const again = pipeline(samples, { trainer, store })
    const resumed = new Set<number | undefined>()
    again.on('train-progress', ({ resumedFrom }) => void resumed.add(resumedFrom))
    const result = await again.run()
    expect([...resumed]).toEqual([20])
    expect(await weightsOf(store.runs, result.runId)).toBe(await weightsOf(untouched.store.runs, whole.runId))
    expect(await readdir(join(work, '.sheikh/checkpoints'))).toEqual([])
  })
})
