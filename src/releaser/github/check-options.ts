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
    throw wrong(`repository ${JSON.stringify(repository)}`, 'write it as "owner/name".')
  // Named by its kind only: a header's own error would quote it.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw wrong('token', 'it is empty, or holds a space or a line break. Copy it again.')
  webAddress(baseUrl, 'baseUrl', 'https://github.example.com/api/v3')
  if (/[?#@]/.test(baseUrl))
    throw wrong('base URL', 'write it like "https://github.example.com/api/v3", without a name or password in it.')
  if (!Number.isSafeInteger(assetLimitBytes) || assetLimitBytes < 1)
    throw wrong(`limit of ${assetLimitBytes} bytes for an asset`, 'name a whole number above 0.')
}
