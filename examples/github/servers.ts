import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { callContext } from 'sheikh-freemium'
import { huggingFaceRegistry } from 'sheikh-freemium/huggingface'
import { startGitHub, startHub } from 'sheikh-freemium/testing'

/** The name of the repository, on GitHub and on the Hub. */
export const repository = 'team/tickets'
export const hubToken = 'hf_OnlyForThisExample'
export const gitHubTokens = { write: 'may-write', read: 'may-read' } as const

export interface Versions {
  /** What the channel `latest` points at on the Hub. */
  readonly hub: string | null
  /** The tag of the latest release on GitHub. */
  readonly github: string | null
}

/** A GitHub and a Hub on 127.0.0.1, and what anybody can read of them. */
export async function startServers(folder: string, origin: string) {
  const hub = await startHub({ folder: join(folder, 'hub'), tokens: [{ token: hubToken, role: 'write' }] })
  const tokens = { [gitHubTokens.write]: 'write', [gitHubTokens.read]: 'read' } as const
  const github = await startGitHub({ tokens, immutable: true })
  const onGitHub = github.repository(repository)
  const registry = huggingFaceRegistry({ repository, endpoint: hub.url })

  async function ask<T>(path: string, body?: unknown): Promise<T | undefined> {
    const response = await fetch(`${github.url}/repos/${repository}/${path}`, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${gitHubTokens[body === undefined ? 'read' : 'write']}` },
    })
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`GitHub answered ${response.status} to ${path}: ${await response.text()}`)
    return (await response.json()) as T
  }

  return {
    variables: { HF_ENDPOINT: hub.url, GITHUB_API_URL: github.url },

    /** GitHub learns what was pushed. */
    receive: () => onGitHub.receive(origin),

    async latest(): Promise<Versions> {
      const release = await ask<{ readonly tag_name: string }>('releases/latest')
      // Before the first release there is no such repository on the Hub.
      const current = release && (await registry.current('latest', callContext()))
      return { hub: current?.version ?? null, github: release?.tag_name ?? null }
    },

    /** The digest of the files of a release on the Hub. */
    async bundleOf(version: string): Promise<string | undefined> {
      for await (const release of registry.history(callContext()))
        if (release.version === version) return release.bundle
      return undefined
    },

    async openPullRequest(title: string, head: string): Promise<number> {
      return (await ask<{ readonly number: number }>('pulls', { title, head, base: 'main' }))!.number
    },

    async comments(pullRequest: number): Promise<readonly string[]> {
      const all = await ask<readonly { readonly body: string }[]>(`issues/${pullRequest}/comments`)
      return (all ?? []).map(({ body }) => body)
    },

    async checks(commit: string): Promise<readonly { readonly name: string; readonly conclusion: string }[]> {
      const path = `commits/${commit}/check-runs`
      return (
        (await ask<{ readonly check_runs: readonly { name: string; conclusion: string }[] }>(path))?.check_runs ?? []
      )
    },

    /** The records of the ledger on the Git remote, oldest first: verdicts, releases, and runs that released nothing. */
    ledger(): readonly LedgerRecord[] {
      const text = execFileSync('git', ['--git-dir', origin, 'show', 'sheikh-ledger:ledger.jsonl'], {
        encoding: 'utf8',
      })
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LedgerRecord)
    },

    close: async () => void (await Promise.all([hub.close(), github.close()])),
  }
}

export interface LedgerRecord {
  readonly type: string
  readonly runId: string
  readonly status?: string
  readonly version?: string
  readonly commit?: string
  readonly failed?: readonly { readonly check: string }[]
}
