// Run: npx tsx examples/release-everywhere.ts
// A signed release to a folder, the Hub and GitHub as one act; a channel; a rollback; what anyone can verify afterwards.
// Servers on this machine stand in for both.
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  accuracy,
  atLeast,
  callContext,
  directoryRegistry,
  findUnexplained,
  loadRelease,
  memoryStore,
  Pipeline,
  qualityGate,
  releaseTo,
} from 'sheikh-freemium'
import { githubRegistry } from 'sheikh-freemium/github'
import { huggingFaceRegistry } from 'sheikh-freemium/huggingface'
import { generateSigningKey, keySigner, releaseAttester, verifyRelease } from 'sheikh-freemium/signing'
import { fakeTrainer, startGitHub, startHub } from 'sheikh-freemium/testing'
import { exampleDataset } from './shared-samples.js'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const folder = await mkdtemp(join(tmpdir(), 'sheikh-everywhere-'))
const hub = await startHub({ folder: join(folder, 'hub') })
const gitHub = await startGitHub()
try {
  gitHub.repository('team/spam')
  const key = generateSigningKey()
  const onTheHub = huggingFaceRegistry({
    repository: 'team/spam',
    create: 'private',
    token: 'hf_example',
    endpoint: hub.url,
  })
  const onGitHub = githubRegistry({ repository: 'team/spam', token: gitHub.token, baseUrl: gitHub.url })
  const releaser = releaseTo([directoryRegistry(join(folder, 'releases')), onTheHub, onGitHub])
  const store = memoryStore()
  const dataset = await exampleDataset()
  const pipelineOf = (prompt: string) =>
    new Pipeline({
      dataset,
      trainer: fakeTrainer(),
      gate: qualityGate([atLeast(accuracy(), 0.15)]),
      releaser,
      store,
      // Another prompt is another bundle: enough to release twice.
      payload: async () => [
        { path: 'prompts/inference/ask.txt', content: prompt, digest: `sha256:${sha256(prompt)}` as const },
      ],
      attest: releaseAttester({ signer: keySigner(key), builderId: 'https://example.com/runner' }),
    })

  const first = await pipelineOf('first').run()
  await pipelineOf('first').promote('0.1.0', { to: 'production', by: 'Ann' })
  const second = await pipelineOf('second').run()
  if (first.status !== 'released' || second.status !== 'released') throw new Error('two releases were expected')
  console.log(`released ${first.release.version} and ${second.release.version}, in three places`)

  const back = await pipelineOf('second').rollback({ by: 'Ada', reason: 'it answers too late' })
  if (back.status !== 'restored') throw new Error(`a restored release was expected, and it is ${back.status}`)
  console.log(`${back.release.version} is ${back.restoredFrom} again; production points at 0.1.0 as before`)

  const ledger = await pipelineOf('second').ledger()
  const trustedKeys = [{ ...key, by: 'Ann', validFromMs: 0 }]
  for (const registry of [onTheHub, onGitHub]) {
    const release = (await registry.current('latest', callContext()))!
    const bundle = await registry.open(release.version, join(folder, registry.name), callContext())
    const checks = verifyRelease(release, { manifest: bundle.manifest, trustedKeys, ledger })
    console.log(registry.name, release.version, checks.map(({ name, status }) => `${name} ${status}`).join(', '))
    if (checks.some(({ status }) => status !== 'valid')) throw new Error('every check was expected to hold')
  }
  const unexplained = await findUnexplained(releaser, ledger, callContext())
  if (unexplained.length > 0) throw new Error(`nothing unexplained was expected: ${JSON.stringify(unexplained)}`)

  await using model = await loadRelease(onTheHub, {
    channel: 'production',
    trainer: fakeTrainer(),
    cache: join(folder, 'cache'),
  })
  console.log(await model.predict(['up and away']))
} finally {
  await gitHub.close()
  await hub.close()
  await rm(folder, { recursive: true, force: true })
}
