import type { Json } from '../core/index.js'
import { type Exchange, tooLarge } from './exchange.js'
import { Fault } from './fault.js'
import { parseJson } from './read-json.js'
import type { Found } from './router.js'

export interface ReadOptions {
  readonly maximumBytes: number
  readonly signal: AbortSignal
}

/** Reads the body of a request as its route asks for. `null` if the route has none or ignores it. @throws `Fault`. */
export async function readBody(
  exchange: Exchange,
  route: Found['route'],
  { maximumBytes, signal }: ReadOptions,
): Promise<Json> {
  const { method, isTypeOptional = false, isBodyIgnored = false, webhook } = route
  if (method === 'GET') return null
  if (!isBodyIgnored) checkHeaders(exchange, !isTypeOptional)
  if (Number(exchange.header('content-length')) > maximumBytes) throw tooLarge(maximumBytes)
  const bytes = await exchange.read(maximumBytes, signal)
  if (webhook?.isSigned(exchange) === true) webhook.check(exchange, bytes)
  return isBodyIgnored ? null : parseJson(bytes)
}

/**
 * Refuses what is not JSON, and compressed bodies, whose size is known only after decompression.
 *
 * @param typeRequired whether a request must have a content type. Web pages can send requests without one to other origins.
 */
function checkHeaders({ header }: Exchange, typeRequired: boolean): void {
  const encoding = header('content-encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new Fault(
      'unsupported-media-type',
      'Cannot read the body: it is compressed. Send it without a Content-Encoding.',
      { 'accept-encoding': 'identity' },
    )
  // Triton's client sends tensors as bytes after the JSON.
  if (header('inference-header-content-length') !== undefined)
    throw new Fault(
      'unsupported-media-type',
      'Cannot read the tensors: they are binary. Send them in JSON; in tritonclient: binary_data=False.',
    )
  const type = header('content-type')
  if (type === undefined ? !typeRequired : /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) return
  throw new Fault(
    'unsupported-media-type',
    'Cannot read the body: its type is not JSON. Send the header Content-Type: application/json.',
  )
}
