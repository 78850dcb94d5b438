import { messageOf, type Redactor, SheikhError } from '../../core/index.js'

/** Of the answer that a client's error is about; `undefined` where none came. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { readonly $metadata?: { readonly httpStatusCode?: unknown } } | undefined)?.$metadata
    ?.httpStatusCode
  return typeof status === 'number' ? status : undefined
}

/** What an error of @aws-sdk/client-s3 means, after its own attempts. */
export function bucketFailed(act: string, error: unknown, redact: Redactor): SheikhError {
  const status = statusOf(error)
  const { name } = (error ?? {}) as { readonly name?: string }
  const said = redact(messageOf(error)).slice(0, 500)
  const fact = `Cannot ${act}: ${status === undefined ? said : `the server answered ${status} (${name}: ${said})`}.`
  const facts = { ...(status !== undefined && { status }), ...(name !== undefined && { name }) }
  const made = (code: ConstructorParameters<typeof SheikhError>[0], remedy: string, retryable = false) =>
    new SheikhError(code, `${fact} ${remedy}`, { facts, retryable, cause: error })

  if (status === 401 || status === 403 || notAllowed.has(name ?? ''))
    return made('access-denied', 'Give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role, the right to do it.')
  if (status === 404) return made('not-found', 'Check the bucket, its region and the endpoint.')
  if (status === 429 || (status !== undefined && status >= 500 && status !== 501))
    return made('remote-failed', 'Try again later.', true)
  if (status !== undefined) return made('release-rejected', 'The server does not take this.')
  if (/region is missing/i.test(said)) return made('invalid-options', 'Set AWS_REGION, or the option "region".')
  return made('remote-failed', 'Try again later.', true)
}

/** Some of these come with status 400, some before anything is asked. */
const notAllowed = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
])
