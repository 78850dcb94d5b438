import { isPrivateAddress, SheikhError } from '../core/index.js'

/**
 * The address of a webhook. No error shows it, because whoever knows it can post there.
 *
 * @param setting the option or key that the error names.
 * @throws `invalid-options` for anything but https; http is allowed on this machine.
 */
export function secureAddress(address: string, setting: string): URL {
  const fail = (fact: string) =>
    new SheikhError(
      'invalid-options',
      `Cannot use ${setting}: ${fact}. Set it to an address that begins with https://.`,
      {
        facts: { setting },
      },
    )
  if (!URL.canParse(address)) throw fail('it is not a URL')
  const url = new URL(address)
  if (url.username !== '' || url.password !== '') throw fail('it contains a user name or a password')
  if (isPrivateAddress(url)) return url
  throw fail('it is not an address of https')
}
