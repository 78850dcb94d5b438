import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { callContext, type Json, SheikhError } from '../../src/core/index.js'
import { openRepository } from '../../src/repository/index.js'
import { createHandler } from '../../src/serve/index.js'
import { generateSigningKey, type SigningKey } from '../../src/signing.js'
import { post, warnings } from '../serve/fixture.js'
import { sampleOf } from '../whole.js'
import { project } from './project.js'

const [key, other] = [generateSigningKey(), generateSigningKey()]
const keysPath = 'mlops/keys/trusted.json'
const trusted = ({ keyId, publicKeyPem }: SigningKey) =>
  JSON.stringify({
    formatVersion: 1,
    keys: [{ keyId, publicKeyPem, by: 'Ann', validFrom: '2020-01-01T00:00:00Z' }],
  })
const template = 'prompts/inference/ask.txt'

/** A project whose template makes the input, with 0.1.0 released and signed. */
async function signedProject() {
  const made = await project({
    [keysPath]: trusted(key),
    [template]: '{{ text }}\n',
    'dataset/config.yaml': `dataset: { name: t }\nprojection: { id: id, input: ${template}, target: label }\n`,
  })
  const repository = await openRepository(made.root, { environment: { SHEIKH_SIGNING_KEY: key.privateKeyPem } })
  const run = async () => (await repository.pipeline()).run()
  expect(await run()).toMatchObject({ status: 'released' })
  return { ...made, repository, run }
}

const refresh = () => new Request('http://localhost/v1/refresh', { method: 'POST' })

it('serves each release with the template that was released with it, and refuses one that no trusted key signed', async () => {
  const { root, put, commit, run, repository } = await signedProject()
  const { said, log } = warnings()
  const rendered: Json[] = []
  const releases = await repository.serving()
  await using handler = await createHandler<Json>(
    {
      ...releases,
      async forRelease(release, bundle, context) {
        const settings = await releases.forRelease(release, bundle, context)
        expect(settings.smokeInputs?.length).toBe(8)
        rendered.push(...(await settings.prepare!([{ text: 'apple 1' }])))
        return settings
      },
    },
    { log },
  )
  expect((await handler(post('/v1/predict', { inputs: [{ text: 'apple 1' }] }))).status).toBe(200)
  expect((await handler(post('/v1/predict', { inputs: ['apple 1'] }))).status).toBe(422)
  put(template, '{{ text }} please\n')
  await commit()
  expect(await run()).toMatchObject({ status: 'released' })
  put(template, '{{ text }} not released\n')
  expect((await handler(refresh())).status).toBe(200)
  expect([handler.release.version, rendered]).toEqual(['0.2.0', ['apple 1', 'apple 1 please']])
  // Keys are read again for each release.
  put(keysPath, trusted(other))
  put(template, '{{ text }} again\n')
  await commit()
  const unsigned = await openRepository(root, { environment: {} })
  expect(await (await unsigned.pipeline()).run()).toMatchObject({ status: 'released' })
  expect((await handler(refresh())).status).toBe(502)
  expect([handler.release.version, said]).toEqual([
    '0.2.0',
    [expect.stringMatching(/^Still serving 0\.2\.0, because 0\.3\.0 cannot be served: .*no trusted key signed it/)],
  ])
})

const unfit = [
  ['{{ text }} about {{ topic }}', [{ text: 'warm-up', topic: 'warm-up' }], []],
  ['{{ text.nowhere.else }}', [], [expect.stringMatching(/^Serving 0\.1\.0 without a trial prediction: /)]],
] as const
it.each(sampleOf(unfit, 1))(
  'tries a release whose template %s fits no sample of the project with plain texts',
  async (text, inputs, warned) => {
    const { repository } = await signedProject()
    const releases = await repository.serving()
    const { said, log } = warnings()
    const release = (await (await repository.pipeline()).history())[0]!
    const directory = mkdtempSync(join(tmpdir(), 'sheikh-serving-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const { manifest } = await releases.registry.open('0.1.0', join(directory, 'bundle'), callContext())
    writeFileSync(join(directory, 'bundle', template), text)
    const bundle = { digest: release.bundle, manifest, directory: join(directory, 'bundle') }
    const { smokeInputs } = await releases.forRelease(release, bundle, callContext({ log }))
    expect(smokeInputs).toEqual(inputs)
    expect(said.filter((line) => line.startsWith('Serving'))).toEqual(warned)
  },
)

it('starts from its cache while the registry is gone, and still checks the signature', async () => {
  const { repository, put } = await signedProject()
  const cache = mkdtempSync(join(tmpdir(), 'sheikh-serving-'))
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }))
  const releases = { ...(await repository.serving()), cache }
  await (await createHandler<Json>(releases)).close()
  const gone = async () => {
    throw new SheikhError('remote-failed', 'Cannot reach it. Try again.', { retryable: true })
  }
  const registry = { ...releases.registry, current: gone, open: gone }
  await using handler = await createHandler<Json>({ ...releases, registry }, callContext())
  expect(handler.release.version).toBe('0.1.0')
  put(keysPath, trusted(other))
  await expect(createHandler<Json>({ ...releases, registry })).rejects.toThrow('signature is invalid')
})
