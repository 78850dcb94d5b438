import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { loadConfiguration, type ReleaseTarget } from '../../src/repository/config/index.js'
import type { EnvironmentVariables } from '../../src/repository/git/index.js'
import { type FileTransfer, openRepository } from '../../src/repository/index.js'
import { oneReleaser, registriesOf } from '../../src/repository/release-targets.js'
import { startGitHub } from '../../src/testing/github/index.js'
import { startHub } from '../../src/testing/hub/index.js'
import { itInFull } from '../in-full.js'
import { temporaryFolder, write } from './harness.js'
import { project } from './project.js'

const context = callContext()

async function releaseOf(text: string) {
  const root = temporaryFolder()
  write(root, 'mlops/pipeline.yaml', text)
  return (await loadConfiguration(root, context)).release
}

async function releaserFor(target: ReleaseTarget, environment: EnvironmentVariables = {}, originUrl?: string) {
  const root = temporaryFolder()
  const surroundings = { root, shared: root, project: '', environment, originUrl: async () => originUrl }
  return oneReleaser(await registriesOf({ targets: [target], retention: {} }, surroundings))
}

describe('release targets', () => {
  it('are a folder where nothing is said', async () => {
    expect(await releaseOf('pipeline: { name: x }\n')).toMatchObject({
      targets: [{ kind: 'directory', path: 'releases' }],
      retention: {},
    })
  })

  it('are read in order, with channel, versions and retention', async () => {
    const release = await releaseOf(`
stages:
  release:
    targets:
      - directory: { path: out }
      - huggingface: { repo: me/spam, type: dataset, create: private, tag_format: "spam-v{version}" }
      - github: { release: true, repo: me/spam }
      - github: { release: false, repo: me/none }
      - s3: { address: "s3://team/spam", endpoint: "https://s3.example", region: eu-west-1 }
    channel: staging
    versioning: { strategy: semantic, auto_increment: true, prerelease: rc }
artifacts: { storage: { retention_days: 30, keep_last: 5 } }
`)
    expect(release).toEqual({
      targets: [
        { kind: 'directory', path: 'out' },
        { kind: 'huggingface', repository: 'datasets/me/spam', create: 'private', tagFormat: 'spam-v{version}' },
        { kind: 'github', repository: 'me/spam' },
        { kind: 's3', address: 's3://team/spam', endpoint: 'https://s3.example', region: 'eu-west-1' },
      ],
      channel: 'staging',
      prerelease: 'rc',
      retention: { keepLast: 5, days: 30 },
    })
  })

  it.each([
    ['huggingface: { type: model }', 'names no repository'],
    ['s3: { region: eu-west-1 }', 'names no bucket'],
    ['huggingface: { repo: me/x, type: space }', 'type'],
    ['huggingface: { repo: me/x, create: shared }', 'create'],
  ])('refuse %s', async (target, fact) => {
    const error = await releaseOf(`stages: { release: { targets: [ { ${target} } ] } }\n`).catch((thrown) => thrown)
    expect(isSheikhError(error, 'invalid-config') && error.message).toContain(fact)
  })

  it.each<[ReleaseTarget, EnvironmentVariables, string, string]>([
    [
      { kind: 'huggingface', repository: 'me/x' },
      { HF_ENDPOINT: 'hub.example.com' },
      'HF_ENDPOINT',
      'https://hub.example.com',
    ],
    [
      { kind: 'huggingface', repository: 'me/x' },
      { HF_ENDPOINT: 'localhost:9000' },
      'HF_ENDPOINT',
      'http://localhost:9000',
    ],
    [
      { kind: 'github', repository: 'me/x' },
      { GITHUB_API_URL: 'git.example.com/api/v3' },
      'GITHUB_API_URL',
      'https://git.example.com/api/v3',
    ],
    [{ kind: 'github' }, { GITHUB_SERVER_URL: 'git.example.com' }, 'GITHUB_SERVER_URL', 'https://git.example.com'],
    [
      { kind: 's3', address: 's3://a-bucket' },
      { AWS_ENDPOINT_URL: 'localhost:9000' },
      'AWS_ENDPOINT_URL',
      'http://localhost:9000',
    ],
    [
      { kind: 's3', address: 's3://a-bucket' },
      { AWS_ENDPOINT_URL_S3: '10.0.0.1:9000' },
      'AWS_ENDPOINT_URL_S3',
      'https://10.0.0.1:9000',
    ],
  ])('of %j refuse %j, and name the variable and what to write', async (target, environment, variable, example) => {
    const error = await releaserFor(target, environment, 'https://git.example.com/me/x').catch((thrown) => thrown)
    expect(isSheikhError(error, 'invalid-options') && error.facts).toEqual({ setting: variable })
    expect(String(error)).toContain(`Cannot use ${variable}: `)
    expect(String(error)).toContain(`Write ${example}.`)
  })

  it.each([
    ['https://github.com/me/spam.git'],
    ['https://github.com/me/spam'],
    ['git@github.com:me/spam.git'],
    ['ssh://git@github.com/me/spam.git'],
    ['https://token@github.com/me/spam/'],
  ])('find the GitHub repository at %s', async (url) => {
    expect((await releaserFor({ kind: 'github' }, {}, url)).describe()).toMatchObject({ repository: 'me/spam' })
  })

  it('find it in the environment of a workflow', async () => {
    const releaser = await releaserFor({ kind: 'github' }, { GITHUB_REPOSITORY: 'me/spam' })
    expect(releaser.describe()).toMatchObject({ repository: 'me/spam' })
  })

  it.each([
    undefined,
    'https://example.org/me/spam.git',
    '/srv/git/spam.git',
    'https://github.com.example.org/me/spam',
  ])('do not guess it from %s', async (url) => {
    await expect(releaserFor({ kind: 'github' }, {}, url)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('GITHUB_REPOSITORY'),
    })
  })
})

itInFull('releases a project to a folder, the Hub and GitHub together, and no token is left anywhere', async () => {
  const hub = await startHub({ folder: join(temporaryFolder(), 'hub') })
  onTestFinished(() => hub.close())
  const gitHub = await startGitHub()
  onTestFinished(() => gitHub.close())
  gitHub.repository('me/spam')
  const { root } = await project({
    'mlops/pipeline.yaml': `
pipeline: { name: tiny }
stages:
  validate_weights: { checks: [ { accuracy_threshold: 0.15 }, { weight_integrity: true } ] }
  release:
    targets:
      - directory: { path: releases }
      - huggingface: { repo: me/spam, create: private }
      - github: { release: true, repo: me/spam }
`,
  })
  const environment = {
    HF_TOKEN: 'hf_test',
    HF_ENDPOINT: hub.url,
    GITHUB_TOKEN: gitHub.token,
    GITHUB_API_URL: gitHub.url,
  }
  const transfers: FileTransfer[] = []
  const onTransfer = (transfer: FileTransfer) => void transfers.push(transfer)
  const repository = await openRepository(root, { environment, onTransfer })
  const result = await (await repository.pipeline()).run()
  expect(result).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
  // The Hub and GitHub each report the weights to the end.
  const weights = transfers.filter(({ path, progress }) => path.endsWith('model.safetensors') && progress === 1)
  expect(weights.map(({ direction }) => direction)).toEqual(expect.arrayContaining(['upload', 'upload']))
  expect(transfers.every(({ progress }) => progress >= 0 && progress <= 1)).toBe(true)
  expect(existsSync(join(root, 'releases/releases/0.1.0.json'))).toBe(true)
  const fromHub = await releaserFor({ kind: 'huggingface', repository: 'me/spam' }, environment)
  const fromGitHub = await releaserFor({ kind: 'github', repository: 'me/spam' }, environment)
  for (const registry of [fromHub, fromGitHub])
    expect(await registry.current('latest', context)).toMatchObject({ version: '0.1.0' })
  expect(JSON.stringify([result, await (await repository.pipeline()).runs()])).not.toContain(gitHub.token)
})
