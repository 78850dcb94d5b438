import { type HubResponse, json, Refusal, redirect, refuse, repositoryNotFound } from './answer.js'
import { type Exchange, fieldsOf } from './exchange.js'
import type { HubRepository, RepositoryKind } from './repositories.js'

/** By these the Python client tells a wrong token from a repository that is not there. */
const badToken = 'Invalid credentials in Authorization header'
const noToken = 'Invalid username or password.'

export type Role = 'none' | 'read' | 'write'

/** What the request's token may do. A wrong one is refused even where none is needed, as the Hub does. */
export function roleOf({ headers, world }: Exchange): Role {
  const token = tokenOf(headers.authorization)
  if (token === undefined) return 'none'
  if (world.tokens === undefined) {
    if (token.startsWith('hf_')) return 'write'
    throw unauthorised(badToken)
  }
  const known = world.tokens.find((one) => one.token === token)
  if (known === undefined) throw unauthorised(badToken)
  if (known.expired) throw unauthorised('User Access Token is expired')
  return known.role
}

/** RFC 8693, for trusted publishers. */
export async function exchangeToken(exchange: Exchange): Promise<HubResponse> {
  const fields = await fieldsOf(exchange)
  const { grant_type: grant, subject_token_type: type, subject_token: identity, resource } = fields
  const isExchange =
    grant === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
    type === 'urn:ietf:params:oauth:token-type:id_token' &&
    typeof identity === 'string' &&
    typeof resource === 'string'
  if (!isExchange) return json(400, { error: 'invalid_request' })
  const token = exchange.world.trustedPublisher?.(identity, resource)
  if (token === undefined)
    return json(400, { error: 'invalid_grant', error_description: 'No trusted publisher matches' })
  return json(200, { access_token: token, token_type: 'bearer', expires_in: 3600 })
}

export function demandWrite(exchange: Exchange): void {
  const role = roleOf(exchange)
  if (role === 'none') throw unauthorised(noToken)
  if (role === 'read') throw refuse(403, 'Forbidden: you must use a write token to upload to a repository.')
}

/** The repository, for one who may see it and do this with it. */
export async function repositoryFor(
  exchange: Exchange,
  kind: RepositoryKind,
  name: string,
  needs: 'read' | 'write',
): Promise<HubRepository> {
  const { repositories } = exchange.world
  const role = roleOf(exchange)
  const found = await repositories.find(kind, name)
  if (found === undefined) {
    const movedTo = await repositories.movedTo(kind, name)
    if (movedTo === undefined) throw notThereFor(role)
    throw new Refusal(moved(exchange.url, name, movedTo))
  }
  if (found.isPrivate && role === 'none') throw notThereFor(role)
  if (needs === 'write') demandWrite(exchange)
  return found
}

/** Who shows no token is not told whether there is a private one, and Git comes back with its password. */
const notThereFor = (role: Role) => (role === 'none' ? unauthorised(noToken) : repositoryNotFound())

/** Without the host, as the Hub says it. */
const moved = ({ pathname, search }: URL, from: string, to: string): HubResponse =>
  redirect(307, `${pathname.replace(from, to)}${search}`)

const unauthorised = (message: string) => {
  const { answer } = refuse(401, message)
  // Git asks for a password only when it is told to.
  return new Refusal({
    ...answer,
    headers: { ...answer.headers, 'www-authenticate': 'Basic realm="Authentication required"' },
  })
}

/** As a bearer, or as the password that Git and git-lfs send. */
function tokenOf(authorization: string | undefined): string | undefined {
  const [scheme, value] = authorization?.split(' ') ?? []
  if (value === undefined) return undefined
  if (scheme!.toLowerCase() !== 'basic') return value
  const pair = Buffer.from(value, 'base64').toString()
  return pair.slice(pair.indexOf(':') + 1)
}
