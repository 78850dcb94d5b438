import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
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
        postPublish: { channel: 'latest' },
        record: { importedFrom: { from: 'the old server', by: 'Ada' }, metrics: { accuracy: expect.any(Number) } },
      },
    })
    expect(await pipeline().current()).toMatchObject({ version: '1.4.0' })
    expect((await pipeline().ledger()).map(({ type }) => type)).toEqual(['release'])
  })

  it('is what the gate compares with, and versions go on from it', async () => {
    const { pipeline } = world()
    await pipeline().import({ by: 'Ada', directory: await modelFolder(), version: '1.4.0' })
    expect(await pipeline(poison('apple', 'pear', 'plum', 'car')).run()).toMatchObject({
      status: 'held',
      reason: 'fail',
    })
    const { pipeline: other } = world()
    await other().import({ by: 'Ada', directory: await modelFolder(poison('apple')), version: '1.4.0' })
    expect(await other().run()).toMatchObject({ status: 'released', release: { version: '1.4.1' } })
  })

  it('gives the same bundle as training would: nothing is released twice', async () => {
    const { pipeline } = world()
    await pipeline().import({ by: 'Ada', directory: await modelFolder() })
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.0' } })
  })

  it('leaves out what is no part of the model, and what would run code', async () => {
    const { pipeline } = world()
    const directory = join(await folder(), 'model')
    cpSync(await modelFolder(), directory, { recursive: true })
    for (const name of ['README.md', '.env', 'model.sig', 'sheikh-release.json', 'optimizer.pt', 'pytorch_model.bin'])
      await writeFile(join(directory, name), name)
    const warnings: string[] = []
    const importing = pipeline()
    importing.on('warning', ({ message }) => warnings.push(message))
    const { release } = await importing.import({ by: 'Ada', directory })
    expect(release.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
    expect(warnings).toEqual([expect.stringContaining('optimizer.pt'), expect.stringContaining('pytorch_model.bin')])
  })

  it('checks every file by its content, whatever its name, and reports what it left out', async () => {
    const { pipeline } = world()
    const directory = join(await folder(), 'model')
    cpSync(await modelFolder(), directory, { recursive: true })
    await writeFile(join(directory, 'extra.bin'), Buffer.from('\x80\x04N.', 'latin1'))
    await writeFile(join(directory, 'optimizer.dat'), Buffer.from('fd377a585a000004', 'hex'))
    await writeFile(join(directory, 'README.md'), 'a model')
    const { release, leftOut } = await pipeline().import({ by: 'Ada', directory })
    expect(release.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
    expect(leftOut).toEqual([
      { path: 'README.md', reason: 'is not part of the model' },
      { path: 'extra.bin', reason: 'is a Python pickle (protocol 4)' },
      { path: 'optimizer.dat', reason: expect.stringContaining('is compressed with xz') },
    ])
  })

  const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.padEnd(64)
  const nan = Buffer.from(`@${'\0'.repeat(7)}${header}\0\0\xc0\x7f`, 'latin1')
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 123\n`
  for (const [what, name, content, fact] of [
    ['a truncated safetensors file', 'extra.safetensors', nan.subarray(0, 30), 'its header claims'],
    ['a truncated safetensors file of another name', 'extra.dat', nan.subarray(0, 30), 'its header claims'],
    ['a value that is not finite', 'extra.dat', nan, 'contains a value that is not finite'],
    ['a Git LFS pointer', 'extra.txt', Buffer.from(pointer), 'Git LFS pointer'],
  ] as const)
    it(`refuses ${what}`, async () => {
      const { pipeline, releaser } = world()
      const directory = join(await folder(), 'model')
      cpSync(await modelFolder(), directory, { recursive: true })
      await writeFile(join(directory, name), content)
      await expect(pipeline().import({ by: 'Ada', directory })).rejects.toMatchObject({
        code: 'artifact-corrupt',
        message: expect.stringContaining(fact),
      })
      expect(await releaser.current('latest', callContext())).toBeUndefined()
    })

  it('follows the links of a Hugging Face cache, and no others', async () => {
    const cache = join(await folder(), 'models--ann--spam')
    const snapshot = join(cache, 'snapshots', 'abc')
    await mkdir(snapshot, { recursive: true })
    cpSync(await modelFolder(), join(cache, 'blobs'), { recursive: true })
    for (const name of ['config.json', 'model.safetensors']) await symlink(`../../blobs/${name}`, join(snapshot, name))
    const { pipeline } = world()
    const { release } = await pipeline().import({ by: 'Ada', directory: snapshot })
    expect(release.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
    await writeFile(join(cache, 'secret.txt'), 'secret')
    for (const target of ['../../secret.txt', '/etc/hostname', '../../blobs', 'nowhere']) {
      await symlink(target, join(snapshot, 'extra.txt'))
      const { pipeline: other } = world()
      await expect(other().import({ by: 'Ada', directory: snapshot })).rejects.toThrow('symbolic link')
      await rm(join(snapshot, 'extra.txt'))
    }
  })

  it('is refused where something is released already', async () => {
    const { pipeline } = world()
    await pipeline().run()
    await expect(pipeline().import({ by: 'Ada', directory: await modelFolder() })).rejects.toMatchObject({
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
    await expect(pipeline(samples, changes).import({ by: 'Ada', directory })).rejects.toMatchObject({ code })
    expect(await pipeline().history()).toEqual([])
  })
})
