import { visible } from '../core/index.js'
import { type Notification, type NotificationEvent, type Notifier, outcomeEvents } from './notification.js'
import { type NotifierTransport, post } from './post.js'
import { secureAddress } from './secure-address.js'

export interface SlackNotifierOptions extends NotifierTransport {
  /** Address of an incoming webhook. Whoever knows it can post. */
  readonly webhook: string
  /** @default every outcome of a run */
  readonly events?: readonly NotificationEvent[] | undefined
}

/** Of a section's text: https://docs.slack.dev/reference/block-kit/blocks/section-block */
const longestText = 3000

/**
 * Posts to a Slack channel by an incoming webhook.
 *
 * @throws `invalid-options` for an address that is not https.
 */
export function slackNotifier({ webhook, events = outcomeEvents, ...transport }: SlackNotifierOptions): Notifier {
  const url = secureAddress(webhook, 'the Slack webhook')
  return {
    name: 'slack',
    events,
    notify: (notification, context) =>
      post({ ...transport, url, body: JSON.stringify(slackMessage(notification)) }, context),
  }
}

/**
 * Escapes text for Slack's mrkdwn, in which `<!channel>` notifies everybody:
 * https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
export const escapeSlack = (text: string) =>
  visible(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

function slackMessage(notification: Notification): object {
  const { project, title, summary, version, commit, metrics = [], next, link } = notification
  const heading = `${project}: ${title}`
  const facts = [
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(commit === undefined ? [] : [`commit ${commit}`]),
  ]
  const lines = [
    `*${escapeSlack(heading)}*`,
    escapeSlack(summary),
    ...metrics.map((sentence) => `• ${escapeSlack(sentence)}`),
    ...(next === undefined ? [] : [`Next: \`${escapeSlack(next)}\``]),
    [...facts.map(escapeSlack), ...(link === undefined ? [] : [`<${escapeSlack(link)}|run>`])].join(' · '),
  ].filter((line) => line !== '')
  return {
    // Shown by the system's own notification. Slack reads it as mrkdwn, too.
    text: escapeSlack(heading),
    // verbatim: no address, channel or name in the text becomes a link.
    blocks: [{ type: 'section', text: { type: 'mrkdwn', text: fitting(lines), verbatim: true } }],
    unfurl_links: false,
    unfurl_media: false,
  }
}

/** Whole lines, so that no entity and no link is cut. */
function fitting(lines: readonly string[]): string {
  let text = ''
  for (const line of lines) if (text.length + line.length < longestText) text += `${text === '' ? '' : '\n'}${line}`
  return text
}
