import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRepo, uploadFiles } from '@huggingface/hub'
import { expect, it, onTestFinished } from 'vitest'
import { openRepository } from '../../src/repository/index.js'
import { startHub } from '../../src/testing/hub/index.js'
import { itInFull } from '../in-full.js'
import { temporaryFolder } from './harness.js'
import { project } from './project.js'

const accessToken = 'hf_test'

/** A Hub with a model that somebody else uploaded, tagged v1.3.0, and a project that releases to it, or to a folder. */
async function modelOnTheHub(targets: string) {
  const hub = await startHub({ folder: join(temporaryFolder(), 'hub') })
  onTestFinished(() => hub.close())
  const elsewhere = await project({}, { isReleased: true })
  const bundles = join(elsewhere.root, 'releases/bundles')
  const folder = join(bundles, readdirSync(bundles)[0]!)
  const common = { repo: 'me/old', accessToken, hubUrl: hub.url }
  await createRepo(common)
  await uploadFiles({
    ...common,
    files: [
      ...['config.json', 'model.safetensors'].map((path) => ({
        path,
        content: new Blob([readFileSync(join(folder, path))]),
      })),
      { path: 'README.md', content: new Blob(['# Mine\n']) },
      { path: 'training_args.pt', content: new Blob(['pickle']) },
    ],
  })
  const refs = (await (await fetch(`${hub.url}/api/models/me/old/refs`)).json()) as {
    readonly branches: readonly { readonly targetCommit: string }[]
  }
  const head = refs.branches[0]!.targetCommit
  await fetch(`${hub.url}/api/models/me/old/tag/${head}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ tag: 'v1.3.0' }),
  })
  const { root } = await project({
    'mlops/pipeline.yaml': `pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 } ] }, release: { targets: [ ${targets} ] } }\n`,
  })
  const environment = { HF_TOKEN: accessToken, HF_ENDPOINT: hub.url }
  return { hub, head, folder, repository: await openRepository(root, { environment }) }
}

itInFull('takes a model from the Hub as the first release, and goes on with its versions', async () => {
  const { repository, head } = await modelOnTheHub('{ directory: { path: releases } }')
  const { release } = await repository.import('hf:me/old@v1.3.0', { by: 'Ada' })
  expect(release).toMatchObject({
    version: '1.3.1',
    record: { importedFrom: { from: `hf:me/old@${head}`, by: 'Ada' }, metrics: { accuracy: expect.any(Number) } },
  })
  expect(release.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
  expect(await repository.verify('1.3.1')).toMatchObject({ holds: true })
  expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released', release: { version: '1.3.2' } })
  await using model = await repository.loadModel({ version: '1.3.1' })
  expect(await model.predict(['apple pie'])).toHaveLength(1)
})

itInFull('takes over the repository that it lives in, but not the files that it would have to leave out', async () => {
  const { repository, hub } = await modelOnTheHub('{ huggingface: { repo: me/old } }')
  await expect(repository.import('hf:me/old')).rejects.toMatchObject({
    code: 'release-rejected',
    message: expect.stringContaining('training_args.pt'),
  })
  const { deleteFile } = await import('@huggingface/hub')
  await deleteFile({ repo: 'me/old', accessToken, hubUrl: hub.url, path: 'training_args.pt' })
  const { release } = await repository.import('hf:me/old')
  expect(release).toMatchObject({ version: '1.3.1' })
  expect(await repository.verify('hf:me/old@v1.3.1')).toMatchObject({ holds: true })
})

it('takes a folder', async () => {
  const { repository, folder } = await modelOnTheHub('{ directory: { path: releases } }')
  expect(await repository.import(folder)).toMatchObject({ release: { version: '0.1.0' } })
})

it('refuses what is nowhere, and what is no name of a model', async () => {
  const { repository } = await modelOnTheHub('{ directory: { path: releases } }')
  for (const [source, code] of [
    ['hf:me/old@v9.9.9', 'not-found'],
    ['hf:me/none', 'not-found'],
    ['hf:../../etc@main', 'invalid-options'],
    ['hf:', 'invalid-options'],
    ['./none', 'not-found'],
  ])
    await expect(repository.import(source!), source).rejects.toMatchObject({ code })
})
