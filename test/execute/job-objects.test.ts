import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext, hexOf } from '../../src/core/index.js'
import { readInput, withInput } from '../../src/execute/shards/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { folderWith } from '../dataset/temporary.js'

const context = callContext()

it('stores an input again if only its manifest is left', async () => {
  const folder = await folderWith()
  const store = directoryStore(folder)
  let attempts = 0
  const work = async (input: `sha256:${string}`) => {
    attempts += 1
    if (attempts === 1) {
      const [{ digest }] = (await store.objects.manifest(input, context)).files as unknown as [{ digest: typeof input }]
      await rm(join(folder, 'objects', 'sha256', hexOf(digest).slice(0, 2), hexOf(digest).slice(2)))
    }
    return Buffer.from(await readInput(store, input, context)).toString()
  }
  expect(await withInput(store, Buffer.from('rows'), work, context)).toBe('rows')
  expect(attempts).toBe(2)
})

it('gives up an input that is lost each time', async () => {
  const store = directoryStore(await folderWith())
  let attempts = 0
  const work = async (input: `sha256:${string}`) => {
    attempts += 1
    await store.objects.removeDirectory!(input, context)
    return readInput(store, input, context)
  }
  await expect(withInput(store, Buffer.from('rows'), work, context)).rejects.toMatchObject({ code: 'not-found' })
  expect(attempts).toBe(3)
})
