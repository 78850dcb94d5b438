// A record that nobody could read again is refused; one that is damaged later stops no other release.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext, hexOf } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { type PendingRelease, type PrepareRequest, type Releaser, readBundle } from '../../src/releaser/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { world } from '../pipeline/harness.js'
import { worldFor } from './huggingface-fixture.js'

const warnings: string[] = []
const context = callContext({ log: { debug() {}, info() {}, warn: (message) => warnings.push(message) } })
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-damaged-'))
  warnings.length = 0
})
afterEach(() => rm(folder, { recursive: true }))

async function requestOf(version: string, more: object = {}): Promise<PrepareRequest> {
  const directory = await mkdtemp(join(folder, 'bundle-'))
  await writeFile(join(directory, 'config.json'), version)
  const record = { runId: version, atMs: 0 }
  return { bundle: await readBundle(directory, context), version, postPublish: { withdraws: [] }, record, ...more }
}

async function pendingIn(releaser: Releaser): Promise<readonly string[]> {
  const versions: string[] = []
  for await (const { pending } of releaser.pending(context)) versions.push(pending.version)
  return versions
}

const registries: Readonly<Record<string, () => Promise<Releaser>>> = {
  directory: async () => directoryRegistry(join(folder, 'releases')),
  memory: async () => memoryRegistry(),
  huggingface: async () => (await worldFor()).registry,
}

describe.each(Object.entries(registries))('a registry: %s', (_, open) => {
  it.each([
    ['record.runId', { record: { atMs: 0 } }],
    ['record.atMs', { record: { runId: 'run', atMs: Number.NaN } }],
    ['record.metrics.accuracy', { record: { runId: 'run', atMs: 0, metrics: { accuracy: 'good' } } }],
    ['record.candidate.trainer', { record: { runId: 'run', atMs: 0, candidate: { seed: 1 } } }],
    ['postPublish.withdraws', { postPublish: { withdraws: ['latest'] } }],
  ])('prepares no release with a wrong %s', async (field, more) => {
    const releaser = await open()
    await expect(releaser.prepare(await requestOf('1.0.0', more), context)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining(field) as unknown,
    })
    expect(await pendingIn(releaser)).toEqual([])
  })
})

describe('a damaged pending release', () => {
  const documentOf = ({ version, bundle }: PendingRelease) =>
    join(folder, 'releases/pending', `${version}-${hexOf(bundle)}`, 'pending.json')

  it.each(['{', '{"formatVersion":2}', '{"formatVersion":1,"version":"1.0.0"}'])(
    'in a folder that reads %j is logged, and the others are listed, discarded and published',
    async (text) => {
      const releaser = directoryRegistry(join(folder, 'releases'))
      const [damaged, other, last] = [await requestOf('1.0.0'), await requestOf('1.0.1'), await requestOf('1.0.2')]
      const document = documentOf(await releaser.prepare(damaged, context))
      await writeFile(document, text)
      const pending = await releaser.prepare(other, context)
      await releaser.prepare(last, context)
      warnings.length = 0
      expect(await pendingIn(releaser)).toEqual(['1.0.1', '1.0.2'])
      expect(warnings).toEqual([expect.stringContaining(document)])
      await releaser.discard(pending, context)
      expect(await pendingIn(releaser)).toEqual(['1.0.2'])
      // Preparing it again mends it.
      await releaser.publish(await releaser.prepare(damaged, context), context)
      expect(await pendingIn(releaser)).toEqual(['1.0.2'])
    },
  )

  it('still needs its bundle, if another release with the same files is discarded', async () => {
    const releaser = directoryRegistry(join(folder, 'releases'))
    const request = await requestOf('1.0.0')
    await releaser.publish(await releaser.prepare(request, context), context)
    const next = await releaser.prepare({ ...request, version: '1.0.1' }, context)
    await writeFile(documentOf(next), '{')
    await releaser.remove('1.0.0', context)
    expect(await readdir(join(folder, 'releases/bundles'))).toEqual([hexOf(next.bundle)])
  })

  it('does not stop a run', async () => {
    const releaser = directoryRegistry(join(folder, 'releases'))
    await writeFile(documentOf(await releaser.prepare(await requestOf('9.0.0'), context)), '{')
    const result = await world().pipeline(undefined, { releaser, log: context.log }).run()
    expect(result).toMatchObject({ status: 'released' })
    expect(warnings).toContainEqual(expect.stringContaining('9.0.0'))
  })

  it('on a Hub is logged, and the others are listed and prepared', async () => {
    const hub = await worldFor()
    const { bundle } = await hub.registry.prepare(await requestOf('1.0.0'), context)
    await hub.commit(`pending-1.0.0-${hexOf(bundle)}`, { 'sheikh-release.json': '{"formatVersion":2}' })
    await hub.registry.prepare(await requestOf('1.0.1'), context)
    expect(await pendingIn(hub.registry)).toEqual(['1.0.1'])
    expect(warnings).toEqual([expect.stringContaining('1.0.0')])
  })
})
