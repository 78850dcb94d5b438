import { createHmac, timingSafeEqual } from 'node:crypto'
import { webhookKey, webhookSignature } from '../notify/index.js'
import type { Exchange } from './exchange.js'
import { Fault } from './fault.js'

/** Checks the signature of a webhook, which takes the place of the token. */
export interface WebhookCheck {
  /** Whether the headers contain a signature. */
  isSigned(exchange: Pick<Exchange, 'header'>): boolean
  /** @throws `Fault` if the signature is not of this body. */
  check(exchange: Pick<Exchange, 'header'>, body: Uint8Array): void
}

/**
 * Knows two signatures with one secret: those of the Standard Webhooks specification, which the notifications of this package
 * have (https://www.standardwebhooks.com), and those of GitHub, whose key is the secret as text
 * (https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries). The age of a message is not checked,
 * because repeating one only makes the server look at its channel again.
 *
 * @throws `invalid-options` for a secret in another form.
 */
export function webhookCheck(secret: string | undefined): WebhookCheck | undefined {
  if (secret === undefined) return undefined
  const key = webhookKey(secret)
  return {
    isSigned: ({ header }) => header('webhook-signature') !== undefined || header('x-hub-signature-256') !== undefined,
    check({ header }, body) {
      const [id, timestamp] = [header('webhook-id') ?? '', header('webhook-timestamp') ?? '']
      const expected = [
        webhookSignature(key, id, timestamp, body),
        `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      ]
      // A message may have several signatures while a secret is replaced.
      const given = [...(header('webhook-signature') ?? '').split(' '), header('x-hub-signature-256') ?? '']
      if (!given.some((one) => expected.some((other) => isEqual(one, other))))
        throw new Fault(
          'unauthorized',
          'Cannot refresh: the signature does not match. Sign with the secret of the server.',
        )
    },
  }
}

const isEqual = (given: string, expected: string) => {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)]
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}
