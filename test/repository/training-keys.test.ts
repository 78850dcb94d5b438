import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { datasetOf, filesOnly } from '../../src/repository/compose.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { cardKey } from '../../src/repository/config/keys.js'
import { temporaryFolder, write } from './harness.js'
import { project, sample } from './project.js'

const classifier = { 'sheikh.config.mjs': 'export default {}\n', '.gitignore': '.sheikh/\nreleases/\nout/\n' }
const trainingPath = 'mlops/training/config.yaml'
/** Forty samples, of fruit and vehicles, in three folders. */
const folders = Object.fromEntries(
  Array.from({ length: 40 }, (_, index) => [
    `dataset/tickets/${['mail', 'web', 'chat'][index % 3]}/${index}.json`,
    sample(index),
  ]),
)

const keys = `
data: { train_path: ./dataset/tickets, max_samples: 12, categories: [mail, web] }
training: { num_train_epochs: 5, per_device_train_batch_size: 2, per_device_eval_batch_size: 3, logging_steps: 4 }
validation: { metrics: [accuracy, f1, "recall(fruit)", log_loss] }
output: { dir: out, model_name: Tickets, push_to_hub: false, export: [onnx] }
`

it('every key of training/config.yaml that a device can honour decides something', async () => {
  const { repository, root, put, commit } = await project({
    ...classifier,
    ...folders,
    'mlops/pipeline.yaml':
      'stages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 }, { weight_integrity: true } ] } }\n',
    [trainingPath]: keys,
  })
  // Of a name for the Hub nothing comes in a folder.
  expect((await loadConfiguration(root, callContext())).notices.map(({ key }) => key)).toEqual([cardKey])
  const { counts, slices } = await repository.validate()
  expect(counts).toMatchObject({ rows: 40, training: 12, leftOut: expect.any(Number) })
  expect(slices.training).not.toHaveProperty('category=chat')
  expect(slices.evaluation).toHaveProperty('category=chat')

  const steps: number[] = []
  const pipeline = await repository.pipeline()
  pipeline.on('train-progress', ({ step }) => steps.push(step))
  const result = await pipeline.run()
  if (result.status !== 'released') throw new Error(JSON.stringify(result))
  expect(existsSync(join(root, 'out/releases'))).toBe(true)
  expect(existsSync(join(root, 'releases'))).toBe(false)
  const bundle = result.release.bundle.replace('sha256:', '')
  expect(existsSync(join(root, 'out/bundles', bundle, 'model.onnx'))).toBe(true)
  const { record } = result.release
  // 12 rows by 2 are 6 steps an epoch, 30 in all.
  expect(steps).toEqual([4, 8, 12, 16, 20, 24, 28, 30])
  expect(record.metrics).toEqual({
    accuracy: expect.any(Number),
    'macro-f1': expect.any(Number),
    'recall(fruit)': expect.any(Number),
    'log-loss': expect.any(Number),
  })
  const measured = result.verdict.findings.filter(({ check }) => check.startsWith('report-only('))
  expect(measured.map(({ metric, critical, status }) => ({ metric, critical, status }))).toEqual(
    // Accuracy is asked about anyway.
    ['macro-f1', 'recall(fruit)', 'log-loss'].map((metric) => ({ metric, critical: false, status: 'not-applicable' })),
  )
  expect((await (await repository.pipeline()).run()).status).toBe('up-to-date')
  // How often somebody is told decides nothing.
  put(trainingPath, keys.replace('logging_steps: 4', 'logging_steps: 1'))
  await commit('look more closely')
  expect((await (await repository.pipeline()).plan()).outcome).toBe('up-to-date')
})

it('a language model has no export', async () => {
  const { repository } = await project(
    {
      ...classifier,
      [trainingPath]: 'model: { architecture: llama, base: models/base }\noutput: { export: [onnx] }\n',
    },
    { pin: false },
  )
  await expect(repository.pipeline()).rejects.toThrow('Remove output.export from mlops/training/config.yaml')
})

it('of a gate that only measures nothing is made', async () => {
  const { repository } = await project(
    {
      ...classifier,
      'mlops/pipeline.yaml': 'stages: { validate_weights: { checks: [ { weight_integrity: false } ] } }\n',
      [trainingPath]: 'validation: { metrics: [f1] }\n',
    },
    { pin: false },
  )
  await expect(repository.pipeline()).rejects.toMatchObject({ code: 'invalid-options' })
})

it.each([
  ['dataset/samples/mail', ['mail/0.json', 'mail/3.json']],
  ['dataset/samples/{mail,web}/?.json', ['mail/0.json', 'mail/3.json', 'web/1.json']],
  ['dataset/samples/web/1.json', ['web/1.json']],
  ['dataset/samples', ['chat/2.json', 'mail/0.json', 'mail/3.json', 'web/1.json']],
])('however train_path names them, samples have the ids and the category that they have: %s', async (path, ids) => {
  const root = temporaryFolder()
  for (const [at, name] of ['mail', 'web', 'chat', 'mail'].entries())
    write(root, `dataset/samples/${name}/${at}.json`, JSON.stringify({ text: `${at}`, label: 'a' }))
  write(
    root,
    trainingPath,
    `data: { train_path: "${path}" }
`,
  )
  const dataset = datasetOf(root, await loadConfiguration(root, callContext()), filesOnly(root))
  expect((await dataset.identities()).map(({ id }) => id)).toEqual(ids)
})

it('samples behind a link are refused where train_path names them too', async () => {
  const { repository, root } = await project(
    { ...classifier, [trainingPath]: 'data: { train_path: dataset/more }\n' },
    { pin: false },
  )
  symlinkSync(join(root, 'dataset/samples'), join(root, 'dataset/more'))
  await expect(repository.validate()).rejects.toMatchObject({ code: 'invalid-config' })
})
