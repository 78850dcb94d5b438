import type { IncomingHttpHeaders } from 'node:http'
import type { Clock, Json } from '../../core/index.js'
import { refuse } from './answer.js'
import type { Jobs } from './jobs.js'
import type { HubRepository, Repositories } from './repositories.js'
import type { Tickets } from './tickets.js'

export interface HubToken {
  readonly token: string
  readonly role: 'read' | 'write'
  readonly expired?: boolean | undefined
}

/** @returns the token for this identity and repository; `undefined` if it is no trusted publisher. */
export type TrustedPublisher = (identity: string, repository: string) => string | undefined

export interface World {
  readonly url: string
  /** Of the large files and of xet's chunks, which lie on another host. */
  readonly storageUrl: string
  readonly transfer: 'basic' | 'multipart' | 'xet'
  readonly tokens: readonly HubToken[] | undefined
  readonly trustedPublisher: TrustedPublisher | undefined
  readonly chunkSizeBytes: number
  /** Where xet's chunks are. */
  readonly xetFolder: string
  readonly repositories: Repositories
  readonly tickets: Tickets
  readonly jobs: Jobs
  readonly clock: Clock
}

/** One request on its way to an answer. */
export interface Exchange {
  readonly world: World
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  /** Can be read once. */
  readonly body: AsyncIterable<Uint8Array>
}

/** An exchange about one repository. `rest`: what follows in the address, in parts, decoded. */
export interface RepositoryExchange extends Exchange {
  readonly repository: HubRepository
  readonly rest: readonly string[]
}

/** Lists and forms are small; files do not come this way. */
const largestFormBytes = 64 * 2 ** 20

export async function bytesOf({ body }: Exchange, largestBytes = largestFormBytes): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of body) {
    sizeBytes += piece.length
    if (sizeBytes > largestBytes) throw refuse(413, 'Payload too large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** The fields of a JSON object, or of a form. */
export async function fieldsOf(exchange: Exchange): Promise<Readonly<Record<string, Json>>> {
  const text = (await bytesOf(exchange)).toString()
  if (exchange.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    const form = new URLSearchParams(text)
    return Object.fromEntries([...form.keys()].map((key) => [key, form.getAll(key)]))
  }
  return text === '' ? {} : parsed(text)
}

export function parsed(text: string): Readonly<Record<string, Json>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, Json>
  } catch {}
  throw refuse(400, 'Invalid JSON: an object is needed')
}

export const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined)
export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
