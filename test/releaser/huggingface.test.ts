import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { huggingFaceRegistry } from '../../src/releaser/huggingface/index.js'
import { startHub } from '../../src/testing/hub/index.js'
import { releaserContract } from '../../src/testing/releaser-contract.js'

describe('huggingFaceRegistry', () => {
  releaserContract(it, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-hub-'))
    const hub = await startHub({ folder })
    const make = () =>
      huggingFaceRegistry({
        repository: 'me/spam',
        token: 'hf_test',
        endpoint: hub.url,
        create: 'private',
        patience: { attempts: 2, firstDelayMs: 1 },
      })
    return {
      releaser: make(),
      reopen: make,
      dispose: async () => {
        await hub.close()
        await rm(folder, { recursive: true, force: true })
      },
    }
  })
})
