import type { Source } from '../dataset-types.js'

/** A source of samples that are already in memory. */
export function memorySamples(samples: readonly unknown[]): Source {
  return {
    contract: 1,
    name: 'memory-samples',
    version: '1',
    describe: () => ({ samples: samples.length }),
    async list({ signal }) {
      signal.throwIfAborted()
      const path = 'memory'
      return [{ path, read: async () => samples.map((value, index) => ({ value, position: `[${index}]` })) }]
    },
  }
}
