import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { directoryStore } from '../../src/store/directory/directory-store.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { storeContract } from '../../src/testing/store-contract.js'

describe('directoryStore', () => {
  storeContract(it, async () => {
    const path = await mkdtemp(join(tmpdir(), 'sheikh-store-'))
    return { store: directoryStore(join(path, '.sheikh')), dispose: () => rm(path, { recursive: true, force: true }) }
  })
})

describe('memoryStore', () => {
  storeContract(it, async () => ({ store: memoryStore(), dispose: async () => {} }))
})
