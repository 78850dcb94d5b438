import { type HubResponse, json, refuse } from './answer.js'
import { addCommit, attributesPath } from './commit.js'
import { type bytesOf, fieldsOf, listOf, parsed, type RepositoryExchange, textOf } from './exchange.js'
import { keptOutBy } from './git-attributes.js'
import { blobFacts, readBlob, readCommit, writeObject } from './git-objects.js'
import { sizeOfObject } from './large-objects.js'
import { linesOf } from './lines.js'
import { pointerTo } from './pointer.js'
import { resolveRevision } from './refs.js'
import { checkPath, entryAt } from './trees.js'

/** The Hub says at most 10 MiB when it refuses a commit, and promises at most 5 MB to who asks before. */
const largestRegularBytes = 10 * 2 ** 20
const largestUnaskedBytes = 5_000_000

/** Where each file is to go: into Git, or beside it. */
export async function preupload(exchange: RepositoryExchange): Promise<HubResponse> {
  const { repository, rest } = exchange
  const fields = await fieldsOf(exchange)
  const head = await resolveRevision(repository, rest[0]!)
  const { tree } = await readCommit(repository, head)
  const attributes = textOf(fields['gitAttributes']) ?? (await textAt(exchange, tree, attributesPath))
  const isKeptOut = keptOutBy(attributes)
  const files: unknown[] = []
  for (const one of listOf(fields['files'])) {
    const { path, size, sample } = one as Readonly<Record<string, unknown>>
    if (typeof path !== 'string' || typeof size !== 'number') throw refuse(400, '"files" needs path, size and sample')
    const isBinary = Buffer.from(typeof sample === 'string' ? sample : '', 'base64').includes(0)
    const isLarge = isKeptOut(path) || size > largestUnaskedBytes || (isBinary && size > 1_000_000)
    files.push({
      path: checkPath(path),
      uploadMode: isLarge ? 'lfs' : 'regular',
      shouldIgnore: false,
      ...(await oidAt(exchange, tree, path)),
    })
  }
  return json(200, { files, commitOid: head })
}

/** As clients compare it with what they hold: a blob's own name, or a large file's SHA-256. */
async function oidAt({ repository }: RepositoryExchange, tree: string, path: string) {
  const entry = await entryAt(repository, tree, path)
  if (entry?.type !== 'blob') return {}
  return { oid: (await blobFacts(repository, entry.oid)).large?.oid ?? entry.oid }
}

async function textAt({ repository }: RepositoryExchange, tree: string, path: string): Promise<string> {
  const entry = await entryAt(repository, tree, path)
  return entry === undefined ? '' : Buffer.from(await readBlob(repository, entry.oid)).toString()
}

/** A line of JSON for each change, read one at a time. */
export async function commitRoute(exchange: RepositoryExchange): Promise<HubResponse> {
  const { repository, rest, world, url } = exchange
  const branch = rest[0]!
  if (url.searchParams.has('create_pr')) throw refuse(501, 'This loopback Hub has no pull requests')
  const blobs = new Map<string, string | undefined>()
  const largePaths: string[] = []
  const deleted: string[] = []
  let header: Readonly<Record<string, unknown>> | undefined
  for await (const line of linesOf(exchange.body)) {
    const { key, value } = parsed(line) as {
      readonly key?: unknown
      readonly value?: Readonly<Record<string, unknown>>
    }
    if (key === 'header') {
      header = value
      continue
    }
    const path = checkPath(`${value?.['path'] ?? ''}`.replace(/\/$/, ''))
    if (key === 'file') blobs.set(path, await regularFile(exchange, path, value!))
    else if (key === 'lfsFile') {
      blobs.set(path, await largeFile(exchange, path, value!))
      largePaths.push(path)
    } else if (key === 'deletedFile' || key === 'deletedFolder') {
      blobs.set(path, undefined)
      deleted.push(path)
    } else throw refuse(400, `Unknown operation: ${JSON.stringify(key)}`)
  }
  const { summary, description, parentCommit } = header ?? {}
  if (typeof summary !== 'string' || summary === '') throw refuse(400, 'A commit needs a summary')
  const message = description ? `${summary}\n\n${description}` : summary
  const expected = typeof parentCommit === 'string' ? parentCommit : undefined
  const request = { branch, message, parentCommit: expected, atMs: world.clock.nowMs() }
  const commitOid = await addCommit(world.repositories, repository, request, { blobs, largePaths, deleted })
  const commitUrl = `${world.url}/${prefixOf(repository.kind)}${repository.name}/commit/${commitOid}`
  return json(200, { success: true, commitOid, commitUrl, hookOutput: '' })
}

export const prefixOf = (kind: string): string => (kind === 'models' ? '' : `${kind}/`)

async function regularFile({ repository }: RepositoryExchange, path: string, value: Readonly<Record<string, unknown>>) {
  const { content, encoding } = value
  if (typeof content !== 'string') throw refuse(400, `No content for "${path}"`)
  const bytes = Buffer.from(content, encoding === 'base64' ? 'base64' : 'utf8')
  if (bytes.length > largestRegularBytes)
    throw refuse(400, `Your push was rejected because it contains files larger than 10 MiB. Offending files: ${path}`)
  return writeObject(repository, 'blob', bytes)
}

async function largeFile({ repository }: RepositoryExchange, path: string, value: Readonly<Record<string, unknown>>) {
  const { algo, oid, size } = value
  const sizeBytes = await sizeOfObject(repository, `${oid}`)
  // The Python client says no size of a file that it copies.
  if (algo !== 'sha256' || sizeBytes === undefined || (size ?? sizeBytes) !== sizeBytes)
    throw refuse(400, `Your push was rejected because an LFS pointer pointed to a file that does not exist. "${path}"`)
  return writeObject(repository, 'blob', Buffer.from(pointerTo({ oid: `${oid}`, sizeBytes })))
}

/** Asked by the Python client of every README. */
export async function validateYaml(exchange: Parameters<typeof bytesOf>[0]): Promise<HubResponse> {
  const content = textOf((await fieldsOf(exchange))['content']) ?? ''
  const [, head] = /^---\r?\n([\s\S]*?)\r?\n---(?:\r?\n|$)/.exec(content) ?? []
  if (head === undefined) return json(200, { errors: [], warnings: [] })
  const { parseDocument } = await import('yaml')
  const errors = parseDocument(head).errors.map(({ message }) => ({ message }))
  return json(errors.length === 0 ? 200 : 400, { errors, warnings: [] })
}
