import { type HubResponse, json, refuse } from './answer.js'
import { demandWrite, repositoryFor, roleOf } from './authorise.js'
import { addFirstCommit } from './commit.js'
import { prefixOf } from './commit-routes.js'
import { type Exchange, fieldsOf, listOf, type RepositoryExchange, textOf } from './exchange.js'
import { author } from './git-objects.js'
import type { RepositoryKind } from './repositories.js'
import { checkPath } from './trees.js'

export function whoAmI(exchange: Exchange): HubResponse {
  const role = roleOf(exchange)
  if (role === 'none') throw refuse(401, 'Invalid username or password.')
  const { name, email } = author
  return json(200, {
    type: 'user',
    id: '000000000000000000000001',
    name,
    fullname: name,
    email,
    emailVerified: true,
    canPay: false,
    periodEnd: null,
    isPro: false,
    avatarUrl: '',
    orgs: [],
    auth: {
      type: 'access_token',
      accessToken: { displayName: 'loopback', role, createdAt: new Date(exchange.world.clock.nowMs()).toISOString() },
    },
  })
}

const kinds: Readonly<Record<string, RepositoryKind>> = { model: 'models', dataset: 'datasets', space: 'spaces' }

const kindOf = (type: unknown): RepositoryKind => {
  const kind = kinds[typeof type === 'string' ? type : 'model']
  if (kind === undefined) throw refuse(400, `Unknown repository type: ${String(type)}`)
  return kind
}

export async function createRepository(exchange: Exchange): Promise<HubResponse> {
  const { world } = exchange
  demandWrite(exchange)
  const fields = await fieldsOf(exchange)
  const kind = kindOf(fields['type'])
  const name = `${textOf(fields['organization']) ?? author.name}/${textOf(fields['name']) ?? ''}`
  const url = `${world.url}/${prefixOf(kind)}${name}`
  const isPrivate = fields['visibility'] === 'private' || fields['private'] === true
  const atMs = world.clock.nowMs()
  const license = textOf(fields['license'])
  const files = new Map<string, Uint8Array>()
  if (license !== undefined) files.set('README.md', Buffer.from(`---\nlicense: ${JSON.stringify(license)}\n---\n`))
  for (const file of listOf(fields['files'])) {
    const { path, content } = file as Readonly<Record<string, unknown>>
    files.set(checkPath(`${path}`), Buffer.from(`${content}`, 'base64'))
  }
  const as = { kind, name, isPrivate, createdAt: new Date(atMs).toISOString() }
  const made = await world.repositories.create(as, (repository) => addFirstCommit(repository, files, atMs))
  const type = kind.slice(0, -1)
  if (made === undefined) throw refuse(409, `You already created this ${type} repo`, undefined, { url })
  return json(200, { url, name, id: made.id })
}

export async function deleteRepository(exchange: Exchange): Promise<HubResponse> {
  const fields = await fieldsOf(exchange)
  const name = `${textOf(fields['organization']) ?? author.name}/${textOf(fields['name']) ?? ''}`
  const repository = await repositoryFor(exchange, kindOf(fields['type']), name, 'write')
  const { repositories } = exchange.world
  await repositories.exclusive(repository, () => repositories.delete(repository))
  return json(200, { success: true })
}

export async function moveRepository(exchange: Exchange): Promise<HubResponse> {
  const { fromRepo, toRepo, type } = await fieldsOf(exchange)
  const repository = await repositoryFor(exchange, kindOf(type), textOf(fromRepo) ?? '', 'write')
  const { repositories } = exchange.world
  const isDone = await repositories.exclusive(repository, () => repositories.move(repository, textOf(toRepo) ?? ''))
  if (!isDone) throw refuse(409, `The name ${textOf(toRepo)} is taken`)
  return json(200, { success: true })
}

export async function updateSettings(exchange: RepositoryExchange): Promise<HubResponse> {
  const { world, repository } = exchange
  const { visibility, private: wanted } = await fieldsOf(exchange)
  const isPrivate = typeof wanted === 'boolean' ? wanted : visibility ? visibility === 'private' : repository.isPrivate
  await world.repositories.describe(repository, isPrivate)
  return json(200, { private: isPrivate })
}
