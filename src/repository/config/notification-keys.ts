import * as z from 'zod'
import { isPrivateAddress } from '../../core/index.js'
import {
  eventNamed,
  eventSynonyms,
  type NotificationEvent,
  notificationEvents,
  type ProblemEvent,
  problemEvents,
  unknownEvent,
} from '../../notify/index.js'
import { textOf, type Values, valuesAt } from './values.js'

/** Who is notified of what. Texts may contain `${{ secrets.NAME }}`. Without events: of every outcome. */
export interface NotificationsConfiguration {
  readonly slack?: { readonly webhook?: string | undefined; readonly events?: readonly NotificationEvent[] | undefined }
  readonly email?: {
    readonly recipients: readonly string[]
    readonly from?: string | undefined
    readonly smtp?: string | undefined
    readonly events?: readonly NotificationEvent[] | undefined
  }
  readonly webhook?: {
    readonly url?: string | undefined
    readonly secret?: string | undefined
    readonly events?: readonly NotificationEvent[] | undefined
  }
  readonly githubIssue?: {
    readonly events?: readonly ProblemEvent[] | undefined
    readonly labels?: readonly string[] | undefined
  }
}

/** The secrets that the texts name. */
export function secretsNamedIn(notifications: NotificationsConfiguration | undefined): readonly string[] {
  const text = JSON.stringify(notifications ?? null)
  return [...new Set([...text.matchAll(/\$\{\{\s*secrets\.(\w+)\s*\}\}/g)].map(([, name]) => name!))]
}

const known = [...notificationEvents, ...Object.keys(eventSynonyms)]
const isProblem = (event: NotificationEvent | undefined): event is ProblemEvent =>
  problemEvents.some((problem) => problem === event)

/** The names under `events`. */
export const eventNames = z
  .array(z.enum(known, { error: ({ input }) => (typeof input === 'string' ? unknownEvent(input) : 'expected a name') }))
  .min(1)
export const issueEventNames = z
  .array(
    z.enum(
      known.filter((name) => isProblem(eventNamed(name))),
      {
        error: ({ input }) =>
          typeof input === 'string' && eventNamed(input) !== undefined
            ? `"${input}" opens no issue, because it is no problem. Known are ${problemEvents.join(', ')}`
            : typeof input === 'string'
              ? unknownEvent(input)
              : 'expected a name',
      },
    ),
  )
  .min(1)

/** What is wrong with the address of a webhook; the message does not contain it, because it is a secret. */
export function addressOrSecret(value: string): string | undefined {
  if (/\$\{\{\s*secrets\.\w+\s*\}\}/.test(value)) return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url !== undefined && isPrivateAddress(url)) return undefined
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
  return 'expected ${{ secrets.NAME }}, or an address that begins with https://'
}

export function notificationsOf(value: Values): NotificationsConfiguration {
  const [slack, email, webhook] = [valuesAt(value, 'slack'), valuesAt(value, 'email'), valuesAt(value, 'webhook')]
  const issue = valuesAt(value, 'github_issue')
  const isSet = (name: string) => value[name] !== undefined && value[name] !== null
  const recipients = [email['recipients'] ?? []].flat() as unknown as readonly string[]
  return {
    ...(isSet('slack') && { slack: { webhook: textOf(slack['webhook']), events: eventsIn(slack) } }),
    ...(isSet('email') && {
      email: { recipients, from: textOf(email['from']), smtp: textOf(email['smtp']), events: eventsIn(email) },
    }),
    ...(isSet('webhook') && {
      webhook: { url: textOf(webhook['url']), secret: textOf(webhook['secret']), events: eventsIn(webhook) },
    }),
    ...(isSet('github_issue') && {
      githubIssue: {
        events: eventsIn(issue)?.filter(isProblem),
        labels: issue['labels'] as readonly string[] | undefined,
      },
    }),
  }
}

function eventsIn({ events }: Values): readonly NotificationEvent[] | undefined {
  if (!Array.isArray(events)) return undefined
  return [...new Set(events.flatMap((name) => eventNamed(String(name)) ?? []))]
}
