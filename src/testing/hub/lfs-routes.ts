import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type HubResponse, json, Refusal, refuse } from './answer.js'
import { demandWrite } from './authorise.js'
import { type Exchange, fieldsOf, listOf, type RepositoryExchange, textOf } from './exchange.js'
import { hasObject, isOid, keepObject, objectPath, readPart, spool } from './large-objects.js'
import type { LargeFile } from './pointer.js'
import { rangeAnswer } from './ranges.js'
import type { HubRepository } from './repositories.js'
import type { Ticket } from './tickets.js'
import { xetUpload } from './xet-tokens.js'

const lfsJson = { 'content-type': 'application/vnd.git-lfs+json' }

/** https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, with what the Hub adds: multipart and xet. */
export async function lfsBatch(exchange: RepositoryExchange): Promise<HubResponse> {
  const { world, repository } = exchange
  const { operation, transfers, objects } = await fieldsOf(exchange)
  if (operation !== 'upload' && operation !== 'download') throw refuse(422, 'Unknown operation')
  if (operation === 'upload') demandWrite(exchange)
  const offered = listOf(transfers).length === 0 ? ['basic'] : listOf(transfers)
  const transfer = operation === 'upload' && offered.includes(world.transfer) ? world.transfer : 'basic'
  const answers = listOf(objects).map(async (object) => {
    const { oid, size } = object as { readonly oid?: unknown; readonly size?: unknown }
    if (typeof oid !== 'string' || !isOid(oid) || !Number.isSafeInteger(size) || (size as number) < 0)
      return { oid, size, error: { code: 422, message: 'Invalid object: a SHA-256 and a size are needed' } }
    const file = { oid, sizeBytes: size as number }
    const isThere = await hasObject(repository, file)
    if (operation === 'upload')
      return { oid, size, authenticated: true, ...(!isThere && { actions: uploadActions(exchange, transfer, file) }) }
    return isThere
      ? { oid, size, authenticated: true, actions: { download: { href: objectUrl(exchange, file, 'read') } } }
      : { oid, size, error: { code: 404, message: 'Object does not exist on the server' } }
  })
  return json(200, { transfer, objects: await Promise.all(answers), hash_algo: 'sha256' }, lfsJson)
}

function uploadActions(exchange: RepositoryExchange, transfer: string, file: LargeFile) {
  const { chunkSizeBytes } = exchange.world
  if (transfer === 'xet') return { upload: xetUpload(exchange) }
  const verify = { href: objectUrl(exchange, file, 'write', '/verify') }
  if (transfer === 'basic' || file.sizeBytes === 0)
    return { upload: { href: objectUrl(exchange, file, 'write') }, verify }
  const count = Math.ceil(file.sizeBytes / chunkSizeBytes)
  const parts = Array.from({ length: count }, (_, index) => {
    const number = `${index + 1}`
    return [number.padStart(5, '0'), objectUrl(exchange, file, 'write', `/parts/${number}`)]
  })
  const header = { chunk_size: `${chunkSizeBytes}`, ...Object.fromEntries(parts) }
  return { upload: { href: objectUrl(exchange, file, 'write', '/complete'), header }, verify }
}

/** An address that needs no token, for an hour. */
export function objectUrl(
  { world, repository: { kind, name } }: Pick<RepositoryExchange, 'world' | 'repository'>,
  { oid, sizeBytes }: LargeFile,
  may: Ticket['may'],
  below = '',
): string {
  const ticket = world.tickets.sign({ kind, name, may, oid, sizeBytes })
  return `${world.storageUrl}/lfs/${kind}/${name}/${oid}${below}?ticket=${ticket}`
}

/** `/lfs/{kind}/{namespace}/{name}/{oid}[/parts/{n} | /complete | /verify]` */
export async function largeObjectRoute(exchange: Exchange, path: readonly string[]): Promise<HubResponse> {
  const { method, world, url, headers } = exchange
  const [kind, namespace, name, oid, verb, number] = path
  const ticket = world.tickets.open(url.searchParams.get('ticket') ?? '')
  if (ticket === undefined || `${ticket.kind}/${ticket.name}/${ticket.oid}` !== `${kind}/${namespace}/${name}/${oid}`)
    throw refuse(403, 'SignatureDoesNotMatch')
  const repository = await world.repositories.find(ticket.kind as HubRepository['kind'], ticket.name)
  if (repository === undefined) throw refuse(404, 'NoSuchBucket')
  const file = { oid: ticket.oid!, sizeBytes: ticket.sizeBytes! }
  if (verb === undefined && (method === 'GET' || method === 'HEAD')) return download(repository, file, headers)
  if (ticket.may !== 'write') throw refuse(403, 'AccessDenied')
  if (verb === undefined && method === 'PUT') return upload(exchange, repository, file)
  if (verb === 'parts' && method === 'PUT') return uploadPart(exchange, repository, file, Number(number))
  if (verb === 'complete' && method === 'POST') return complete(exchange, repository, file)
  if (verb === 'verify' && method === 'POST') {
    if (await hasObject(repository, file)) return json(200, {}, lfsJson)
    throw refuse(404, 'Object does not exist on the server')
  }
  throw refuse(405, 'Method not allowed')
}

async function download(
  repository: HubRepository,
  file: LargeFile,
  headers: Exchange['headers'],
): Promise<HubResponse> {
  if (!(await hasObject(repository, file))) throw refuse(404, 'NoSuchKey')
  const path = objectPath(repository, file.oid)
  const open = (start: number, end: number) => readPart(path, start, end)
  return rangeAnswer({ sizeBytes: file.sizeBytes, etag: `"${file.oid}"`, open }, headers)
}

async function upload({ body, headers }: Exchange, repository: HubRepository, file: LargeFile): Promise<HubResponse> {
  // As S3 says of an empty body that is sent in pieces.
  if (file.sizeBytes === 0 && headers['content-length'] === undefined) throw refuse(501, 'NotImplemented')
  return kept(await keepObject(repository, file, body), file)
}

const kept = (found: LargeFile, { oid, sizeBytes }: LargeFile): HubResponse => {
  if (found.oid === oid && found.sizeBytes === sizeBytes) return { status: 200, headers: { etag: `"${oid}"` } }
  const error = `BadDigest: ${found.sizeBytes} bytes with SHA-256 ${found.oid} were sent, not ${sizeBytes} with ${oid}`
  throw new Refusal(json(400, { error }))
}

const partPath = ({ gitdir }: HubRepository, oid: string, number: number | string) =>
  join(gitdir, 'lfs', 'parts', oid, `${number}`)

async function uploadPart(
  { body, world }: Exchange,
  repository: HubRepository,
  { oid, sizeBytes }: LargeFile,
  number: number,
): Promise<HubResponse> {
  const count = Math.ceil(sizeBytes / world.chunkSizeBytes)
  if (!Number.isInteger(number) || number < 1 || number > count) throw refuse(400, 'InvalidPart')
  const part = await spool(partPath(repository, oid, number), body)
  const dueBytes = number < count ? world.chunkSizeBytes : sizeBytes - (count - 1) * world.chunkSizeBytes
  if (part.sizeBytes !== dueBytes) throw refuse(400, `IncompleteBody: ${part.sizeBytes} of ${dueBytes} bytes`)
  return { status: 200, headers: { etag: `"${part.oid}"` } }
}

async function complete(exchange: Exchange, repository: HubRepository, file: LargeFile): Promise<HubResponse> {
  // A client that never heard that it is done asks again.
  if (await hasObject(repository, file)) return json(200, { success: true }, lfsJson)
  const { oid, parts } = await fieldsOf(exchange)
  const count = Math.ceil(file.sizeBytes / exchange.world.chunkSizeBytes)
  const named = listOf(parts) as readonly { readonly partNumber?: unknown; readonly etag?: unknown }[]
  if (textOf(oid) !== file.oid || named.length !== count || named.some(({ partNumber }, at) => partNumber !== at + 1))
    throw refuse(400, 'InvalidPartOrder')
  const folder = partPath(repository, file.oid, '')
  async function* whole() {
    for (const { partNumber, etag } of named) {
      const path = join(folder, `${partNumber}`)
      const hash = createHash('sha256')
      for await (const piece of readPart(path, 0, Number.POSITIVE_INFINITY)) {
        hash.update(piece)
        yield piece
      }
      if (`"${hash.digest('hex')}"` !== etag) throw refuse(400, 'InvalidPart')
    }
  }
  const answer = kept(await keepObject(repository, file, missingPart(whole())), file)
  await rm(folder, { recursive: true, force: true })
  return { ...json(200, { success: true }, lfsJson), headers: { ...lfsJson, ...answer.headers } }
}

async function* missingPart(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? refuse(400, 'InvalidPart') : error
  }
}
