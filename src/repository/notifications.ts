import { type CallContext, messageOf } from '../core/index.js'
import {
  attachNotifiers,
  type Delivery,
  emailNotifier,
  githubIssueNotifier,
  loadNodemailer,
  type Notifier,
  slackNotifier,
  testNotifiers,
  webhookNotifier,
} from '../notify/index.js'
import type { Pipeline } from '../pipeline/index.js'
import { proxyFetch } from '../releaser/remote/index.js'
import type { Configuration } from './config/index.js'
import type { EnvironmentVariables } from './git/index.js'
import { notificationSecrets, withSecrets } from './notification-secrets.js'
import { addressIn, gitHubAddress, gitHubRepository, type Surroundings } from './release-targets.js'

/** The channels that a project's configuration sets up. */
export interface ProjectNotifiers {
  readonly notifiers: readonly Notifier[]
  /** Why a configured channel receives nothing: a secret or a package is missing. One sentence each. */
  readonly problems: readonly string[]
  /** Sends a test message by every channel. A channel that fails is a result, not an error. */
  test(): Promise<readonly Delivery[]>
}

/** Sends a project's notifications about the runs of its pipeline. */
export async function notify(
  pipeline: Pipeline<unknown, unknown>,
  configuration: Configuration,
  surroundings: Surroundings,
  { clock, log }: CallContext,
): Promise<void> {
  if (configuration.notifications === undefined) return
  const { notifiers, problems } = await notifiersOf(configuration, surroundings)
  // Not before there is something to send: most commands start no run.
  pipeline.on('run-start', () => {
    for (const problem of problems) log.warn(problem)
  })
  attachNotifiers(pipeline, notifiers, {
    project: configuration.pipeline.name,
    link: runAddress(surroundings.environment),
    secrets: notificationSecrets(configuration, surroundings.environment),
    ...{ clock, log },
  })
}

export async function projectNotifiers(
  configuration: Configuration,
  surroundings: Surroundings,
  context: CallContext,
): Promise<ProjectNotifiers> {
  const { notifiers, problems } = await notifiersOf(configuration, surroundings)
  const options = {
    project: configuration.pipeline.name,
    secrets: notificationSecrets(configuration, surroundings.environment),
  }
  return { notifiers, problems, test: () => testNotifiers(notifiers, options, context) }
}

/** Makes the notifiers of a configuration. One that cannot be made is a problem, and no reason to stop a run. */
export async function notifiersOf(
  { notifications: { slack, email, webhook, githubIssue } = {}, release }: Configuration,
  surroundings: Surroundings,
): Promise<Omit<ProjectNotifiers, 'test'>> {
  const { environment } = surroundings
  const notifiers: Notifier[] = []
  const problems: string[] = []
  const add = async (channel: string, make: () => Promise<Notifier> | Notifier) => {
    try {
      notifiers.push(await make())
    } catch (error) {
      problems.push(`No notifications by ${channel}: ${messageOf(error)}`)
    }
  }
  const value = (text: string | undefined, key: string, variable?: string): string => {
    const resolved = text === undefined ? variable && environment[variable] : withSecrets(text, environment)
    if (resolved) return resolved
    const set = `Set notifications.${key} in mlops/pipeline.yaml${variable === undefined ? '' : `, or ${variable}`}.`
    throw new Error(`notifications.${key} has no value. ${set}`)
  }
  // Inside "add": an address of a proxy that cannot be used is a problem, too.
  const fetch = () => proxyFetch(environment)
  if (slack)
    await add('Slack', () =>
      slackNotifier({ webhook: value(slack.webhook, 'slack.webhook'), events: slack.events, fetch: fetch() }),
    )
  if (email)
    await add('e-mail', async () => {
      const notifier = emailNotifier({
        recipients: email.recipients.map((recipient) => withSecrets(recipient, environment)),
        from: value(email.from, 'email.from', 'SMTP_FROM'),
        smtp: value(email.smtp, 'email.smtp', 'SMTP_URL'),
        events: email.events,
      })
      await loadNodemailer()
      return notifier
    })
  if (webhook)
    await add('webhook', () =>
      webhookNotifier({
        url: value(webhook.url, 'webhook.url'),
        secret: value(webhook.secret, 'webhook.secret'),
        events: webhook.events,
        fetch: fetch(),
      }),
    )
  if (githubIssue)
    await add('GitHub issues', async () => {
      const target = release.targets.find(({ kind }) => kind === 'github')
      const token = environment['GITHUB_TOKEN']
      if (!token) throw new Error('GITHUB_TOKEN is not set. Set it to a token that may write issues.')
      const repository = await gitHubRepository(target?.kind === 'github' ? target.repository : undefined, surroundings)
      if (repository === undefined) throw new Error('the repository is not known. Set GITHUB_REPOSITORY to owner/name.')
      return githubIssueNotifier({
        ...{ repository, token, fetch: fetch(), events: githubIssue.events, labels: githubIssue.labels },
        baseUrl: addressIn(environment, 'GITHUB_API_URL', 'https://github.example.com/api/v3'),
      })
    })
  return { notifiers, problems }
}

/** The page of this run of a workflow. */
function runAddress(environment: EnvironmentVariables): string | undefined {
  const { GITHUB_REPOSITORY: repository = '', GITHUB_RUN_ID: id = '' } = environment
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository) || !/^\d+$/.test(id)) return undefined
  return `${gitHubAddress(environment).origin}/${repository}/actions/runs/${id}`
}
