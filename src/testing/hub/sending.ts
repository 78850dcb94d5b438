import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { HubResponse } from './answer.js'
import { cutAfter, type HubFault, pausing } from './faults.js'

/** Sends the answer, or what the fault leaves of it. */
export async function send(
  response: ServerResponse,
  { status, headers, body }: HubResponse,
  isHead: boolean,
  fault: HubFault | undefined,
  closing: AbortSignal,
): Promise<void> {
  const streamed = body === undefined || body instanceof Uint8Array ? one(body ?? new Uint8Array()) : body
  const sizeBytes = streamed.sizeBytes
  response.writeHead(status, { ...headers, ...(sizeBytes !== undefined && { 'content-length': `${sizeBytes}` }) })
  if (isHead) return void response.end()
  response.flushHeaders()
  const bytes = streamed.open()
  await pipeline(Readable.from(shaped(bytes, sizeBytes ?? 0, fault, closing), { objectMode: false }), response)
}

function shaped(
  bytes: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  fault: HubFault | undefined,
  closing: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (typeof fault !== 'object') return bytes
  if ('slowMs' in fault) return pausing(fault.slowMs, sizeBytes, bytes, closing)
  return 'cutBodyAfterBytes' in fault ? cutAfter(fault.cutBodyAfterBytes, bytes) : bytes
}

const one = (bytes: Uint8Array) => ({
  sizeBytes: bytes.length,
  async *open() {
    if (bytes.length > 0) yield bytes
  },
})
