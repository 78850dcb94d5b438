import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { readBundle } from '../../src/releaser/index.js'
import { nodeFileSystem } from '../../src/store/index.js'

const context = callContext()
let folder: string
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'sheikh-files-'))
})
afterEach(() => fs.rm(folder, { recursive: true }))

const requestOf = async () => {
  await fs.mkdir(join(folder, 'bundle'))
  await fs.writeFile(join(folder, 'bundle', 'config.json'), '{}')
  return {
    ...{ bundle: await readBundle(join(folder, 'bundle'), context), version: '1.0.0' },
    ...{ postPublish: { withdraws: [] }, record: { runId: 'run', atMs: 0 } },
  }
}

it('a registry in a folder makes the folder of an opened release with the given file system', async () => {
  const made: string[] = []
  const mkdir = ((path: string, ...rest: readonly never[]) => {
    made.push(path)
    return nodeFileSystem.mkdir(path, ...rest)
  }) as typeof nodeFileSystem.mkdir
  const registry = directoryRegistry(join(folder, 'releases'), { fileSystem: { ...nodeFileSystem, mkdir } })
  await registry.publish(await registry.prepare(await requestOf(), context), context)
  await registry.open('1.0.0', join(folder, 'opened'), context)
  expect(made).toContain(join(folder, 'opened'))
})

// Another run may have discarded it; a folder has no checksums to read.
it('a registry in a folder reads pending.json once to verify and once to publish', async () => {
  const registry = directoryRegistry(join(folder, 'releases'))
  const pending = await registry.prepare(await requestOf(), context)
  const { readFile } = fs
  const read: string[] = []
  fs.readFile = ((path: string, ...rest: readonly never[]) => {
    read.push(path)
    return readFile(path, ...rest)
  }) as typeof readFile
  syncBuiltinESMExports()
  try {
    await registry.verify(pending, context)
    await registry.publish(pending, context)
  } finally {
    fs.readFile = readFile
    syncBuiltinESMExports()
  }
  expect(read.filter((path) => path.endsWith('pending.json')).length).toBe(2)
})
