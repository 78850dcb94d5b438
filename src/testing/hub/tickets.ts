import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../core/index.js'

/** What the bearer may do: what a signed address, or a xet token, stands for. */
export interface Ticket {
  readonly kind: string
  readonly name: string
  readonly may: 'read' | 'write'
  readonly oid?: string | undefined
  readonly sizeBytes?: number | undefined
}

export interface Tickets {
  sign(ticket: Ticket): string
  /** `undefined`: made up, changed, or past its time. */
  open(text: string): Ticket | undefined
  /** Of a ticket signed now. */
  expiresAtMs(): number
}

const lifeMs = 3_600_000

export function tickets(clock: Clock): Tickets {
  const secret = randomBytes(32)
  const expiresAtMs = () => clock.nowMs() + lifeMs
  const seal = (text: string) => createHmac('sha256', secret).update(text).digest('base64url')
  return {
    expiresAtMs,
    sign(ticket) {
      const text = Buffer.from(JSON.stringify({ ...ticket, expiresAtMs: expiresAtMs() })).toString('base64url')
      return `${text}.${seal(text)}`
    },
    open(signed) {
      const [text = '', given = ''] = signed.split('.')
      const due = Buffer.from(seal(text))
      if (given.length !== due.length || !timingSafeEqual(Buffer.from(given), due)) return undefined
      const { expiresAtMs: endMs, ...ticket } = JSON.parse(Buffer.from(text, 'base64url').toString())
      return endMs > clock.nowMs() ? ticket : undefined
    },
  }
}
