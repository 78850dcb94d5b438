import { createHmac } from 'node:crypto'
import { SheikhError } from '../core/index.js'
import { type NotificationEvent, type Notifier, outcomeEvents } from './notification.js'
import { type NotifierTransport, post } from './post.js'
import { secureAddress } from './secure-address.js'

export interface WebhookNotifierOptions extends NotifierTransport {
  readonly url: string
  /** `whsec_` and at least 24 random bytes in base64. */
  readonly secret: string
  /** @default every outcome of a run */
  readonly events?: readonly NotificationEvent[] | undefined
}

const remedy = 'Make one with: echo "whsec_$(openssl rand -base64 32)"'

/**
 * Posts each notification as JSON, signed as the Standard Webhooks specification says, so that a receiver can use any of
 * its libraries (https://www.standardwebhooks.com). `webhook-signature` is `v1,` and the base64 of an HMAC-SHA256 over
 * `<webhook-id>.<webhook-timestamp>.<body>`. The timestamp is in seconds. The id is the same in every attempt.
 *
 * @throws `invalid-options` for an address that is not https, or a secret in another form.
 */
export function webhookNotifier({
  secret,
  events = outcomeEvents,
  url: address,
  ...transport
}: WebhookNotifierOptions): Notifier {
  const url = secureAddress(address, 'the address of the webhook')
  const key = webhookKey(secret)
  return {
    name: 'webhook',
    events,
    notify(notification, context) {
      const body = JSON.stringify(notification)
      const { id } = notification
      const timestamp = String(Math.floor(context.clock.nowMs() / 1000))
      const signature = webhookSignature(key, id, timestamp, body)
      const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
      return post({ ...transport, url, headers, body, secrets: [secret] }, context)
    },
  }
}

/** The value of `webhook-signature` for a message. */
export function webhookSignature(key: Buffer, id: string, timestamp: string, body: string | Uint8Array): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`
}

/** The key in a secret. @throws `invalid-options` for a secret in another form. */
export function webhookKey(secret: string): Buffer {
  const [, text] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? []
  if (text === undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot use the secret of the webhook: it is not "whsec_" and base64. ${remedy}`,
    )
  const key = Buffer.from(text, 'base64')
  if (key.byteLength >= 24) return key
  throw new SheikhError(
    'invalid-options',
    `Cannot use the secret of the webhook: it is shorter than 24 bytes. ${remedy}`,
  )
}
