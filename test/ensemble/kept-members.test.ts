import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import { ensembleTrainer } from '../../src/ensemble/index.js'
import type { FitRequest, Trainer, TrainProgress } from '../../src/trainer/index.js'
import { spawnNode } from '../crash/spawn-node.js'
import { itInFull } from '../in-full.js'
import { biasedDataset, biasedTrainer } from './biased.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-ensemble-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
const fresh = (name = 'fit') => mkdtemp(join(folder, `${name}-`))

/** An ensemble of three, whose last member fails as often as asked. */
function unlucky({ failures = 0, version = '1' as string | null } = {}) {
  const trained: string[] = []
  let left = failures
  const member = (name: string, bias: number): Trainer<number, number> => {
    const { version: _, ...inner } = biasedTrainer(bias, 0, () => {
      trained.push(name)
      if (name === 'third' && left-- > 0) throw new SheikhError('storage-failed', 'The disk is full.')
    })
    return version === null ? inner : { ...inner, version }
  }
  const members = { first: member('first', 1), second: member('second', 2), third: member('third', 3) }
  return { trained, trainer: ensembleTrainer({ members }) }
}

async function trainWith(trainer: Trainer<number, number>, request: Partial<FitRequest<number, number>> = {}) {
  const { training, development } = await biasedDataset().snapshot(callContext())
  const progress: TrainProgress[] = []
  const warnings: string[] = []
  const log = { ...callContext().log, warn: (message: string) => void warnings.push(message) }
  const candidate = await trainer.fit(
    { training, development, seed: 5, directory: await fresh(), ...request },
    { ...callContext({ log }), progress: (now) => progress.push(now) },
  )
  return { ...candidate, progress, warnings }
}

/** Checkpoints of a training that ended before the third member. */
async function interrupted() {
  const checkpoints = await fresh('checkpoints')
  const { trainer } = unlucky({ failures: 1 })
  await expect(trainWith(trainer, { checkpoints })).rejects.toMatchObject({ code: 'storage-failed' })
  return checkpoints
}

describe('an ensemble that was interrupted', () => {
  it('does not train finished members again, to the same bytes and record', async () => {
    const expected = await trainWith(unlucky().trainer)
    const checkpoints = await interrupted()
    const { trainer, trained } = unlucky()
    const { weights, record, progress, warnings } = await trainWith(trainer, { checkpoints })
    expect(trained).toEqual(['third'])
    expect(weights.digest).toBe(expected.weights.digest)
    expect(JSON.parse(JSON.stringify(record))).toEqual(JSON.parse(JSON.stringify(expected.record)))
    expect(progress).toEqual([expect.objectContaining({ step: 12, steps: 12, epoch: 3, epochs: 3, resumedFrom: 8 })])
    expect(warnings).toEqual([])
  })

  it.each<[string, (place: string) => Promise<unknown>, boolean]>([
    ['weights that changed', (place) => writeFile(join(place, 'weights/config.json'), '{"bias":9}'), true],
    ['weights cut short', (place) => truncate(join(place, 'weights/model.safetensors'), 10), true],
    ['a file that is gone', (place) => rm(join(place, 'weights/model.safetensors')), true],
    [
      'a link in the place of a file',
      async (place) => {
        await rm(join(place, 'weights/config.json'))
        await symlink('/etc/hostname', join(place, 'weights/config.json'))
      },
      true,
    ],
    ['no last file', (place) => rm(join(place, 'member.json')), false],
    ['a last file cut short', (place) => truncate(join(place, 'member.json'), 40), false],
    ['a last file that is other JSON', (place) => writeFile(join(place, 'member.json'), '[1]'), false],
    [
      'a path that leaves the folder',
      async (place) => {
        const marker = JSON.parse(await readFile(join(place, 'member.json'), 'utf8'))
        marker.manifest.files[0].path = '../../../escaped'
        await writeFile(join(place, 'member.json'), JSON.stringify(marker))
      },
      true,
    ],
  ])('trains a member again whose place has %s', async (_, damage, isReported) => {
    const expected = await trainWith(unlucky().trainer)
    const checkpoints = await interrupted()
    await damage(join(checkpoints, 'second'))
    const { trainer, trained } = unlucky()
    const { weights, warnings } = await trainWith(trainer, { checkpoints })
    expect(trained).toEqual(['second', 'third'])
    expect(weights.digest).toBe(expected.weights.digest)
    expect(warnings).toHaveLength(isReported ? 1 : 0)
  })

  it('takes nothing from a training with other rows, another seed, another trainer, or one without a version', async () => {
    const checkpoints = await interrupted()
    const { training } = await biasedDataset(null).snapshot(callContext())
    for (const [version, request] of [
      ['1', { training }],
      ['1', { development: undefined }],
      ['1', { seed: 6 }],
      ['2', {}],
      [null, {}],
    ] as const) {
      const { trainer, trained } = unlucky({ version })
      await trainWith(trainer, { checkpoints, ...request })
      expect(trained).toEqual(['first', 'second', 'third'])
    }
    const { trainer, trained } = unlucky({ version: null })
    await trainWith(trainer, { checkpoints })
    expect(trained).toEqual(['first', 'second', 'third'])
  })

  it('gives a member a folder of its own for checkpoints', async () => {
    const given: (string | undefined)[] = []
    const inner = biasedTrainer(1)
    const member: Trainer<number, number> = {
      ...inner,
      async fit(request, context) {
        given.push(request.checkpoints)
        await mkdir(join(request.checkpoints!, 'step-000000001'))
        return inner.fit(request, context)
      },
    }
    const checkpoints = await fresh('checkpoints')
    await trainWith(ensembleTrainer({ members: { a: member, b: member } }), { checkpoints })
    expect(given).toEqual([join(checkpoints, 'a/training'), join(checkpoints, 'b/training')])
  })
})

const program = join(import.meta.dirname, 'ensemble-program.ts')
const runProgram = async (store: string, killAt: number) =>
  spawnNode(['--import', 'tsx', '--conditions=sheikh-source', program, store, `${killAt}`])

itInFull('continues after kill -9 in a pipeline, with the same bytes', async () => {
  const whole = await runProgram(await fresh('store'), 0)
  expect(whole.output).toMatch(/^\{"trained":\[0,1,2\],/)
  const store = await fresh('store')
  expect((await runProgram(store, 2)).signal).toBe('SIGKILL')
  const rest = JSON.parse((await runProgram(store, 0)).output)
  expect(rest).toEqual({ ...JSON.parse(whole.output), trained: [2] })
})
