import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commit } from '@huggingface/hub'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { openRepository } from '../../src/repository/index.js'
import { startGitHub } from '../../src/testing/github/index.js'
import { startHub } from '../../src/testing/hub/index.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import { temporaryFolder } from './harness.js'
import { project } from './project.js'

const accessToken = 'hf_test'

/** Two releases, a publication and a rollback, in one kind of registry. */
async function lived(target: string, environment: Readonly<Record<string, string>> = {}) {
  const {
    root,
    put,
    commit: commitFiles,
  } = await project({
    'mlops/pipeline.yaml': `pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 } ] }, release: { targets: [ ${target} ] } }\n`,
  })
  const repository = await openRepository(root, { environment })
  const pipeline = () => repository.pipeline()
  await (await pipeline()).run()
  // The steps are the same for each kind of registry: `npm test` takes them in folders.
  const isShort = !isWhole && !target.includes('directory')
  await (await pipeline()).promote('0.1.0', { by: 'Ada', to: 'production' })
  if (!isShort) {
    put('prompts/inference/ask.txt', 'Is {{ text }} a fruit?\n')
    await commitFiles()
    expect(await (await pipeline()).run()).toMatchObject({ status: 'released' })
    await (await pipeline()).rollback({ by: 'Ada', reason: 'complaints' })
  }
  const audit = async () =>
    (await repository.verify('0.1.0', { remote: true })).unexplained!.map(
      ({ kind, name, fact }) => `${kind} ${name}: ${fact}`,
    )
  expect(await audit()).toEqual([])
  return { root, repository, audit }
}

describe('verify --remote', () => {
  it('finds in a folder what the ledger does not know, and what is gone', async () => {
    const { root, audit, repository } = await lived('{ directory: { path: releases } }')
    const documents = join(root, 'releases/releases')
    const document = JSON.parse(readFileSync(join(documents, '0.1.0.json'), 'utf8'))
    writeFileSync(join(documents, '0.9.0.json'), JSON.stringify({ ...document, version: '0.9.0' }))
    rmSync(join(root, 'releases/withdrawals/0.2.0.json'))
    expect(await audit()).toEqual([
      'release 0.2.0: the ledger withdraws it, but the registry does not',
      'release 0.9.0: the ledger does not contain it',
    ])
    expect(await repository.verify('0.1.0', { remote: true })).toMatchObject({ holds: false })
    rmSync(join(documents, '0.2.0.json'))
    expect(await audit()).toContain('release 0.2.0: the ledger records it, but the registry does not contain it')
  })

  itInFull('finds on the Hub commits and tags that are no release', async () => {
    const hub = await startHub({ folder: join(temporaryFolder(), 'hub') })
    onTestFinished(() => hub.close())
    const { audit } = await lived('{ huggingface: { repo: me/spam, create: public } }', {
      HF_TOKEN: accessToken,
      HF_ENDPOINT: hub.url,
    })
    const common = { repo: 'me/spam', accessToken, hubUrl: hub.url }
    const write = async (title: string, path: string, text: string) =>
      (await commit({ ...common, title, operations: [{ operation: 'addOrUpdate', path, content: new Blob([text]) }] }))!
        .commit.oid
    await write('A better card', 'README.md', '# Mine\n')
    expect(await audit()).toEqual([])
    const swapped = await write('Small fix', 'config.json', '{}')
    const hooked = await write('Add a helper', 'modeling.py', 'import os\n')
    const commits = (await (await fetch(`${hub.url}/api/models/me/spam/commits/main`)).json()) as {
      readonly id: string
    }[]
    await fetch(`${hub.url}/api/models/me/spam/tag/${commits.at(-1)!.id}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tag: 'v7.0.0' }),
    })
    expect(await audit()).toEqual([
      'tag v7.0.0: it belongs to no release',
      expect.stringMatching(new RegExp(`^commit ${hooked}: "Add a helper": `)),
      expect.stringMatching(new RegExp(`^commit ${swapped}: "Small fix": .*"config\\.json"`)),
    ])
  })

  it('finds on GitHub releases, tags and assets that are none of ours', async () => {
    const gitHub = await startGitHub()
    onTestFinished(() => gitHub.close())
    const code = gitHub.repository('me/spam')
    const { audit } = await lived('{ github: { repo: me/spam } }', {
      GITHUB_TOKEN: gitHub.token,
      GITHUB_API_URL: gitHub.url,
    })
    const api = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
      const answer = await fetch(path.startsWith('http') ? path : `${gitHub.url}/repos/me/spam/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gitHub.token}`, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })
      expect(answer.ok).toBe(true)
      return answer.json() as Promise<{ readonly upload_url: string }>
    }
    await api('releases', { tag_name: 'v8.0.0', name: 'By hand' })
    await api('git/refs', { ref: 'refs/tags/v9.0.0', sha: code.commit('Somebody') })
    await api('git/refs', { ref: 'refs/tags/nightly', sha: code.commit('Somebody') })
    const ours = (await (
      await fetch(`${gitHub.url}/repos/me/spam/releases/tags/v0.1.0`, {
        headers: { authorization: `Bearer ${gitHub.token}` },
      })
    ).json()) as { readonly upload_url: string }
    await api(`${ours.upload_url.replace(/\{.*$/, '')}?name=extra.bin`, 'x', {
      'content-type': 'application/octet-stream',
    })
    expect((await audit()).sort()).toEqual([
      'asset v0.1.0/extra.bin: the release does not list it',
      'release v8.0.0: it contains no sheikh-release.json',
      'tag v9.0.0: it belongs to no release',
    ])
  })

  itInFull('finds a channel that was pointed behind the pipeline’s back', async () => {
    const { root, audit } = await lived('{ directory: { path: releases } }')
    const { directoryRegistry } = await import('../../src/releaser/directory/index.js')
    await directoryRegistry(join(root, 'releases')).point('production', '0.2.0', '0.1.0', callContext())
    expect(await audit()).toEqual(['channel production: it points at 0.2.0, but the last recorded target is 0.1.0'])
  })
})
