import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { bearerTest } from '../serve/index.js'

/** Why a request is refused. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface GuardOptions {
  /** Accepted in `Authorization: Bearer`. */
  readonly token?: string | undefined
  /** Ask everybody for the token or a link, although no token is given. */
  readonly isPublic: boolean
  /** Receives the path of the next one-time link: at the start, and whenever one was used. */
  readonly onLink?: ((path: string) => void) | undefined
}

export interface Guard {
  /** `undefined`: the request may be answered. */
  check(request: Request): Refusal | undefined
  /** For the one-time link: the cookie of a session. `undefined` if the link was used, or never was. */
  signIn(url: URL): string | undefined
}

/**
 * Without a token, only pages of this machine are let in: a name in `Host` that is not this machine's own is how a web
 * page of somebody else gets in (DNS rebinding). With a token, such a page has neither the token nor the cookie, which
 * belongs to the name that the person opened.
 *
 * @throws `invalid-options` for a token that cannot be sent in a header.
 */
export function guard({ token, isPublic, onLink }: GuardOptions): Guard {
  const needsToken = isPublic || token !== undefined
  const isKnown = token === undefined ? () => false : bearerTest(token)
  // A browser sends a cookie to all ports of a host: two dashboards must not share one.
  const cookieName = `sheikh-dashboard-${randomBytes(4).toString('hex')}`
  const session = digestOf(randomBytes(32)).toString('base64url')
  let link: Buffer | undefined
  const nextLink = () => {
    const secret = randomBytes(24).toString('base64url')
    link = digestOf(secret)
    onLink?.(`/?link=${secret}`)
  }
  if (needsToken) nextLink()
  return {
    check({ headers }) {
      if (!needsToken) return isOwnName(headers.get('host')) ? undefined : foreignName
      if (isKnown(headers.get('authorization') ?? undefined)) return undefined
      const cookie = cookieOf(headers.get('cookie'), cookieName)
      return cookie !== undefined && timingSafeEqual(digestOf(session), digestOf(cookie)) ? undefined : unauthorized
    },
    signIn({ searchParams }) {
      const secret = searchParams.get('link')
      if (secret === null || link === undefined || !timingSafeEqual(link, digestOf(secret))) return undefined
      nextLink()
      return `${cookieName}=${session}; HttpOnly; SameSite=Lax; Path=/`
    },
  }
}

/** `localhost`, or an address by its digits: a name that an attacker controls is neither. Any port: it may be forwarded. */
function isOwnName(host: string | null): boolean {
  if (host === null) return false
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase()
  return name === 'localhost' || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0
}

function cookieOf(header: string | null, name: string): string | undefined {
  for (const pair of (header ?? '').split(/; */)) if (pair.startsWith(`${name}=`)) return pair.slice(name.length + 1)
  return undefined
}

const digestOf = (secret: string | Buffer) => createHash('sha256').update(secret).digest()

const foreignName: Refusal = {
  status: 421,
  code: 'wrong-host',
  message:
    'Cannot answer: the Host header names another machine. Open the dashboard by its address, such as http://127.0.0.1:8081.',
}

const unauthorized: Refusal = {
  status: 401,
  code: 'unauthorized',
  message:
    'Cannot answer without a valid token. Open the one-time link that "sheikh dashboard" printed last, or send the header Authorization: Bearer <token>.',
  headers: { 'www-authenticate': 'Bearer' },
}
