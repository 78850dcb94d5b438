import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { huggingFaceRegistry } from '../../src/releaser/huggingface/index.js'
import { startHub } from '../../src/testing/hub/index.js'
import { releaserContract } from '../../src/testing/releaser-contract.js'
import { itInFull } from '../in-full.js'

/** What huggingface-people, -transfer and -faults.test.ts show too, and what is alike in contract.test.ts. */
const repeated = new Set([
  'a registry publishes a version whole, and harmlessly again',
  'a registry points a channel by compare-and-set',
  'a registry lists releases by order of publication, newest first, whatever the clock says',
  'a registry gives a version to one release only',
  'a registry opens a release as it was released, into an empty folder only',
  'a registry stages what it holds by its digest alone, and says where it does not hold it',
  'a registry removes the files of a release and keeps all else',
  'a registry goes on with a pending release from what it lists alone',
])

describe('huggingFaceRegistry', () => {
  releaserContract(
    (name, body) => void (repeated.has(name) ? itInFull : it)(name, body),
    async () => {
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
    },
  )
})
