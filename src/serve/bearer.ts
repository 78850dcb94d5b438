import { createHash, timingSafeEqual } from 'node:crypto'
import { Fault } from './fault.js'
import { refused } from './options.js'

/**
 * @param authorization the value of the header.
 * @param isRequired whether a request is refused if the server has no token. @default false
 * @throws `Fault`.
 */
export type CheckToken = (authorization: string | undefined, isRequired?: boolean) => void

/** A check of the `Authorization` header. @throws as `bearerTest`. */
export function bearerCheck(token: string | readonly string[] | undefined): CheckToken {
  if (token === undefined)
    return (_, isRequired = false) => {
      if (isRequired) throw unauthorized()
    }
  const isKnown = bearerTest(token)
  return (authorization) => {
    if (!isKnown(authorization)) throw unauthorized()
  }
}

/**
 * Whether an `Authorization` header has one of the tokens. The time of a comparison reveals neither the token nor its
 * length, because digests are compared, and always all of them.
 *
 * @throws `invalid-options` for a token that is empty or cannot be sent in a header.
 */
export function bearerTest(token: string | readonly string[]): (authorization: string | undefined) => boolean {
  const tokens = typeof token === 'string' ? [token] : token
  if (tokens.length === 0 || tokens.some((one) => !/^[\x21-\x7e]+$/.test(one)))
    throw refused(
      'a token is empty, or contains a space or a character outside ASCII',
      'Use a random token, such as the output of: openssl rand -hex 32',
    )
  const known = tokens.map(digestOf)
  return (authorization) => {
    const given = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1]
    const digest = digestOf(given ?? '')
    let matches = 0
    for (const one of known) matches += timingSafeEqual(one, digest) ? 1 : 0
    return matches > 0
  }
}

const unauthorized = () =>
  new Fault('unauthorized', 'Cannot answer without a valid token. Send the header Authorization: Bearer <token>.', {
    'www-authenticate': 'Bearer',
  })

const digestOf = (token: string) => createHash('sha256').update(token).digest()
