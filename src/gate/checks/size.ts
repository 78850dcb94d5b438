import { SheikhError } from '../../core/index.js'
import type { Check } from '../gate.js'

export interface SizeOptions {
  /** Of all files of the weights together. */
  readonly maximumBytes: number
}

/** Whether the weights fit into so many bytes. @throws `invalid-options`. */
export function size({ maximumBytes }: SizeOptions): Check {
  if (!Number.isSafeInteger(maximumBytes) || maximumBytes < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot use ${maximumBytes} as the largest size: give whole bytes, at least 1.`,
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
          check: name,
          status: bytes <= maximumBytes ? 'pass' : 'fail',
          critical: true,
          unit: 'bytes',
          estimate: bytes,
          threshold: maximumBytes,
          engine: 'sum of the files',
          reason: `the weights have ${bytes.toLocaleString('en')} bytes, and ${maximumBytes.toLocaleString('en')} are allowed`,
        },
      ]
    },
  }
}
