import { describe, expect, it } from 'vitest'
import { callContext, type Log } from '../../src/core/index.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { type EnvironmentVariables, openRepository } from '../../src/repository/index.js'
import { startGitHub } from '../../src/testing.js'
import { itInFull } from '../in-full.js'
import { receiver } from '../notify/harness.js'
import { temporaryFolder, write } from './harness.js'
import { project } from './project.js'

const load = (notifications: string) => {
  const root = temporaryFolder()
  write(root, 'mlops/pipeline.yaml', `notifications:\n${notifications}\n`)
  return loadConfiguration(root, callContext())
}

const pipelineYaml = (notifications: string) =>
  `pipeline: { name: tiny }
stages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 }, { weight_integrity: true } ] } }
notifications:
${notifications}
`

/** A project with these notifications, opened with these variables. */
async function notified(notifications: string, environment: EnvironmentVariables) {
  const { root } = await project({ 'mlops/pipeline.yaml': pipelineYaml(notifications) })
  const warnings: string[] = []
  const log: Log = { debug() {}, info() {}, warn: (message) => void warnings.push(message) }
  return { root, warnings, repository: await openRepository(root, { environment, log }) }
}

describe('notifications of mlops/pipeline.yaml', () => {
  it('are read, with the other names that public repositories use for events', async () => {
    const { notifications, notices } = await load(
      `  slack: { webhook: "\${{ secrets.SLACK }}", events: [release_created, training_complete, released] }
  email: { recipients: ada@example.org, smtp: "\${{ secrets.SMTP }}", from: a@example.org, events: [held] }
  webhook: { url: "https://example.org/x", secret: "\${{ secrets.HOOK }}" }
  github_issue: { events: [training_failed, held], labels: [model] }`,
    )
    expect(notifications).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as in the file
      slack: { webhook: '${{ secrets.SLACK }}', events: ['released', 'training_completed'] },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as in the file
      email: { recipients: ['ada@example.org'], smtp: '${{ secrets.SMTP }}', from: 'a@example.org', events: ['held'] },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as in the file
      webhook: { url: 'https://example.org/x', secret: '${{ secrets.HOOK }}', events: undefined },
      githubIssue: { events: ['failed', 'held'], labels: ['model'] },
    })
    expect(notices).toEqual([])
  })

  it.each([
    [
      'slack: { webhook: "https://example.org", events: [relaesed] }',
      '"relaesed" is no event. Did you mean "released"?',
    ],
    ['slack: { events: [7] }', 'expected a name'],
    ['slack: { events: [] }', 'slack.events'],
    ['github_issue: { events: [released] }', '"released" opens no issue'],
    ['github_issue: { events: [heldd] }', 'Did you mean "held"?'],
    ['github_issue: { labels: [] }', 'github_issue.labels'],
    ['webhook: { url: "http://example.org/hunter2" }', 'begins with https://'],
    ['slack: { webhook: hunter2 }', 'secrets.NAME'],
  ])('refuse %s, by place and without a secret', async (yaml, fact) => {
    const error = await load(`  ${yaml}`).catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ code: 'invalid-config', facts: { line: 2 } })
    expect((error as Error).message).toContain(fact)
    expect((error as Error).message).not.toContain('hunter2')
  })

  it('go to Slack, to a webhook and to GitHub when a run ends, with a link to the workflow', async () => {
    const { url, requests } = await receiver((response) => response.end('ok'))
    const github = await startGitHub({ tokens: { writer: 'write' } })
    try {
      github.repository('owner/name')
      const { repository, root } = await notified(
        `  slack: { webhook: "\${{ secrets.SLACK }}", events: [released] }
  webhook: { url: "\${{ secrets.HOOK }}", secret: "\${{ secrets.HOOK_SECRET }}" }
  github_issue: { events: [failed] }`,
        {
          SLACK: `${url}/services/hunter22`,
          HOOK: `${url}/hook`,
          HOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
          GITHUB_TOKEN: 'writer',
          GITHUB_API_URL: github.url,
          GITHUB_REPOSITORY: 'owner/name',
          GITHUB_RUN_ID: '77',
        },
      )
      expect((await repository.notifiers()).problems).toEqual([])
      const result = await (await repository.pipeline()).run()
      expect(result.status).toBe('released')
      const head = await repository.head()
      const slack = requests.find((request) => request.url === '/services/hunter22')!
      expect(slack.body).toContain('https://github.com/owner/name/actions/runs/77')
      const hook = requests.find((request) => request.url === '/hook')!
      expect(JSON.parse(hook.body)).toMatchObject({
        event: 'released',
        project: 'tiny',
        version: '0.1.0',
        commit: head!.oid.slice(0, 12),
      })
      write(root, 'dataset/samples/all/00.json', '{ "id": "s00", "text": 7 }')
      await repository.commit({ message: 'Break' })
      await expect((await repository.pipeline()).run()).rejects.toMatchObject({ code: 'dataset-invalid' })
      expect(github.state.repositories.get('owner/name')!.issues).toMatchObject([{ title: 'tiny: Run failed' }])
    } finally {
      await github.close()
    }
  })

  it('that lack a secret are named by the plan, and by a warning of each run, which goes on', async () => {
    const { repository, warnings } = await notified(
      `  slack: { webhook: "\${{ secrets.SLACK_WEBHOOK }}" }
  email: { recipients: [ada@example.org], from: a@example.org }
  webhook: { url: "https://example.org" }
  github_issue: {}`,
      {},
    )
    const { unnotified } = await repository.plan()
    expect(unnotified).toEqual([
      expect.stringContaining('No notifications by Slack: the environment variable SLACK_WEBHOOK is not set'),
      expect.stringMatching(/e-mail: .*email\.smtp has no value.*SMTP_URL/),
      expect.stringContaining('webhook.secret has no value'),
      expect.stringContaining('GITHUB_TOKEN is not set'),
    ])
    expect(warnings).toEqual([])
    expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
    expect(warnings).toEqual(unnotified)
  })

  it('do not stop a run if the proxy has a wrong address', async () => {
    const { repository } = await notified('  slack: { webhook: "https://example.org/x" }', {
      HTTPS_PROXY: 'socks5://a',
    })
    const { notifiers, problems } = await repository.notifiers()
    expect([notifiers, problems]).toEqual([[], [expect.stringContaining('the proxy in HTTPS_PROXY')]])
  })

  it('never carry the token of a registry to an address', async () => {
    const { url, requests } = await receiver((response) => response.end('ok'))
    const { repository, warnings } = await notified(`  slack: { webhook: "${url}/\${{ secrets.HF_TOKEN }}" }`, {
      HF_TOKEN: 'hf_0123456789abcdef',
    })
    await (await repository.pipeline()).run()
    expect(requests).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('HF_TOKEN belongs to a registry')])
  })

  itInFull('that fail change nothing in the run, and no address is logged', async () => {
    const gone = await receiver((response) => response.writeHead(404).end('no_service'))
    const { repository, warnings } = await notified(
      `  slack: { webhook: "\${{ secrets.SLACK }}" }
  webhook: { url: "\${{ secrets.HOOK }}", secret: "\${{ secrets.HOOK_SECRET }}" }`,
      {
        SLACK: `${gone.url}/services/hunter22`,
        HOOK: `${gone.url}/hunter22`,
        HOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      },
    )
    expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
    expect(warnings.toSorted()).toEqual([
      expect.stringMatching(/^The notification "released" by slack was not sent: .*404, "no_service"/),
      expect.stringMatching(/^The notification "released" by webhook was not sent: /),
    ])
    expect(warnings.join()).not.toContain('hunter22')
    const { test } = await repository.notifiers()
    expect(await test()).toMatchObject([
      { notifier: 'slack', ok: false, answer: expect.stringContaining('404') },
      { notifier: 'webhook', ok: false },
    ])
  })
})
