import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { callContext, type Json, type Log, type SheikhError } from '../../../src/core/index.js'
import type { Rows } from '../../../src/model/index.js'
import { trainerContract } from '../../../src/testing/trainer-contract.js'
import type { TrainProgress } from '../../../src/trainer/index.js'
import type { Device } from '../../../src/trainer/tfjs/devices.js'
import {
  type LlamaTrainerOptions,
  llamaTrainer,
  type TfjsModel,
  type TfjsTrainerOptions,
  textClassifier,
  tfjsTrainer,
} from '../../../src/trainer/tfjs/index.js'
import { canHaveThread } from '../../../src/trainer/tfjs/training.js'
import { builtRooms } from '../../built-package.js'
import { spawnNode } from '../../crash/spawn-node.js'
import { itInFull } from '../../in-full.js'
import { isWhole, sampleOf } from '../../whole.js'
import { makeBase } from '../llama/base.js'
import { build as hostModel } from './host-model.mjs'

let work: string
beforeAll(async () => {
  // Below the project, so that packages are found.
  work = await mkdtemp(join(resolve(import.meta.dirname, '../../..'), 'node_modules/.sheikh-thread-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

const rows = Array.from({ length: 60 }, (_, index) => ({
  id: String(index),
  input: `${['apple', 'bus', 'pear'][index % 3]} number ${index % 7}`,
  target: index % 3 === 1 ? 'vehicle' : 'fruit',
  slices: {},
}))
const rowsOf = (all: typeof rows): Rows<string, string> => ({
  size: all.length,
  digest: `sha256:${String(all.length).padStart(64, '0')}`,
  async *[Symbol.asyncIterator]() {
    yield* all
  },
})
const small = { epochs: 3, buckets: 2 ** 8, learningRate: 0.1 }

interface Learning extends TfjsTrainerOptions {
  readonly model?: TfjsModel<string, string, never>
  readonly training?: Rows<string, string>
  readonly development?: Rows<string, string>
  readonly checkpointFolder?: string
  readonly stopAt?: number
  readonly log?: Log
}

async function learn({ model, training, development, checkpointFolder, stopAt, log, ...options }: Learning = {}) {
  const controller = new AbortController()
  const reports: TrainProgress[] = []
  const trainer = tfjsTrainer<string, string, never>(model ?? (textClassifier(small) as never), options)
  const { weights, record } = await trainer.fit(
    {
      ...{ training: training ?? rowsOf(rows), development, seed: 1, directory: await mkdtemp(join(tmpdir(), 'w-')) },
      ...(checkpointFolder && { checkpoints: checkpointFolder }),
    },
    {
      ...callContext({ signal: controller.signal, log }),
      progress(report) {
        reports.push(report)
        if (report.step === stopAt) controller.abort('stopped')
      },
    },
  )
  return { digest: weights.digest, record, reports, files: await readdir(weights.path) }
}
const failure = (options: Learning) => learn(options).catch((error: SheikhError) => error)

describe('a thread of its own', () => {
  trainerContract(itInFull, async () => tfjsTrainer(textClassifier({ ...small, epochs: 12 }), { thread: 'own' }))

  it.each(sampleOf(['wasm', 'js'] as const, 1))(
    'gives the bytes, record and reports of the caller’s, on %s',
    async (device) => {
      const earlyStopping = { patience: 2, everySteps: 2 }
      const model = textClassifier({ ...small, earlyStopping, batchSize: 10 }) as never
      const development = rowsOf(rows.slice(0, 9))
      const own = await learn({ device, thread: 'own', model, development })
      expect(own).toEqual(await learn({ device, thread: 'caller', model, development }))
      expect(own.files.sort()).toEqual(['config.json', 'model.safetensors'])
    },
  )

  it.each<Partial<LlamaTrainerOptions>>(sampleOf([{}, { lora: { rank: 2 } }, { lora: { rank: 2, merge: false } }], 1))(
    'trains a language model to the same bytes: %j',
    async (options) => {
      const base = await makeBase(work)
      const digests = await Promise.all(
        (['own', 'caller'] as const).map(async (thread) => {
          const trainer = llamaTrainer({
            base,
            batchSize: 16,
            epochs: 1,
            maximumLength: 64,
            packing: true,
            thread,
            ...options,
          })
          const { weights } = await trainer.fit(
            { training: rowsOf(rows), seed: 2, directory: await mkdtemp(join(tmpdir(), 'w-')) },
            { ...callContext(), progress() {} },
          )
          return weights.digest
        }),
      )
      expect(digests[0]).toBe(digests[1])
    },
  )

  it('that is told to stop writes a checkpoint, and the next goes on from it to the same bytes', async () => {
    const checkpointFolder = join(work, 'stopped')
    const model = textClassifier({ ...small, epochs: 40, batchSize: 4 }) as never
    const whole = await learn({ model })
    expect(await failure({ model, checkpointFolder, stopAt: 30 })).toBe('stopped')
    const next = await learn({ model, checkpointFolder })
    expect(next.reports[0]!.resumedFrom).toBeGreaterThanOrEqual(30)
    expect(next.digest).toBe(whole.digest)
  })

  itInFull(
    'of a process that is killed goes on in the next, to the same bytes, and keeps no process alive',
    async () => {
      const rooms = await builtRooms()
      const program = resolve(import.meta.dirname, '../../crash/walk-train.mjs')
      const run = (name: string, killAt = 0) =>
        spawnNode([program, rooms, join(work, name), 'wasm', '10', String(killAt)])
      const whole = await run('whole')
      expect(whole.code, whole.output).toBe(0)
      for (const killAt of isWhole ? [1, 9, 25] : [9]) {
        expect((await run('killed', killAt)).signal).toBe('SIGKILL')
        const next = await run('killed')
        const { resumedFrom, ...found } = JSON.parse(next.output)
        expect({ ...found, resumedFrom: null }).toEqual(JSON.parse(whole.output))
        // The checkpoint of the step before was there when this one was told of.
        expect(resumedFrom ?? 0).toBeGreaterThanOrEqual(killAt - 1)
        await rm(join(work, 'killed'), { recursive: true })
      }
    },
  )

  it('is refused on a device that is the whole process’s', () => {
    for (const name of ['cuda', 'native', 'webgpu'] as const) {
      const device = { name } as Device
      expect(canHaveThread(device, undefined)).toBe(false)
      expect(() => canHaveThread(device, 'own')).toThrow(
        expect.objectContaining({ code: 'invalid-options', message: expect.stringContaining(`"${name}"`) }),
      )
    }
  })

  it('of a host whose own progress or log throws throws that, as the caller’s does', async () => {
    const thrown = new Error('the host is at fault')
    const fail = () => {
      throw thrown
    }
    for (const thread of ['own', 'caller'] as const) {
      const trainer = tfjsTrainer(textClassifier(small), { thread })
      const directory = await mkdtemp(join(tmpdir(), 'w-'))
      const request = { training: rowsOf(rows), seed: 1, directory }
      await expect(trainer.fit(request, { ...callContext(), progress: fail })).rejects.toBe(thrown)
    }
    await learn()
  })

  it('gets views of a large buffer without the rest of it, and refuses what cannot be sent', async () => {
    const pool = new Float32Array(2 ** 24)
    const model = hostModel({})
    const learnFrom = (example: object) =>
      ({
        ...model,
        async learn(_: unknown, keep: (one: object) => Promise<void> | undefined) {
          for (let index = 0; index < 4000; index += 1) await keep(example)
          return {}
        },
      }) as never
    const before = process.memoryUsage().rss
    await learn({ model: learnFrom({ values: pool.subarray(0, 400), list: [1] }) })
    // Seven parts of 64 MiB each, if all of it were sent.
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28)
    expect(await failure({ model: learnFrom({ fault: () => 1 }) })).toMatchObject({ code: 'invalid-options' })
  })

  it('is not for a copy of our model with other parts', async () => {
    let asked = 0
    const ours = textClassifier(small)
    const theirs: typeof ours = {
      ...ours,
      learner(...parts) {
        asked += 1
        return ours.learner!(...parts)
      },
    }
    await learn({ model: theirs as never })
    expect(asked).toBeGreaterThan(0)
    expect(() => tfjsTrainer(theirs, { thread: 'own' })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('that has just been given up for having nothing to do is not taken up again', async () => {
    await learn()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    await learn()
    vi.advanceTimersByTime(5000)
    await learn()
  })

  it('says what failed as the caller’s would', async () => {
    const few = rowsOf(rows.filter(({ target }) => target === 'fruit'))
    for (const thread of ['own', 'caller'] as const) {
      expect(await failure({ thread, training: few })).toMatchObject({
        code: 'dataset-invalid',
        facts: { labels: ['fruit'] },
      })
      const diverging = textClassifier({ ...small, learningRate: 1e39 }) as never
      expect(await failure({ thread, model: diverging })).toMatchObject({ code: 'train-diverged' })
      const watching = textClassifier({ ...small, earlyStopping: { patience: 1 } }) as never
      expect(await failure({ thread, model: watching })).toMatchObject({ code: 'invalid-options' })
      const faulty = hostModel({ throws: true }) as never
      expect(await failure({ thread, model: faulty })).toMatchObject({ message: 'the model is at fault' })
    }
  })

  it('says in the caller’s log what it has to say', async () => {
    const said: (readonly [string, Readonly<Record<string, Json>> | undefined])[] = []
    const log: Log = { debug() {}, info() {}, warn: (...parts) => void said.push([parts[0], parts[1]]) }
    const checkpointFolder = join(work, 'damaged')
    const checkpoints = { everySteps: 1, keepLast: 1 }
    expect(await failure({ checkpointFolder, checkpoints, stopAt: 2 })).toBe('stopped')
    const [kept] = await readdir(checkpointFolder)
    await truncate(join(checkpointFolder, kept!, 'state/tensors.safetensors'), 10)
    await learn({ checkpointFolder, checkpoints, log })
    expect(said).toEqual([
      [expect.stringContaining('Cannot go on from the checkpoint'), { code: 'checkpoint-corrupt', checkpoint: kept }],
    ])
  })
})

describe('a host’s own model', () => {
  const threads = async (path: string) => [...new Set((await readFile(path, 'utf8')).trim().split('\n').map(Number))]

  it('that says of which module it is trains in that thread, others on the caller’s', async () => {
    const log = join(work, 'threads')
    const model = hostModel({ log })
    const own = await learn({ model: model as never })
    expect(await threads(log)).not.toContain(threadId)
    const { module: _, ...inline } = model
    await rm(log)
    const here = await learn({ model: inline as never })
    expect(await threads(log)).toEqual([threadId])
    expect(here.digest).toBe(own.digest)
    expect(() => tfjsTrainer(inline, { thread: 'own' })).toThrow(
      expect.objectContaining({ code: 'invalid-options', message: expect.stringContaining('"module"') }),
    )
  })

  it.each(
    sampleOf(
      [
        ['buildOther', 'builds another model'],
        ['notAFunction', 'is no function'],
        ['absent', 'is no function'],
      ] as const,
      1,
    ),
  )('of which the module’s %s is not the same is refused', async (name, said) => {
    const model = { ...hostModel({}), module: { url: hostUrl, export: name } } as never
    expect(await failure({ model })).toMatchObject({ code: 'invalid-options', message: expect.stringContaining(said) })
  })

  itInFull('of which the module is not there is refused', async () => {
    const model = { ...hostModel({}), module: { url: `${hostUrl}x`, export: 'build' } } as never
    expect(await failure({ model })).toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('Cannot find'),
    })
  })

  it('that ends its thread ends only its training', async () => {
    expect(await failure({ model: hostModel({ exit: true }) as never })).toMatchObject({ code: 'stage-failed' })
    await learn({ thread: 'own' })
  })

  it('that leaves tensors behind leaves them in a thread that is not used again', async () => {
    const log = join(work, 'leaking')
    for (const leak of [false, false, true, false]) await learn({ model: hostModel({ log, leak }) as never })
    // The first two and the one that leaks share a thread; the last has a new one.
    expect(await threads(log)).toHaveLength(2)
  })
})

const hostUrl = new URL('host-model.mjs', import.meta.url).href
