import { messageOf, SheikhError } from '../../core/index.js'

/** A remote that could not be reached or was too busy, to the last attempt. Nothing says that what was asked was not done. */
export function remoteFailed(
  act: string,
  fact: string,
  facts: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): SheikhError {
  return new SheikhError('remote-failed', `Cannot reach the remote (${act}): ${fact}. Try again later.`, {
    facts,
    retryable: true,
    ...(cause !== undefined && { cause }),
  })
}

export interface Refusal {
  /** What was wanted, to follow "Cannot": `create the tag v1.0.0 in ns/name`. */
  readonly act: string
  readonly status: number
  /** In the remote's words. */
  readonly message?: string | undefined
  /** The environment variable that holds the token. */
  readonly tokenName: string
  /** Nothing was to be written. @default false */
  readonly isRead?: boolean | undefined
}

/** What a remote's final answer means. */
export function refused({ act, status, message, tokenName, isRead = false }: Refusal): SheikhError {
  const said = message === undefined || message.trim() === '' ? '' : `, "${message.trim().slice(0, 500)}"`
  const fact = `Cannot ${act}: the remote answered ${status}${said}.`
  const facts = { status }
  if (status === 401)
    return new SheikhError('access-denied', `${fact} Set ${tokenName} to a token that is complete and not expired.`, {
      facts,
    })
  if (status === 403)
    return new SheikhError(
      'access-denied',
      isRead
        ? `${fact} Give the token in ${tokenName} the right to read there. If access is gated, ask for access on the repository's page.`
        : `${fact} Give the token in ${tokenName} the right to write there, or lift the protection.`,
      { facts },
    )
  if (status === 404 || status === 410)
    return new SheikhError(
      'not-found',
      `${fact} Check the name; a private repository looks like this to a token without access.`,
      { facts },
    )
  if (status === 409 || status === 412)
    return new SheikhError('release-conflict', `${fact} Another writer was faster. Run again.`, {
      facts,
      retryable: true,
    })
  if (status === 429 || status >= 500) return remoteFailed(act, `it answered ${status}${said}`, facts)
  const remedy = isRead ? 'Correct what the answer names.' : 'The registry does not take this.'
  return new SheikhError('release-rejected', `${fact} ${remedy}`, { facts })
}

/** The reason below "fetch failed", which says nothing. */
export function factOf(error: unknown): string {
  const { cause } = (error ?? {}) as { readonly cause?: { readonly code?: unknown; readonly message?: unknown } }
  if (typeof cause?.code === 'string') return cause.code
  return typeof cause?.message === 'string' && cause.message !== '' ? cause.message : messageOf(error)
}
