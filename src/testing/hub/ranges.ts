import type { HubResponse, StreamedBody } from './answer.js'

export interface Content {
  readonly sizeBytes: number
  /** In quotes. */
  readonly etag: string
  /** @param end not included. */
  open(start: number, end: number): AsyncIterable<Uint8Array>
}

/** The content, or the one part of it that is asked for. https://www.rfc-editor.org/rfc/rfc9110#name-range-requests */
export function rangeAnswer(
  { sizeBytes, etag, open }: Content,
  asked: { readonly range?: string | undefined; readonly 'if-range'?: string | undefined },
  more: Readonly<Record<string, string>> = {},
): HubResponse {
  const headers = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes', etag, ...more }
  const body = (start: number, end: number): StreamedBody => ({ sizeBytes: end - start, open: () => open(start, end) })
  const isStale = asked['if-range'] !== undefined && asked['if-range'] !== etag
  const range = isStale ? undefined : parseRange(asked.range, sizeBytes)
  if (range === undefined) return { status: 200, headers, body: body(0, sizeBytes) }
  const { start, end } = range
  if (start >= end) return { status: 416, headers: { ...headers, 'content-range': `bytes */${sizeBytes}` } }
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${start}-${end - 1}/${sizeBytes}` },
    body: body(start, end),
  }
}

/** `undefined`: all. An empty range, such as one behind the end, cannot be answered. Of several ranges none is. */
export function parseRange(
  text: string | undefined,
  sizeBytes: number,
): { readonly start: number; readonly end: number } | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(text ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  if (first === '') return { start: Math.max(sizeBytes - Number(last), 0), end: sizeBytes }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  return { start, end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) }
}
