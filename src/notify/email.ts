import pRetry from 'p-retry'
import {
  type CallContext,
  createRedactor,
  escapeHtml,
  isLoopback,
  messageOf,
  SheikhError,
  untilAborted,
  visible,
} from '../core/index.js'
import { type Notification, type NotificationEvent, type Notifier, outcomeEvents } from './notification.js'

export interface EmailNotifierOptions {
  readonly recipients: readonly string[]
  readonly from: string
  /** `smtps://user:password@smtp.example.com`, or `smtp://` for STARTTLS, which is required except on this machine. */
  readonly smtp: string
  /** @default every outcome of a run */
  readonly events?: readonly NotificationEvent[] | undefined
}

/** What is used of the package nodemailer, version 10. */
export interface Nodemailer {
  createTransport(options: object): {
    sendMail(message: object): Promise<{ readonly response: string; readonly rejected: readonly unknown[] }>
    close(): void
  }
}

const attempts = 3
const timeoutMs = 4_000

/**
 * Sends e-mail over SMTP. Needs the optional package nodemailer, which is loaded when the first message is sent.
 *
 * @throws `invalid-options` for an address that is not one of SMTP, or without recipients; when it sends, `missing-peer`.
 */
export const emailNotifier = (options: EmailNotifierOptions): Notifier => emailNotifierWith(importNodemailer, options)

/** As `emailNotifier`, with another way to load nodemailer. */
export function emailNotifierWith(
  load: () => Promise<Nodemailer>,
  { recipients, from, smtp, events = outcomeEvents }: EmailNotifierOptions,
): Notifier {
  const server = serverOf(smtp)
  if (recipients.length === 0 || from === '')
    throw new SheikhError(
      'invalid-options',
      `Cannot send e-mail: there is no ${from === '' ? 'sender' : 'recipient'}. Set one.`,
    )
  const redact = createRedactor(server.auth === undefined ? [] : [server.auth.pass])
  return {
    name: 'email',
    events,
    async notify(notification, context) {
      const { createTransport } = await loadNodemailer(load)
      const message = { from, to: recipients, ...mailOf(notification) }
      const send = async () => {
        const transport = createTransport(server)
        try {
          return await untilAborted(transport.sendMail(message), context.signal)
        } finally {
          transport.close()
        }
      }
      const { response, rejected } = await persistently(send, context).catch((error: unknown) => {
        context.signal.throwIfAborted()
        throw new SheikhError('remote-failed', `Cannot send e-mail by ${server.host}: ${redact(messageOf(error))}.`)
      })
      if (rejected.length === 0) return redact(response)
      throw new SheikhError(
        'remote-failed',
        `Cannot send e-mail to ${rejected.length} of ${recipients.length} recipients: ${server.host} rejected them. Correct the addresses.`,
      )
    },
  }
}

const importNodemailer = async () => (await import('nodemailer')) as unknown as Nodemailer

/** @throws `missing-peer`. */
export async function loadNodemailer(load: () => Promise<Nodemailer> = importNodemailer): Promise<Nodemailer> {
  try {
    return await load()
  } catch (cause) {
    throw new SheikhError(
      'missing-peer',
      'Cannot send e-mail: the package "nodemailer" is not installed. Install it ("npm install nodemailer@10"), or remove notifications.email.',
      { facts: { package: 'nodemailer' }, cause },
    )
  }
}

const persistently = <T>(send: () => Promise<T>, { signal, log }: CallContext): Promise<T> =>
  pRetry(send, {
    retries: attempts - 1,
    minTimeout: 500,
    signal,
    shouldRetry: ({ error }) => !signal.aborted && isTemporary(error),
    onFailedAttempt: ({ error, retriesLeft }) => {
      if (retriesLeft > 0) log.debug(`Trying again: ${messageOf(error)}`)
    },
  })

/** A reply 4yz says "try again" (RFC 5321, 4.2.1); otherwise the connection failed before there was a reply. */
function isTemporary(error: unknown): boolean {
  const { code, responseCode } = error as { readonly code?: unknown; readonly responseCode?: unknown }
  if (typeof responseCode === 'number') return responseCode >= 400 && responseCode < 500
  return ['ECONNECTION', 'ETIMEDOUT', 'ESOCKET', 'EDNS'].includes(String(code))
}

function serverOf(smtp: string) {
  const fail = (fact: string) =>
    new SheikhError(
      'invalid-options',
      `Cannot send e-mail: the address of the SMTP server ${fact}. Write it like smtps://user:password@smtp.example.com.`,
    )
  const url = URL.canParse(smtp) ? new URL(smtp) : undefined
  if (url === undefined || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '')
    throw fail('does not begin with smtps:// or smtp://')
  const secure = url.protocol === 'smtps:'
  const isHere = isLoopback(url.hostname)
  let auth: { readonly user: string; readonly pass: string } | undefined
  try {
    if (url.username !== '') auth = { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }
  } catch {
    throw fail('has a "%" in its user name or password that is not encoded as %25')
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    auth,
    requireTLS: !secure && !isHere,
    ignoreTLS: !secure && isHere,
    ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs, dnsTimeout: timeoutMs },
    // Nothing in a message names a file or an address to read.
    ...{ disableFileAccess: true, disableUrlAccess: true },
  }
}

function mailOf(notification: Notification): object {
  const { id, project, title, summary, version, commit, metrics = [], next, link } = notification
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Version', version],
    ['Commit', commit],
    ['Next', next],
    ['Run', link],
  ]
  const known = facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, visible(value)] as const]))
  const html = (value: string) =>
    value === link ? `<a href="${escapeHtml(value)}">${escapeHtml(value)}</a>` : `<code>${escapeHtml(value)}</code>`
  return {
    // The same in every attempt, so that a mailbox can drop a second copy.
    messageId: `<${id}@sheikh-freemium>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    subject: visible(`[${project}] ${title}`),
    text: [
      visible(summary),
      metrics.map((sentence) => `- ${visible(sentence)}`).join('\n'),
      known.map(([name, value]) => `${name}: ${value}`).join('\n'),
    ]
      .filter((part) => part !== '')
      .join('\n\n'),
    html: [
      `<p>${escapeHtml(summary)}</p>`,
      metrics.length === 0 ? '' : `<ul>${metrics.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>`,
      `<p>${known.map(([name, value]) => `${name}: ${html(value)}`).join('<br>')}</p>`,
    ].join('\n'),
  }
}
