import type { CallContext } from '../../core/index.js'
import type { LargeFile } from '../../dataset/index.js'
import { type Fetch, persistentFetch, type RetryOptions } from '../../releaser/remote/index.js'
import type { Credentials } from '../git/index.js'
import { lfsFailed, pullHint } from './lfs-failed.js'
import { guardedFetch, mayLead, originText } from './lfs-request.js'

/** A server of the batch API, https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md. */
export interface LfsServer {
  /** The address that `/objects/batch` follows. */
  readonly url: URL
  readonly credentials?: Credentials | undefined
  /** The full name of the branch that is checked out. */
  readonly ref?: string | undefined
  readonly fetch: Fetch
  readonly retry?: RetryOptions | undefined
}

export interface Download {
  readonly href: string
  /** Only for `href`. */
  readonly headers: Readonly<Record<string, string>>
}

const mediaType = 'application/vnd.git-lfs+json'
/** An answer has about 2 kB for each object. */
const largestAnswerBytes = 16 << 20

export const authorization = ({ username, password }: Credentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

/**
 * Asks where files can be downloaded. @returns for each, in order, an address or the error of this file.
 *
 * @throws `access-denied`, `not-found`, or `remote-failed` for an answer about no file.
 */
export async function askBatch(
  server: LfsServer,
  files: readonly LargeFile[],
  context: CallContext,
): Promise<readonly (Download | Error)[]> {
  const { url, credentials, ref } = server
  const path = files[0]!.path
  const fetch = persistentFetch({
    ...server.retry,
    fetch: guardedFetch(server.fetch, ['accept', 'content-type']),
    signal: context.signal,
    log: context.log,
    isRepeatable: () => true,
    largestAnswerBytes,
  })
  const address = new URL(url)
  address.pathname = `${url.pathname.replace(/\/+$/, '')}/objects/batch`
  const response = await fetch(address, {
    method: 'POST',
    headers: {
      accept: mediaType,
      'content-type': mediaType,
      ...(credentials !== undefined && { authorization: authorization(credentials) }),
    },
    body: JSON.stringify({
      operation: 'download',
      transfers: ['basic'],
      ...(ref !== undefined && { ref: { name: ref } }),
      objects: files.map(({ oid, sizeBytes: size }) => ({ oid, size })),
      hash_algo: 'sha256',
    }),
  })
  const text = await response.text()
  if (response.status !== 200) throw refusal(response.status, path, `${address.host}${address.pathname}`)
  const answer = parsed(text)
  const wrong = (fact: string) =>
    lfsFailed('remote-failed', path, { fact: `the answer of ${address.host} ${fact}`, remedy: pullHint })
  if (answer === undefined) throw wrong('is not JSON')
  const { objects, transfer = 'basic', hash_algo: hash = 'sha256' } = answer
  if (!Array.isArray(objects)) throw wrong('has no list of objects')
  if (transfer !== 'basic' || hash !== 'sha256') throw wrong('demands a transfer or a hash that was not offered')
  const byOid = new Map(objects.map((object) => [memberOf(object, 'oid'), object]))
  // Of two pointers to one object, one may have the wrong size.
  const bySize = new Map(
    objects.map((object) => [`${brief(memberOf(object, 'oid'))} ${brief(memberOf(object, 'size'))}`, object]),
  )
  return files.map((file) => {
    const object = bySize.get(`${brief(file.oid)} ${file.sizeBytes}`) ?? byOid.get(file.oid)
    return object === undefined
      ? lfsFailed('remote-failed', file.path, { fact: `${address.host} does not answer for it`, remedy: pullHint })
      : downloadOf(object, file, server)
  })
}

function downloadOf(object: unknown, file: LargeFile, { url, credentials }: LfsServer): Download | Error {
  const { oid, sizeBytes, path } = file
  const failed = memberOf(object, 'error')
  if (failed !== undefined) return objectRefusal(failed, file, url.host)
  const wrong = (fact: string) => lfsFailed('artifact-corrupt', path, { fact, remedy: pullHint })
  const size = memberOf(object, 'size')
  if (size !== undefined && size !== sizeBytes)
    return wrong(`${url.host} has ${brief(size)} bytes of it, but the pointer says ${sizeBytes}`)
  const action = memberOf(memberOf(object, 'actions'), 'download')
  const href = memberOf(action, 'href')
  if (typeof href !== 'string')
    return lfsFailed('not-found', path, { fact: `${url.host} offers no download of it`, remedy: pushHint })
  if (!URL.canParse(href, url.href)) return wrong(`${url.host} gives no usable address for ${oid}`)
  const target = new URL(href, url.href)
  if (!mayLead(url, target)) return wrong(`${url.host} gives ${originText(target)} for it`)
  const headers: Record<string, string> = {}
  const given = memberOf(action, 'header')
  for (const [name, value] of Object.entries(typeof given === 'object' && given !== null ? given : {}))
    if (typeof value === 'string' && !ownHeaders.has(name.toLowerCase())) {
      if (!isHeader(name, value)) return wrong(`${url.host} gives a header for it that HTTP does not allow`)
      headers[name.toLowerCase()] = value
    }
  // A server that signs nothing expects what its batch API got.
  const isOwn = target.origin === url.origin && memberOf(object, 'authenticated') !== true
  if (isOwn && credentials !== undefined) headers['authorization'] ??= authorization(credentials)
  return { href: target.href, headers }
}

/** What the connection itself decides. */
const ownHeaders = new Set(['connection', 'content-length', 'host', 'range', 'transfer-encoding', 'accept-encoding'])

const tokenHint = `set SHEIKH_GIT_TOKEN to a token that may read there (GITHUB_TOKEN for GitHub), or run: git lfs pull`
const pushHint = 'push it from a clone that has it: git lfs push --all <remote>'

function refusal(status: number, path: string, address: string): Error {
  const fact = `${address} answered ${status}`
  if (status === 401 || status === 403) return lfsFailed('access-denied', path, { fact, remedy: tokenHint })
  if (status === 404 || status === 410)
    return lfsFailed('not-found', path, { fact, remedy: `correct lfs.url, or ${tokenHint}` })
  return lfsFailed('remote-failed', path, { fact, remedy: pullHint })
}

function objectRefusal(failed: unknown, { path }: LargeFile, host: string): Error {
  const code = memberOf(failed, 'code')
  const message = memberOf(failed, 'message')
  const said = typeof message === 'string' ? ` (${brief(message)})` : ''
  const fact = `${host} answered ${brief(code)}${said} for it`
  if (code === 401 || code === 403) return lfsFailed('access-denied', path, { fact, remedy: tokenHint })
  if (code === 404 || code === 410) return lfsFailed('not-found', path, { fact, remedy: pushHint })
  const retryable = typeof code === 'number' && (code === 429 || code >= 500)
  return lfsFailed('remote-failed', path, { fact, remedy: pullHint, retryable })
}

/** A value of an answer, for errors. */
const brief = (value: unknown): string =>
  (JSON.stringify(typeof value === 'string' ? value.slice(0, 200) : value) ?? 'nothing').slice(0, 202)

function isHeader(name: string, value: string): boolean {
  try {
    new Headers({ [name]: value })
    return true
  } catch {
    return false
  }
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
