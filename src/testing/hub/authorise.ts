import { type Answer, Refusal, redirect, refuse, repositoryNotFound } from './answer.js'
import type { Exchange } from './exchange.js'
import type { HubRepository, RepositoryKind } from './repositories.js'

export type Role = 'none' | 'read' | 'write'

/** What the request's token may do. A wrong one is refused even where none is needed, as the Hub does. */
export function roleOf({ headers, world }: Exchange): Role {
  const token = tokenOf(headers.authorization)
  if (token === undefined) return 'none'
  if (world.tokens === undefined) {
    if (token.startsWith('hf_')) return 'write'
    throw unauthorised('Invalid username or password.')
  }
  const known = world.tokens.find((one) => one.token === token)
  if (known === undefined) throw unauthorised('Invalid username or password.')
  if (known.expired) throw unauthorised('User Access Token is expired')
  return known.role
}

export function demandWrite(exchange: Exchange): void {
  const role = roleOf(exchange)
  if (role === 'none') throw unauthorised('Invalid username or password.')
  if (role === 'read') throw refuse(403, 'Forbidden: you must use a write token to upload to a repository.')
}

/** The repository, for one who may see it and do this with it. */
export async function repositoryFor(
  exchange: Exchange,
  kind: RepositoryKind,
  name: string,
  needs: 'read' | 'write',
): Promise<HubRepository> {
  const { repositories, url } = exchange.world
  const role = roleOf(exchange)
  const found = await repositories.find(kind, name)
  if (found === undefined) {
    const movedTo = await repositories.movedTo(kind, name)
    if (movedTo === undefined) throw repositoryNotFound()
    throw new Refusal(moved(url, exchange.url, name, movedTo))
  }
  if (found.isPrivate && role === 'none') throw repositoryNotFound()
  if (needs === 'write') demandWrite(exchange)
  return found
}

const moved = (origin: string, { pathname, search }: URL, from: string, to: string): Answer =>
  redirect(307, `${origin}${pathname.replace(from, to)}${search}`)

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
