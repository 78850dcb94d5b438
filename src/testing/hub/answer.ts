import { STATUS_CODES } from 'node:http'

export interface HubResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | StreamedBody | undefined
}

/** Bytes that are never in memory together. */
export interface StreamedBody {
  readonly sizeBytes?: number | undefined
  open(): AsyncIterable<Uint8Array>
}

export const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HubResponse => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: Buffer.from(JSON.stringify(value)),
})

export const redirect = (
  status: 302 | 307,
  location: string,
  headers: Readonly<Record<string, string>> = {},
): HubResponse => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', ...headers, location },
  body: Buffer.from(`${STATUS_CODES[status]}. Redirecting to ${location}`),
})

type ErrorCode = 'RepoNotFound' | 'RevisionNotFound' | 'EntryNotFound'

/** An answer that ends the work on a request. */
export class Refusal extends Error {
  readonly answer: HubResponse
  constructor(answer: HubResponse) {
    super(`HTTP ${answer.status}`)
    this.answer = answer
  }
}

export const refuse = (status: number, error: string, code?: ErrorCode, more: object = {}): Refusal =>
  new Refusal(
    json(
      status,
      { error, ...more },
      { ...(code && { 'x-error-code': code }), 'x-error-message': error.replace(/[^\x20-\x7e]/g, '?') },
    ),
  )

export const repositoryNotFound = (): Refusal => refuse(404, 'Repository not found', 'RepoNotFound')
export const revisionNotFound = (revision: string): Refusal =>
  refuse(404, `Invalid rev id: ${revision}`, 'RevisionNotFound')
export const entryNotFound = (path: string): Refusal => refuse(404, `Entry not found: ${path}`, 'EntryNotFound')
