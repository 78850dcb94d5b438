// What a plan says about secrets, devices and permissions that this machine lacks.
import { expect, it } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { type EnvironmentVariables, openRepository } from '../../src/repository/index.js'
import { missingSecrets } from '../../src/repository/missing-access.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { project, quickTrainer } from './project.js'

const settings = (targets: string, more = '') => `pipeline: { name: tiny }
stages: { validate_weights: { checks: [ { weight_integrity: true } ] }, release: { targets: [ ${targets} ] } }
${more}`

/** Asks no server. */
async function secretsMissing(root: string, environment: EnvironmentVariables) {
  return missingSecrets(await loadConfiguration(root, callContext()), { root, environment })
}

it('names the secrets of the release targets, and none that are set', async () => {
  const text = settings('{ github: { repo: a/b } }, { huggingface: { repo: a/b } }')
  const { root } = await project({ 'mlops/pipeline.yaml': text })
  const found = await secretsMissing(root, {})
  expect(found).toMatchObject([
    { kind: 'secret', name: 'HF_TOKEN', neededFor: 'release', message: expect.stringContaining('trusted publisher') },
    { kind: 'secret', name: 'GITHUB_TOKEN', neededFor: 'release' },
  ])
  const inActions = { GITHUB_ACTIONS: 'true', GITHUB_TOKEN: 'x'.repeat(20) }
  const there = await secretsMissing(root, inActions)
  expect(there.map(({ kind, name }) => [kind, name])).toEqual([
    ['secret', 'HF_TOKEN'],
    ['permission', 'id-token: write'],
  ])
  expect(there[0]?.message).toContain('Pass it to the step: env: { HF_TOKEN: ')
  expect(await secretsMissing(root, { ...inActions, ACTIONS_ID_TOKEN_REQUEST_URL: 'https://a' })).toEqual([])
})

it('names secrets of notifications and signing, and half of a pair of keys', async () => {
  const notifications = 'notifications: { slack: { webhook: "${' + '{ secrets.SLACK_HOOK }}" } }\n'
  const { root } = await project({
    'mlops/pipeline.yaml': settings('{ s3: { address: "s3://models/a", region: r } }', notifications),
    'mlops/keys/trusted.json': '{ "keys": [] }',
  })
  const names = async (environment: EnvironmentVariables) =>
    (await secretsMissing(root, environment)).map(({ name, neededFor }) => `${neededFor}: ${name}`)
  expect(await names({ AWS_ACCESS_KEY_ID: 'A' })).toEqual([
    'release: AWS_SECRET_ACCESS_KEY',
    'signing: SHEIKH_SIGNING_KEY',
    'notifications: SLACK_HOOK',
  ])
  // A profile or a role of the machine may have the keys.
  expect(await names({ SHEIKH_SIGNING_KEY: 'pem', SLACK_HOOK: 'https://a' })).toEqual([])
})

const gpu = `pipeline: { name: tiny }
stages: { train: { resources: { gpu: 1 } }, validate_weights: { checks: [ { weight_integrity: true } ] } }
`
const missingIn = async (root: string) => (await (await openRepository(root, { environment: {} })).plan()).missing

it('says that the training would use no GPU, for the built-in trainer', async () => {
  const builtIn = await project({ 'sheikh.config.mjs': 'export default {}\n', 'mlops/pipeline.yaml': gpu })
  expect(await missingIn(builtIn.root)).toMatchObject([
    { kind: 'device', name: 'gpu', message: expect.stringContaining('training.device') },
  ])
  // A program may train anywhere.
  const other = await project({ 'sheikh.config.mjs': quickTrainer, 'mlops/pipeline.yaml': gpu })
  expect(await missingIn(other.root)).toEqual([])
})

it('plans without the device of the training, and says what to install', async () => {
  const key = Symbol.for('sheikh-freemium.test-trainer-without-device')
  const message = 'Cannot load "driver" for device "tpu". Install it.'
  const environment = () => Promise.reject(new SheikhError('missing-peer', message))
  Object.assign(globalThis, { [key]: { ...fakeTrainer(), environment } })
  const config = `export default { trainer: globalThis[Symbol.for('${key.description}')] }\n`
  const { root } = await project({
    'sheikh.config.mjs': config,
    'mlops/training/config.yaml': 'training: { device: cuda }\n',
  })
  expect(await (await openRepository(root, { environment: {} })).plan()).toMatchObject({
    outcome: 'judge',
    missing: [{ kind: 'device', name: 'cuda', neededFor: 'training', message }],
  })
})
