import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
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

it('every key of training/config.yaml that a device can honour decides something', async () => {
  const { repository, root } = await project({
    ...classifier,
    ...folders,
    'mlops/pipeline.yaml':
      'stages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 }, { weight_integrity: true } ] } }\n',
    [trainingPath]: `
data: { train_path: ./dataset/tickets, max_samples: 12, categories: [mail, web] }
training: { num_train_epochs: 5, per_device_train_batch_size: 2, per_device_eval_batch_size: 3, logging_steps: 4 }
validation: { metrics: [accuracy, f1, "recall(fruit)", log_loss] }
output: { dir: out, model_name: Tickets, push_to_hub: false }
`,
  })
  expect((await loadConfiguration(root, callContext())).notices).toEqual([])
  const { counts, slices } = await repository.validate()
  expect(counts).toMatchObject({ rows: 40, training: 12, leftOut: expect.any(Number) })
  expect(slices.training).not.toHaveProperty('category=chat')
  expect(slices.evaluation).toHaveProperty('category=chat')

  const result = await (await repository.pipeline()).run()
  if (result.status !== 'released') throw new Error(JSON.stringify(result))
  expect(existsSync(join(root, 'out/releases'))).toBe(true)
  expect(existsSync(join(root, 'releases'))).toBe(false)
  const { record } = result.release
  // 12 rows by 2 are 6 steps an epoch, 30 in all.
  const candidate = record.candidate as unknown as { readonly lossCurve: readonly (readonly number[])[] }
  expect(candidate.lossCurve.map(([step]) => step)).toEqual([4, 8, 12, 16, 20, 24, 28, 30])
  expect(record.metrics).toEqual({
    accuracy: expect.any(Number),
    'macro-f1': expect.any(Number),
    'recall(fruit)': expect.any(Number),
    'log-loss': expect.any(Number),
  })
  const measured = result.verdict.findings.filter(({ check }) => check.startsWith('measures('))
  expect(measured.map(({ metric, critical, status }) => ({ metric, critical, status }))).toEqual(
    // Accuracy is asked about anyway.
    ['macro-f1', 'recall(fruit)', 'log-loss'].map((metric) => ({ metric, critical: false, status: 'not-applicable' })),
  )
  expect((await (await repository.pipeline()).run()).status).toBe('up-to-date')
})

it('what a model of this kind cannot be measured by is said before it is trained', async () => {
  const { repository } = await project(
    { ...classifier, [trainingPath]: 'validation: { metrics: [exact_match] }\n' },
    { pin: false },
  )
  await expect(repository.pipeline()).rejects.toMatchObject({
    code: 'invalid-config',
    message: expect.stringContaining('"exact-match": it needs text'),
  })
})

it('samples behind a link are refused where train_path names them too', async () => {
  const { repository, root } = await project(
    { ...classifier, [trainingPath]: 'data: { train_path: dataset/more }\n' },
    { pin: false },
  )
  symlinkSync(join(root, 'dataset/samples'), join(root, 'dataset/more'))
  await expect(repository.validate()).rejects.toMatchObject({ code: 'invalid-config' })
})
