import { createHmac } from 'node:crypto'
import type { CallContext } from '../core/index.js'
import type { FeedbackStore } from './feedback.js'

/**
 * Makes pseudonyms of sources with the secret of a store: HMAC-SHA-256 of the parts, 32 hexadecimal digits. The same
 * parts give the same pseudonym, and nobody without the secret can find the parts by trying.
 *
 * @throws `storage-failed`.
 */
export async function pseudonyms(
  store: FeedbackStore,
  context: CallContext,
): Promise<(...parts: readonly string[]) => string> {
  const secret = await store.secret(context)
  return (...parts) => createHmac('sha256', secret).update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}
