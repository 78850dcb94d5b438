import { SheikhError } from '../../core/index.js'
import type { Check } from '../gate.js'

export interface SizeOptions {
  /** Maximum total size of all weight files. */
  readonly maximumBytes: number
}

/** Checks that the weights have at most `maximumBytes` bytes. @throws `invalid-options`. */
export function size({ maximumBytes }: SizeOptions): Check {
  if (!Number.isSafeInteger(maximumBytes) || maximumBytes < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot use ${maximumBytes} as the largest size: it is not a whole number of at least 1. Give a number of bytes.`,
    )
  const name = 'size'
  return {
    contract: 1,
    name,
    version: '1',
    metrics: [],
    describe: () => ({ maximumBytes }),
    async examine({ candidate: { weights } }, context) {
      context.signal.throwIfAborted()
      const bytes = weights.manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      return [
        {
          kind: 'limit',
          check: name,
          status: bytes <= maximumBytes ? 'pass' : 'fail',
          critical: true,
          ...{ side: 'at-most', threshold: maximumBytes, unit: 'bytes', estimate: bytes },
          reason: `the weights have ${bytes.toLocaleString('en')} bytes; the maximum is ${maximumBytes.toLocaleString('en')}`,
        },
      ]
    },
  }
}
