import type { CallContext } from '../core/index.js'
import { escapeMarkdown, isPrivateAddress, SheikhError, visible, withoutLinks } from '../core/index.js'
import type { GitHubAddress, GitHubApi } from '../releaser/github/index.js'
import {
  type Notification,
  type NotificationEvent,
  type Notifier,
  type ProblemEvent,
  problemEvents,
} from './notification.js'
import { type NotifierTransport, notifierPatience } from './post.js'

export interface GitHubIssueNotifierOptions extends NotifierTransport {
  /** `owner/name`. */
  readonly repository: string
  /** Needs the right to write issues: `issues: write` of a workflow. */
  readonly token: string
  /** Events that open an issue. @default all of them */
  readonly events?: readonly ProblemEvent[] | undefined
  /** Labels of the issues. The first one also finds them again: only people who may triage can set it. @default ['sheikh'] */
  readonly labels?: readonly string[] | undefined
  /** @default 'https://api.github.com' */
  readonly baseUrl?: string | undefined
}

interface Issue {
  readonly number: number
  readonly body: string | null
}

/** A release that readers can use ends every problem before it. */
const solutions: readonly NotificationEvent[] = ['released', 'restored', 'rolled_back']

/**
 * Opens one issue per project and kind of problem, comments on it while it is open, and closes it when a release is published.
 *
 * @throws `invalid-options` without a label, or for a token that would be sent over plain HTTP.
 */
export function githubIssueNotifier({
  repository,
  token,
  events = problemEvents,
  labels = ['sheikh'],
  baseUrl = 'https://api.github.com',
  fetch,
  patience,
}: GitHubIssueNotifierOptions): Notifier {
  const fail = (fact: string) => new SheikhError('invalid-options', `Cannot open GitHub issues: ${fact}.`)
  const label = labels[0]
  if (label === undefined || label === '') throw fail('there is no label to find them by. Set one, such as "sheikh"')
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url === undefined || !isPrivateAddress(url)) throw fail('the address of the API is not one of https. Correct it')
  const address = {
    ...{ repository, token, baseUrl },
    fetch: fetch ?? ((input, init) => globalThis.fetch(input, init)),
    patience: { ...notifierPatience, ...patience },
  } satisfies GitHubAddress

  return {
    name: 'github-issue',
    events: [...new Set([...events, ...solutions])],
    async notify(notification, context: CallContext) {
      // Loaded when it is needed: a notifier is made by every command that loads a project.
      const { githubApi } = await import('../releaser/github/index.js')
      const github = githubApi(address, context)
      const { event, project } = notification
      if (event === 'test') {
        const { number } = await open(github, 'test', notification, labels)
        await close(github, number)
        return `opened and closed #${number}`
      }
      const issues = await openIssues(github, label)
      if (solutions.includes(event)) {
        const own = issues.filter(({ body }) => body?.startsWith(markerOf(project)))
        for (const { number } of own) {
          await comment(github, number, notification)
          await close(github, number)
        }
        return own.length === 0 ? 'no issue is open' : `closed ${own.map(({ number }) => `#${number}`).join(', ')}`
      }
      const known = issues.find(({ body }) => body?.startsWith(markerOf(project, event)))
      if (known !== undefined) {
        await comment(github, known.number, notification)
        return `commented on #${known.number}`
      }
      const { number } = await open(github, event, notification, labels)
      // A request that was answered late may have been carried out twice, and two machines may open at once.
      const opened = (await openIssues(github, label)).filter(({ body }) => body?.startsWith(markerOf(project, event)))
      for (const { number } of opened.slice(1)) await close(github, number, 'not_planned')
      return `opened #${opened[0]?.number ?? number}`
    },
  }
}

/** Different for different projects, in any script; ">" is escaped, so that a name cannot end the marker. */
const markerOf = (project: string, kind?: string) =>
  `<!-- sheikh-notify ${encodeURIComponent(project.toWellFormed())} ${kind === undefined ? '' : `${kind} -->`}`

/** The hundred oldest open issues with the label. */
async function openIssues(github: GitHubApi, label: string): Promise<readonly Issue[]> {
  const query = `state=open&labels=${encodeURIComponent(label)}&sort=created&direction=asc&per_page=100`
  return (await github.call<readonly Issue[]>('list the open issues', 'GET', `issues?${query}`)).value
}

async function open(
  github: GitHubApi,
  kind: NotificationEvent | 'test',
  notification: Notification,
  labels: readonly string[],
): Promise<Issue> {
  const title = visible(`${notification.project}: ${notification.title}`).slice(0, 200).toWellFormed()
  const body = `${markerOf(notification.project, kind)}\n${issueText(notification)}`
  return (await github.call<Issue>('open an issue', 'POST', 'issues', { body: { title, body, labels } })).value
}

const comment = (github: GitHubApi, number: number, notification: Notification) =>
  github.call('comment on an issue', 'POST', `issues/${number}/comments`, { body: { body: issueText(notification) } })

const close = (github: GitHubApi, number: number, reason: 'completed' | 'not_planned' = 'completed') =>
  github.call('close an issue', 'PATCH', `issues/${number}`, { body: { state: 'closed', state_reason: reason } })

/** Escapes text for an issue: no markup, and no mention, reference or address that GitHub makes a link of. */
export const escapeIssueText = (text: string) =>
  withoutLinks(
    escapeMarkdown(text)
      .replace(/[>]/g, '\\>')
      .replace(/^(\s*)([-+]|\d+[.)])/, '$1\\$2'),
  )

function issueText({ title, summary, version, commit, metrics = [], next, link }: Notification): string {
  const facts = [
    ...(version === undefined ? [] : [`version ${escapeIssueText(version)}`]),
    ...(commit === undefined ? [] : [`commit ${escapeIssueText(commit)}`]),
    ...(link === undefined ? [] : [`[run](<${encodeURI(link).replace(/[<>]/g, '')}>)`]),
  ]
  return [
    `**${escapeIssueText(title)}.** ${escapeIssueText(summary)}`,
    metrics.map((sentence) => `- ${escapeIssueText(sentence)}`).join('\n'),
    next === undefined ? '' : `Next: \`${visible(next).replaceAll('`', "'")}\``,
    facts.join(' · '),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}
