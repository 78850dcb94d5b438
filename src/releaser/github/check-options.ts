import { SheikhError, webAddress } from '../../core/index.js'

interface Checked {
  readonly repository: string
  readonly token: string | undefined
  readonly baseUrl: string
  readonly assetLimitBytes: number
}

/** @throws `invalid-options`. */
export function checkOptions({ repository, token, baseUrl, assetLimitBytes }: Checked): void {
  const wrong = (what: string, remedy: string) =>
    new SheikhError('invalid-options', `Cannot use the ${what}: ${remedy}`)
  if (!/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/.test(repository) || /(^|\/)\.{1,2}(\/|$)/.test(repository))
    throw wrong(`repository ${JSON.stringify(repository)}`, 'it is not a repository name. Write it as "owner/name".')
  // The message must not quote the token, as the error of an invalid header would.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw wrong('token', 'it is empty or contains a space or a line break. Copy it again.')
  webAddress(baseUrl, 'baseUrl', 'https://github.example.com/api/v3')
  if (/[?#@]/.test(baseUrl))
    throw wrong(
      'base URL',
      'it contains a user name, a query or a fragment. Write it like "https://github.example.com/api/v3".',
    )
  if (!Number.isSafeInteger(assetLimitBytes) || assetLimitBytes < 1)
    throw wrong(
      `limit of ${assetLimitBytes} bytes for an asset`,
      'it is not a positive whole number. Choose one, such as 2147483647.',
    )
}
