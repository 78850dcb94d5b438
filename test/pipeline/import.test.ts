import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import type { PipelineOptions } from '../../src/pipeline/index.js'
import { poison, samples, world } from './harness.js'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sheikh-import-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A model made elsewhere: by a pipeline that the importing one knows nothing of. */
async function modelFolder(data = samples): Promise<string> {
  const elsewhere = world()
  const result = await elsewhere.pipeline(data).run()
  if (result.status !== 'released') throw new Error('a release was expected')
  const path = join(await folder(), 'model')
  await elsewhere.releaser.open(result.release.version, path, callContext())
  return path
}

describe('import', () => {
  it('releases a model from elsewhere, with its metrics, and says where it is from', async () => {
    const { pipeline } = world()
    const directory = await modelFolder()
    const imported = await pipeline().import({ directory, from: 'the old server', by: 'Ada', version: '1.4.0' })
    expect(imported).toMatchObject({
      status: 'imported',
      release: {
        version: '1.4.0',
        intent: { channel: 'latest' },
        record: { importedFrom: { from: 'the old server', by: 'Ada' }, metrics: { accuracy: expect.any(Number) } },
      },
    })
    expect(await pipeline().current()).toMatchObject({ version: '1.4.0' })
    expect((await pipeline().ledger()).map(({ type }) => type)).toEqual(['release'])
  })

  it('is what the gate compares with, and versions go on from it', async () => {
    const { pipeline } = world()
    await pipeline().import({ directory: await modelFolder(), version: '1.4.0' })
    expect(await pipeline(poison('apple', 'pear', 'plum', 'car')).run()).toMatchObject({
      status: 'held',
      reason: 'fail',
    })
    const { pipeline: other } = world()
    await other().import({ directory: await modelFolder(poison('apple')), version: '1.4.0' })
    expect(await other().run()).toMatchObject({ status: 'released', release: { version: '1.4.1' } })
  })

  it('gives the same bundle as training would: nothing is released twice', async () => {
    const { pipeline } = world()
    await pipeline().import({ directory: await modelFolder() })
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.0' } })
  })

  it('leaves out what is no part of the model, and what would run code', async () => {
    const { pipeline } = world()
    const directory = join(await folder(), 'model')
    await cp(await modelFolder(), directory, { recursive: true })
    for (const name of ['README.md', '.env', 'model.sig', 'sheikh-release.json', 'optimizer.pt', 'pytorch_model.bin'])
      await writeFile(join(directory, name), name)
    const warnings: string[] = []
    const importing = pipeline()
    importing.on('warning', ({ message }) => warnings.push(message))
    const { release } = await importing.import({ directory })
    expect(release.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
    expect(warnings).toEqual([expect.stringContaining('optimizer.pt'), expect.stringContaining('pytorch_model.bin')])
  })

  it('is refused where something is released already', async () => {
    const { pipeline } = world()
    await pipeline().run()
    await expect(pipeline().import({ directory: await modelFolder() })).rejects.toMatchObject({
      code: 'release-conflict',
    })
  })

  const dirty: Partial<PipelineOptions<string, string>> = { provenance: async () => ({ dirtyPaths: ['a.json'] }) }
  it.each([
    ['no folder', async () => join(await folder(), 'none'), {}, 'not-found'],
    ['an empty one', folder, {}, 'artifact-corrupt'],
    [
      'files that are no model',
      async () => {
        const path = await folder()
        await writeFile(join(path, 'notes.txt'), 'no model')
        return path
      },
      {},
      'stage-failed',
    ],
    ['uncommitted changes', modelFolder, dirty, 'repository-dirty'],
  ])('refuses %s, and releases nothing', async (_, make, changes, code) => {
    const { pipeline } = world()
    const directory = await make()
    await expect(pipeline(samples, changes).import({ directory })).rejects.toMatchObject({ code })
    expect(await pipeline().history()).toEqual([])
  })
})
