import { type ErrorCode, SheikhError } from '../core/index.js'
import type { Releaser } from '../releaser/index.js'
import type { Trainer } from '../trainer/index.js'

/** Errors of a registry or a remote that a plan can do without. */
export const unreachable: ReadonlySet<ErrorCode> = new Set(['remote-failed', 'access-denied'])

/** Takes the trainer's place in a plan. It has no version, so nothing counts as trained already. */
export function missingTrainer(): Trainer<unknown, unknown> {
  const refuse = async () => {
    throw new SheikhError(
      'invalid-config',
      'Cannot train: the project has no trainer. Export one from sheikh.config.ts.',
    )
  }
  return { contract: 1, name: 'none', describe: () => null, fit: refuse, load: refuse }
}

/** Takes the registry's place in a plan: nothing was released. */
export function missingReleaser(): Releaser {
  const refuse = async (): Promise<never> => {
    throw new SheikhError(
      'invalid-config',
      'Cannot release: the registry is not available. Run "sheikh validate" to see why.',
    )
  }
  return {
    ...{ contract: 1, name: 'none', describe: () => null },
    current: async () => undefined,
    async *history() {},
    async *pending() {},
    channels: async () => ({}),
    ...{
      remove: refuse,
      prepare: refuse,
      verify: refuse,
      publish: refuse,
      point: refuse,
      discard: refuse,
      withdraw: refuse,
      open: refuse,
    },
  }
}
