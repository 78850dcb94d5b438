import { type HubResponse, json, refuse } from './answer.js'
import { fieldsOf, type RepositoryExchange, textOf } from './exchange.js'
import { writeCommit, writeTag, writeTree } from './git-objects.js'
import { checkNewRef, commitOf, deleteRef, listRefs, pointRef, resolveRevision } from './refs.js'

export async function refsRoute({ repository, url }: RepositoryExchange): Promise<HubResponse> {
  const branches = await listRefs(repository, 'heads')
  const tags = await listRefs(repository, 'tags')
  const pullRequests = url.searchParams.has('include_prs') ? { pullRequests: [] } : {}
  return json(200, { branches, converts: [], tags, ...pullRequests })
}

export async function createBranch(exchange: RepositoryExchange): Promise<HubResponse> {
  const { world, repository, rest } = exchange
  const name = rest[0]!
  const ref = `refs/heads/${name}`
  const { startingPoint, emptyBranch, overwrite } = await fieldsOf(exchange)
  return world.repositories.exclusive(repository, async () => {
    const isThere = (await commitOf(repository, ref)) !== undefined
    if (isThere && overwrite !== true) throw refuse(409, `Reference ${ref} already exists`)
    await checkNewRef(repository, 'heads', name)
    const start = emptyBranch === true ? await emptyCommit(exchange) : undefined
    await pointRef(repository, ref, start ?? (await resolveRevision(repository, textOf(startingPoint) ?? 'main')))
    return json(200, { success: true })
  })
}

const emptyCommit = async ({ repository, world }: RepositoryExchange) =>
  writeCommit(repository, {
    tree: await writeTree(repository, []),
    parents: [],
    message: 'initial commit',
    atMs: world.clock.nowMs(),
  })

export async function createTag(exchange: RepositoryExchange): Promise<HubResponse> {
  const { world, repository, rest } = exchange
  const { tag, message } = await fieldsOf(exchange)
  const name = textOf(tag) ?? ''
  const ref = `refs/tags/${name}`
  return world.repositories.exclusive(repository, async () => {
    const commit = await resolveRevision(repository, rest[0]!)
    if (name !== '' && (await commitOf(repository, ref)) !== undefined)
      throw refuse(409, `Reference ${ref} already exists`)
    await checkNewRef(repository, 'tags', name)
    const text = textOf(message)
    const target = text ? await writeTag(repository, name, commit, text, world.clock.nowMs()) : commit
    await pointRef(repository, ref, target)
    return json(200, { success: true })
  })
}

export const deleteBranch = (exchange: RepositoryExchange): Promise<HubResponse> => {
  if (exchange.rest[0] === 'main') throw refuse(400, 'The main branch cannot be deleted')
  return remove(exchange, 'heads')
}

export const deleteTag = (exchange: RepositoryExchange): Promise<HubResponse> => remove(exchange, 'tags')

const remove = ({ world, repository, rest }: RepositoryExchange, kind: 'heads' | 'tags') =>
  world.repositories.exclusive(repository, async () => {
    const found = (await listRefs(repository, kind)).find(({ name }) => name === rest[0])
    if (found === undefined) throw refuse(404, `Invalid rev id: ${rest[0]}`, 'RevisionNotFound')
    await deleteRef(repository, found.ref)
    return json(200, { success: true })
  })
