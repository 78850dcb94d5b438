import { SheikhError } from '../core/index.js'

/** Returns a valid channel name. @throws `invalid-options` otherwise. */
export function checkedChannel(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(name) && !name.startsWith('pending-') && name !== 'main') return name
  throw new SheikhError(
    'invalid-options',
    `Cannot use the channel name ${JSON.stringify(name)}: a name has at most 64 characters from a-z, 0-9 and "-", and neither is "main" nor starts with "pending-" or "-". Choose another name.`,
  )
}
