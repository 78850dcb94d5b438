import { SheikhError } from '../core/index.js'

/** @throws `invalid-options` where no registry could use the name. */
export function checkedChannel(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(name) && !name.startsWith('staging-') && name !== 'main') return name
  throw new SheikhError(
    'invalid-options',
    `Cannot use the channel ${JSON.stringify(name)}: write it in a-z, 0-9 and "-", and neither "main" nor "staging-…".`,
  )
}
