import { entryNotFound, type HubResponse, refuse, repositoryNotFound } from './answer.js'
import { exchangeToken, repositoryFor } from './authorise.js'
import { commitRoute, preupload, validateYaml } from './commit-routes.js'
import type { Exchange, RepositoryExchange } from './exchange.js'
import { advertiseRefs, isService, speakGit } from './git-program.js'
import { jobRoute } from './job-routes.js'
import { deleteLargeFiles, listLargeFiles } from './large-files-routes.js'
import { largeObjectRoute, lfsBatch } from './lfs-routes.js'
import { commitsRoute, pathsInfo, repositoryInfo, treeRoute } from './listing-routes.js'
import { createBranch, createTag, deleteBranch, deleteTag, refsRoute } from './refs-routes.js'
import { type RepositoryKind, repositoryKinds } from './repositories.js'
import { createRepository, deleteRepository, moveRepository, updateSettings, whoAmI } from './repository-routes.js'
import { resolveRoute } from './resolve-routes.js'
import { casRoute } from './xet-routes.js'
import { xetToken } from './xet-tokens.js'

interface RepositoryRoute {
  readonly needs: 'read' | 'write'
  /** Parts of the address that have to follow. */
  readonly parts: number
  answer(exchange: RepositoryExchange): Promise<HubResponse> | HubResponse
}

const route = (needs: 'read' | 'write', parts: number, answer: RepositoryRoute['answer']): RepositoryRoute => ({
  needs,
  parts,
  answer,
})

/** Below `/api/{kind}/{namespace}/{name}/`. */
const repositoryRoutes: Readonly<Record<string, RepositoryRoute>> = {
  'GET ': route('read', 0, repositoryInfo),
  'GET revision': route('read', 1, repositoryInfo),
  'GET auth-check': route('read', 0, () => ({ status: 200, body: Buffer.from('OK') })),
  'GET refs': route('read', 0, refsRoute),
  'GET commits': route('read', 1, commitsRoute),
  'GET tree': route('read', 1, treeRoute),
  'POST paths-info': route('read', 1, pathsInfo),
  'POST preupload': route('write', 1, preupload),
  'POST commit': route('write', 1, commitRoute),
  'POST branch': route('write', 1, createBranch),
  'DELETE branch': route('write', 1, deleteBranch),
  'POST tag': route('write', 1, createTag),
  'DELETE tag': route('write', 1, deleteTag),
  'GET lfs-files': route('read', 0, listLargeFiles),
  'POST lfs-files': route('write', 1, deleteLargeFiles),
  'PUT settings': route('write', 0, updateSettings),
  'GET xet-read-token': route('read', 0, (exchange) => xetToken(exchange, 'read')),
  'GET xet-write-token': route('write', 0, (exchange) => xetToken(exchange, 'write')),
}

const generalRoutes: Readonly<Record<string, (exchange: Exchange) => Promise<HubResponse> | HubResponse>> = {
  'GET whoami-v2': whoAmI,
  'POST validate-yaml': validateYaml,
  'POST repos/create': createRepository,
  'DELETE repos/delete': deleteRepository,
  'POST repos/move': moveRepository,
}

const isKind = (text: string | undefined): text is RepositoryKind => repositoryKinds.some((kind) => kind === text)

export async function storageAnswer(exchange: Exchange): Promise<HubResponse> {
  const [first, ...rest] = partsOf(exchange.url)
  if (first === 'lfs') return largeObjectRoute(exchange, rest)
  if (first === 'cas') return casRoute(exchange, rest)
  throw refuse(404, 'NoSuchBucket')
}

export async function hubAnswer(exchange: Exchange): Promise<HubResponse> {
  const [first, ...rest] = partsOf(exchange.url)
  if (first === 'api') return apiRoute(exchange, rest)
  if (first === 'oauth' && rest.join('/') === 'token' && methodOf(exchange) === 'POST') return exchangeToken(exchange)
  return isKind(first) ? pageRoute(exchange, first, rest) : pageRoute(exchange, 'models', [first ?? '', ...rest])
}

function partsOf({ pathname }: URL): readonly string[] {
  try {
    return pathname.slice(1).split('/').map(decodeURIComponent)
  } catch {
    throw refuse(400, 'Malformed address')
  }
}

const methodOf = ({ method }: Exchange) => (method === 'HEAD' ? 'GET' : method)

async function apiRoute(exchange: Exchange, parts: readonly string[]): Promise<HubResponse> {
  const general = generalRoutes[`${methodOf(exchange)} ${parts.join('/')}`]
  if (general !== undefined) return general(exchange)
  if (parts[0] === 'jobs') return jobRoute(exchange, parts.slice(1))
  const [kind, namespace, name, verb = '', ...rest] = parts
  if (!isKind(kind) || namespace === undefined || name === undefined) throw refuse(404, 'Sorry, we cannot find that')
  const found = repositoryRoutes[`${methodOf(exchange)} ${verb}`]
  if (found === undefined || rest.length < found.parts) throw refuse(404, 'Sorry, we cannot find that')
  const repository = await repositoryFor(exchange, kind, `${namespace}/${name}`, found.needs)
  return found.answer({ ...exchange, repository, rest })
}

/** What is not below `/api`: files, Git and git-lfs. */
async function pageRoute(exchange: Exchange, kind: RepositoryKind, parts: readonly string[]): Promise<HubResponse> {
  const [namespace, given, verb, ...rest] = parts
  if (namespace === undefined || given === undefined) throw repositoryNotFound()
  const name = `${namespace}/${given.replace(/\.git$/, '')}`
  const repository = await repositoryFor(exchange, kind, name, 'read')
  const here = { ...exchange, repository, rest }
  const method = methodOf(exchange)
  if (method === 'GET' && (verb === 'resolve' || verb === 'raw')) {
    if (rest.length < 2) throw entryNotFound(rest.join('/'))
    return resolveRoute(here, verb === 'raw')
  }
  const address = `${method} ${[verb, ...rest].join('/')}`
  if (address === 'GET info/refs') return advertiseRefs(here)
  if (address === 'POST info/lfs/objects/batch') return lfsBatch(here)
  if (method === 'POST' && verb !== undefined && rest.length === 0 && isService(verb)) return speakGit(here, verb)
  throw refuse(404, 'Sorry, we cannot find that')
}
