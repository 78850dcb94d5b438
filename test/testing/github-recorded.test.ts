import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LoopbackGitHub, startGitHub } from '../../src/testing/github/index.js'

/** A request to the real GitHub and its answer, as Octokit recorded them. */
interface Recorded {
  readonly scope: string
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly status: number
  readonly response: unknown
  readonly headers: Readonly<Record<string, string>>
}

const recorded = async (scenario: string): Promise<readonly Recorded[]> => {
  const name = `@octokit/fixtures/scenarios/api.github.com/${scenario}/normalized-fixture.json`
  return JSON.parse(await readFile(fileURLToPath(import.meta.resolve(name)), 'utf8')) as readonly Recorded[]
}

let github: LoopbackGitHub
beforeEach(async () => {
  github = await startGitHub({ assetDigests: false })
})
afterEach(() => github.close())

const call = async (url: string, init: RequestInit = {}) => {
  const response = await fetch(url, { ...init, headers: { authorization: `Bearer ${github.token}`, ...init.headers } })
  const text = await response.text()
  return { status: response.status, headers: response.headers, value: text === '' ? '' : JSON.parse(text) }
}

/** Where ours lacks something that the real one has, or has it as something else. */
function differences(ours: unknown, real: unknown, path = '$'): readonly string[] {
  if (real === null || ours === null) return []
  if (Array.isArray(real)) {
    if (!Array.isArray(ours)) return [`${path} is no list`]
    return real.slice(0, 1).flatMap((item, index) => differences(ours[index], item, `${path}[${index}]`))
  }
  if (typeof real !== 'object') return typeof ours === typeof real ? [] : [`${path} is ${typeof ours}`]
  if (typeof ours !== 'object') return [`${path} is ${typeof ours}`]
  return Object.entries(real!).flatMap(([key, value]) =>
    // The number of a request is nobody's business here.
    key === 'request_id'
      ? []
      : key in (ours as object)
        ? differences((ours as Record<string, unknown>)[key], value, `${path}.${key}`)
        : [`${path}.${key} is missing`],
  )
}

/** Plays a scenario to ours, with our ids in place of the recorded ones. */
async function replay(scenario: string, ids: Record<string, string> = {}): Promise<void> {
  for (const { scope, method, path, body, status, response, headers } of await recorded(scenario)) {
    const own = Object.entries(ids).reduce((text, [from, to]) => text.replaceAll(from, to), path)
    const root = scope.startsWith('https://uploads.') ? `${github.url}/uploads` : github.url
    const sent = Object.entries(ids).reduce(
      (text, [from, to]) => text.replaceAll(from, to),
      typeof body === 'string' ? body : JSON.stringify(body),
    )
    const answer = await call(`${root}${own}`, {
      method: method.toUpperCase(),
      ...(method !== 'get' && sent !== '' && { body: sent, headers: { 'content-type': 'text/plain' } }),
    })
    const where = `${method} ${path}`
    expect(answer.status, where).toBe(status)
    expect(differences(answer.value, response), where).toEqual([])
    for (const name of ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-github-media-type'])
      if (name in headers) expect(answer.headers.has(name), `${where}: ${name}`).toBe(true)
    const { name, id } = (Array.isArray(answer.value) ? answer.value[0] : answer.value) as Record<string, unknown>
    if (typeof id === 'number' && typeof name === 'string' && name.includes('upload'))
      ids['/releases/assets/1000'] = `/releases/assets/${id}`
    else if (typeof id === 'number') ids['/releases/1000'] ??= `/releases/${id}`
  }
}

async function withRelease(repository: string): Promise<number> {
  github.repository(repository)
  const { value } = await call(`${github.url}/repos/${repository}/releases`, {
    method: 'POST',
    body: JSON.stringify({ tag_name: 'v1.0.0', name: 'Version 1.0.0', body: 'Initial release' }),
  })
  return (value as { id: number }).id
}

describe('a loopback GitHub answers as the real one did', () => {
  it('assets of a release: sent, listed, read, renamed, deleted', async () => {
    await withRelease('octokit-fixture-org/release-assets')
    await replay('release-assets')
  })

  it('an asset whose name is taken', async () => {
    const repository = 'octokit-fixture-org/release-assets-conflict'
    const id = await withRelease(repository)
    await call(`${github.url}/uploads/repos/${repository}/releases/${id}/assets?name=test-upload.txt`, {
      method: 'POST',
      body: 'first',
    })
    await replay('release-assets-conflict')
  })

  it('references: listed, made, moved, deleted', async () => {
    const repository = github.repository('octokit-fixture-org/git-refs')
    const first = repository.state.refs.get('refs/heads/main')!
    const second = repository.commit('second')
    await replay('git-refs', {
      '0000000000000000000000000000000000000001': first,
      '0000000000000000000000000000000000000002': second,
    })
  })

  it('a file on a branch, with the SHA-1 that Git gives it', async () => {
    const repository = 'octokit-fixture-org/create-file'
    github.repository(repository)
    await replay('create-file')
    const [{ response }] = (await recorded('create-file')) as [Recorded]
    const { value } = await call(`${github.url}/repos/${repository}/contents/test.txt`)
    expect((value as { sha: string }).sha).toBe((response as { content: { sha: string } }).content.sha)
  })

  it('what is not valid', async () => {
    const repository = 'octokit-fixture-org/errors'
    const id = await withRelease(repository)
    const upload = () =>
      call(`${github.url}/uploads/repos/${repository}/releases/${id}/assets?name=a`, { method: 'POST', body: 'a' })
    await upload()
    const [{ response }] = (await recorded('errors')) as [Recorded]
    const { status, value } = await upload()
    expect(status).toBe(422)
    expect(differences(value, response)).toEqual([])
  })
})
