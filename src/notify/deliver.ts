import { randomUUID } from 'node:crypto'
import { type CallContext, createRedactor, messageOf, untilAborted } from '../core/index.js'
import type { Notification, Notifier } from './notification.js'

/** What came of one notification. */
export interface Delivery {
  readonly notifier: string
  readonly ok: boolean
  /** What the recipient answered, or why the notification was not sent. */
  readonly answer: string
}

/** @default of `limitMs` */
export const defaultLimitMs = 10_000

/** Sends one notification. Never rejects, and takes no longer than the limit, whatever the notifier does. */
export async function deliver(
  notifier: Notifier,
  notification: Notification,
  context: CallContext,
  { limitMs, secrets }: { readonly limitMs: number; readonly secrets: readonly string[] },
): Promise<Delivery> {
  const redact = createRedactor(secrets)
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(new Error(`it took longer than ${limitMs / 1000} s`)), limitMs)
  const signal = AbortSignal.any([context.signal, stop.signal])
  try {
    signal.throwIfAborted()
    const answer = await untilAborted(notifier.notify(notification, { ...context, signal }), signal)
    return { notifier: notifier.name, ok: true, answer: redact(String(answer ?? '')) }
  } catch (error) {
    return { notifier: notifier.name, ok: false, answer: redact(messageOf(error)) }
  } finally {
    clearTimeout(timer)
  }
}

export interface TestNotifiersOptions {
  readonly project: string
  /** @default 10_000 */
  readonly limitMs?: number | undefined
  /** Hidden in the answers. @default none */
  readonly secrets?: readonly string[] | undefined
}

/** Sends a test message by every notifier, whatever its events are. Never rejects because of a notifier, but if it is aborted. */
export async function testNotifiers(
  notifiers: readonly Notifier[],
  { project, limitMs = defaultLimitMs, secrets = [] }: TestNotifiersOptions,
  context: CallContext,
): Promise<readonly Delivery[]> {
  const notification: Notification = {
    id: randomUUID(),
    atMs: context.clock.nowMs(),
    event: 'test',
    project,
    title: 'Test',
    summary: 'Notifications of this project arrive here.',
  }
  const deliveries = await Promise.all(
    notifiers.map((notifier) => deliver(notifier, notification, context, { limitMs, secrets })),
  )
  context.signal.throwIfAborted()
  return deliveries
}
