import { type CallContext, nearestName } from '../core/index.js'

/** Events that need a person. `docs/notifications.md` says when each is sent. */
export type ProblemEvent =
  | 'held'
  | 'awaiting_approval'
  | 'awaiting_release'
  | 'failed'
  | 'validation_failed'
  | 'withdrawn'

/** What a notification can be about. */
export type NotificationEvent =
  | 'training_started'
  | 'training_completed'
  | 'released'
  | 'restored'
  | 'promoted'
  | 'rolled_back'
  | ProblemEvent

export const problemEvents: readonly ProblemEvent[] = [
  'held',
  'awaiting_approval',
  'awaiting_release',
  'failed',
  'validation_failed',
  'withdrawn',
]

export const notificationEvents: readonly NotificationEvent[] = [
  'training_started',
  'training_completed',
  'released',
  'restored',
  'promoted',
  'rolled_back',
  ...problemEvents,
]

/** Everything that a run can end with. */
export const outcomeEvents: readonly NotificationEvent[] = notificationEvents.filter(
  (event) => event !== 'training_started' && event !== 'training_completed',
)

/** Other names that are accepted for the same events. */
export const eventSynonyms: Readonly<Record<string, NotificationEvent>> = {
  approval_required: 'awaiting_approval',
  pipeline_failed: 'failed',
  release_created: 'released',
  release_published: 'released',
  rollback: 'rolled_back',
  training_complete: 'training_completed',
  training_failed: 'failed',
}

/** The event with this name or synonym. */
export const eventNamed = (name: string): NotificationEvent | undefined =>
  notificationEvents.find((event) => event === name) ??
  (Object.hasOwn(eventSynonyms, name) ? eventSynonyms[name] : undefined)

/** What is wrong with a name that `eventNamed` does not know. */
export function unknownEvent(name: string): string {
  const nearest = nearestName(name, [...notificationEvents, ...Object.keys(eventSynonyms)])
  const hint = nearest === undefined ? '' : ` Did you mean "${nearest}"?`
  return `"${name.slice(0, 60)}" is no event.${hint} Known are ${notificationEvents.join(', ')}`
}

/** One message. JSON. It contains no text of samples. */
export interface Notification {
  /** Unique, and the same in every attempt to deliver it. */
  readonly id: string
  readonly atMs: number
  /** `test`: a person checks the configuration. */
  readonly event: NotificationEvent | 'test'
  readonly project: string
  /** A few words, such as `Released 1.4.0`. */
  readonly title: string
  /** One or two sentences. */
  readonly summary: string
  readonly runId?: string | undefined
  readonly version?: string | undefined
  /** The first 12 digits of the commit. */
  readonly commit?: string | undefined
  /** What the gate found, one sentence per metric. */
  readonly metrics?: readonly string[] | undefined
  /** The next command to type. */
  readonly next?: string | undefined
  /** Address of the page of the run. */
  readonly link?: string | undefined
}

/** Sends notifications to one place. */
export interface Notifier {
  /** For logs: `slack`. */
  readonly name: string
  /** The events that it receives. */
  readonly events: readonly NotificationEvent[]
  /**
   * Sends one notification. Everything in it is data: escape it. Stop when `context.signal` is aborted; nobody waits longer.
   *
   * @returns what the recipient answered, for `sheikh notify --test`.
   */
  readonly notify: (notification: Notification, context: CallContext) => Promise<string>
}
