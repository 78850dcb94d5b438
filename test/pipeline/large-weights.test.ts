// A run hashes large weights no more than it must, and finds every change all the same.
import { readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext, digestBytes } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { largeFileBytes } from '../../src/store/known-digests.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Trainer } from '../../src/trainer/index.js'
import { countHashes } from '../count-hashes.js'
import { itInFull } from '../in-full.js'
import { withLargeWeights } from '../large-weights.js'
import { overwriteOneByte } from '../overwrite-one-byte.js'
import { sampleOf } from '../whole.js'
import { samples, world } from './harness.js'

const context = callContext()
const file = 'model.safetensors'
let folder: string
let fitted: string
let trainer: Trainer<string, string>
let hashes: ReturnType<typeof countHashes>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-large-'))
  const large = withLargeWeights(fakeTrainer(), largeFileBytes)
  trainer = {
    ...large,
    fit(request, context) {
      fitted = join(request.directory, file)
      return large.fit(request, context)
    },
  }
  hashes = countHashes(largeFileBytes)
})
afterEach(async () => {
  hashes.stop()
  await rm(folder, { recursive: true })
})

const registry = () => directoryRegistry(join(folder, 'releases'))
const pipelineOf = (changes: { readonly trainer?: typeof trainer } = {}) =>
  world().pipeline(samples, {
    ...{ trainer, store: directoryStore(join(folder, '.sheikh')), releaser: registry() },
    ...changes,
  })

describe('large weights', () => {
  it('are hashed three times in a run, and twice if they come from an earlier run', async () => {
    expect(await pipelineOf().run()).toMatchObject({ status: 'released' })
    expect(hashes.count).toBe(3)
    hashes.count = 0
    // Without registry and ledger, the run takes the weights from the store and copies them into the registry.
    for (const lost of ['releases', '.sheikh/journals']) await rm(join(folder, lost), { recursive: true })
    expect(await pipelineOf().run()).toMatchObject({ status: 'released' })
    expect(hashes.count).toBe(2)
  })

  it('that change after the trainer read them are released as they are', async () => {
    const careless: typeof trainer = {
      ...trainer,
      async fit(request, context) {
        const candidate = await trainer.fit(request, context)
        overwriteOneByte(fitted)
        return candidate
      },
    }
    const result = await pipelineOf({ trainer: careless }).run()
    if (result.status !== 'released') throw new Error(`The run ended as ${result.status}.`)
    const { directory } = await registry().open(result.release.version, join(folder, 'opened'), context)
    const entry = result.release.manifest.files.find(({ path }) => path === file)
    expect(entry!.digest).toBe(digestBytes(await readFile(join(directory, file))))
    expect((await readFile(join(directory, file))).includes(1, -largeFileBytes)).toBe(true)
  })

  it('that change after the training are refused by the gate', async () => {
    const pipeline = pipelineOf()
    pipeline.on('stage-end', ({ stage }) => {
      if (stage === 'evaluate') overwriteOneByte(fitted)
    })
    expect(await pipeline.run()).toMatchObject({
      status: 'held',
      verdict: {
        findings: expect.arrayContaining([expect.objectContaining({ check: 'weight-integrity', status: 'fail' })]),
      },
    })
  })

  itInFull('that change in the registry are not published', async () => {
    const pipeline = pipelineOf()
    pipeline.on('release-prepared', () => {
      const [pending] = readdirSync(join(folder, 'releases', 'pending')).filter((name) => name.startsWith('0.1.0'))
      overwriteOneByte(join(folder, 'releases', 'pending', pending!, 'bundle', file))
    })
    await expect(pipeline.run()).rejects.toMatchObject({ code: 'artifact-corrupt', facts: { path: file } })
    for await (const release of registry().history(context)) expect.fail(`${release.version} was published`)
  })

  it.each(sampleOf(['pending', 'placed'], 1))(
    'that change in the registry after they were verified are not published: %s',
    async (where) => {
      const releaser = registry()
      const pipeline = world().pipeline(samples, {
        trainer,
        releaser: {
          ...releaser,
          async verify(pending, asked) {
            await releaser.verify(pending, asked)
            const { bundle, version } = pending
            const hex = bundle.slice('sha256:'.length)
            const own = join(folder, 'releases', 'pending', `${version}-${hex}`, 'bundle')
            const placed = join(folder, 'releases', 'bundles', hex)
            overwriteOneByte(join(own, file))
            if (where === 'placed') {
              await mkdir(join(folder, 'releases', 'bundles'), { recursive: true })
              await rename(own, placed)
            }
          },
        },
      })
      await expect(pipeline.run()).rejects.toMatchObject({ code: 'artifact-corrupt' })
      for await (const release of registry().history(context)) expect.fail(`${release.version} was published`)
    },
  )
})
