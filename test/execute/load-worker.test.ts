import { expect, it } from 'vitest'
import { closeWorker } from '../../src/execute/load-worker.js'
import { memoryStore } from '../../src/store/memory/index.js'

it('closes all kinds and the worker if one of them cannot be closed', async () => {
  const closed: string[] = []
  const kind = (name: string, close: () => Promise<void>) => ({
    ...{ name, version: '1', close },
    run: async () => ({ value: null }),
  })
  const kinds = [
    kind('throws', () => {
      throw new Error('stuck')
    }),
    kind('rejects', async () => {
      throw new Error('late')
    }),
    kind('ends', async () => void closed.push('kind')),
  ]
  const closing = closeWorker({ store: memoryStore(), kinds, close: async () => void closed.push('worker') })
  await expect(closing).rejects.toThrow('stuck')
  expect(closed).toEqual(['kind', 'worker'])
})
