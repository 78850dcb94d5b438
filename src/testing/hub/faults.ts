import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { type HubResponse, json } from './answer.js'

export interface HubRequest {
  /** From 1, in order of arrival. */
  readonly number: number
  readonly method: string
  /** `storage`: where large files are, below `/lfs/`, and xet's chunks, below `/cas/`. */
  readonly host: 'hub' | 'storage'
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** What goes wrong. */
export type HubFault =
  /** Said in place of the answer; nothing is done. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  /** The connection breaks before anything is done. */
  | 'cut'
  /** The answer's first half comes at once, the rest after so many milliseconds. */
  | { readonly slowMs: number }
  /** The connection breaks when so many bytes of a body have passed: the request's where it has one, else the answer's. */
  | { readonly cutBodyAfterBytes: number }

/** The connection is gone, or has to go: nobody is to be answered. */
export class ConnectionCut extends Error {}

/** The same bytes, up to where the connection breaks. */
export async function* cutAfter(limitBytes: number, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let leftBytes = limitBytes
  for await (const piece of body) {
    if (piece.length > leftBytes) {
      if (leftBytes > 0) yield piece.subarray(0, leftBytes)
      throw new ConnectionCut()
    }
    leftBytes -= piece.length
    yield piece
  }
}

/** The same bytes, with a pause in their middle. */
export async function* pausing(
  pauseMs: number,
  sizeBytes: number,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let beforeBytes = Math.floor(sizeBytes / 2)
  let isOver = false
  for await (const piece of body) {
    if (isOver || piece.length <= beforeBytes) {
      beforeBytes -= piece.length
      yield piece
      continue
    }
    if (beforeBytes > 0) yield piece.subarray(0, beforeBytes)
    await wait(pauseMs, undefined, { signal })
    isOver = true
    yield piece.subarray(Math.max(beforeBytes, 0))
  }
  if (!isOver) await wait(pauseMs, undefined, { signal })
}

export const faultyAnswer = ({ status, headers, body }: Extract<HubFault, { readonly status: number }>): HubResponse =>
  typeof body === 'string'
    ? { status, headers, body: Buffer.from(body) }
    : json(status, body ?? { error: `Fault ${status}` }, headers)
