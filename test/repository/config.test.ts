import { symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { loadConfiguration, loadHostConfiguration } from '../../src/repository/config/index.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'
import { temporaryFolder, write } from './harness.js'

const context = callContext()
const pipelinePath = 'mlops/pipeline.yaml'

function project(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = temporaryFolder()
  for (const [path, content] of Object.entries(files)) write(root, path, content)
  return root
}
const load = (files: Readonly<Record<string, string | Uint8Array>>) => loadConfiguration(project(files), context)
const loadPipeline = (text: string | Uint8Array) => load({ [pipelinePath]: text })

// Every key of the layout that public repositories use, as they use it.
const everyKey = {
  [pipelinePath]: `
pipeline: { name: tickets, version: "1.0" }
triggers:
  dataset_change: { paths: ["dataset/**"], action: validate_and_queue }
  nightly: { cron: "0 3 * * *", action: full_train }
stages:
  validate: { steps: [validate_schema, check_data_quality, validate_prompts], on_failure: notify }
  train:
    depends_on: validate
    config: { base_model: gpt2, learning_rate: 0.1, batch_size: 8, epochs: 2, gradient_accumulation: 4 }
    resources: { gpu: 1, memory: 16Gi }
    outputs: [model]
  validate_weights:
    depends_on: train
    checks:
      - accuracy_threshold: 0.3
      - regression_check: { margin: 0.03 }
      - weight_integrity: true
      - benchmark_suite: [mmlu, gsm8k]
    on_failure: rollback
  release:
    targets:
      - huggingface: { repo: me/model, type: model }
      - github: { release: true, tag_format: "v{version}" }
    versioning: { strategy: semver, auto_increment: patch }
  continuous_learn: { actions: [update_base_model, archive_previous_version, prepare_next_iteration] }
notifications:
  slack: { webhook: "\${{ secrets.SLACK }}", events: [released] }
  email: { recipients: [a@example.org], events: [held] }
artifacts:
  storage: { provider: s3, retention_days: 30 }
  checkpoints: { save_frequency: 100, keep_last: 3 }
`,
  'mlops/training/config.yaml': `
model: { base: gpt2, architecture: text-classifier }
data: { train_path: ./dataset/samples/, validation_split: 0.1, max_samples: 1000, categories: [a, b] }
training:
  learning_rate: 0.02
  weight_decay: 0.01
  warmup_ratio: 0.1
  max_grad_norm: 1
  device: wasm
  per_device_train_batch_size: 16
  per_device_eval_batch_size: 16
  gradient_accumulation_steps: 1
  num_train_epochs: 4
  max_steps: -1
  optim: adamw
  lr_scheduler_type: linear
  fp16: false
  bf16: true
  save_strategy: steps
  save_steps: 10
  save_total_limit: 2
  evaluation_strategy: steps
  eval_steps: 10
  logging_steps: 10
  report_to: [none]
validation: { metrics: [accuracy], benchmarks: [{ name: mmlu, threshold: 0.5 }] }
output: { dir: out, model_name: m, push_to_hub: false, hub_repo: me/model }
`,
  'dataset/config.yaml': `
dataset: { name: tickets, version: 1.0.0, description: x, source: y, license: z, total_samples: 10 }
categories:
  billing: { sample_count: 5, percentage: 50, subcategories: [a], description: x }
validation: { schema_path: dataset/schemas/s.json, strict_mode: true, check_image_paths: false }
projection: { id: id, input: text, target: label, group: thread, slices: [source] }
`,
  'mlops/validation/rules.yaml': 'validation: { accuracy_threshold: 0.4 }\n',
}

describe('the configuration', () => {
  it.each([
    '0 3 * * 1-5',
    '*/15 * * * *',
    '0 0 1 JAN,jul *',
    '30 5,17 * * SUN',
    '0-30/10 8-18/2 1-31 * *',
    '59 23 31 12 6',
  ])('takes the schedule %s', async (cron) => {
    const { triggers } = await loadPipeline(`triggers: { x: { cron: "${cron}", paths: [a] } }\n`)
    expect(triggers).toEqual([{ name: 'x', paths: ['a'], cron, action: 'retrain' }])
  })

  it('takes every key that public repositories use, and knows none of them as unknown', async () => {
    const { notices, files, ...found } = await load(everyKey)
    expect(notices.filter(({ kind }) => kind === 'unknown')).toEqual([])
    expect(files.map(({ file }) => file)).toEqual(expect.arrayContaining(Object.keys(everyKey)))
    expect(found).toEqual({
      pipeline: { name: 'tickets' },
      // mlops/validation comes after the pipeline's own checks, and decides.
      gate: {
        accuracyFloor: 0.4,
        regressionMargin: 0.03,
        weightIntegrity: true,
        improves: false,
        // Named and without a threshold: the gate cannot pass it.
        benchmarks: [{ name: 'mmlu', threshold: 0.5 }, { name: 'gsm8k' }],
        whenInconclusive: 'ask',
        onFailure: 'rollback',
        metrics: ['accuracy'],
      },
      training: {
        architecture: 'text-classifier',
        epochs: 4,
        learningRate: 0.02,
        weightDecay: 0.01,
        batchSize: 16,
        schedule: 'linear',
        warmupRatio: 0.1,
        maximumGradientNorm: 1,
        gradientAccumulation: 1,
        evaluationBatchSize: 16,
        reportEverySteps: 10,
        checkpoints: { everySteps: 10, keepLast: 2 },
        device: 'wasm',
        seed: 0,
      },
      dataset: {
        schemaPath: 'dataset/schemas/s.json',
        developmentShare: 0.1,
        training: { slices: { category: ['a', 'b'] }, maximumRows: 1000 },
        samples: { directory: 'dataset/samples' },
        license: 'z',
        quality: { license: { value: 'z', byFolder: {} }, source: expect.anything() },
        isQualityChecked: true,
        projection: { id: 'id', input: 'text', target: 'label', group: 'thread', slices: ['source'] },
      },
      release: {
        targets: [
          { kind: 'huggingface', repository: 'me/model' },
          { kind: 'github', tagFormat: 'v{version}' },
        ],
        increment: 'patch',
        modelName: 'm',
        retention: { days: 30 },
      },
      triggers: [
        { name: 'dataset_change', paths: ['dataset/**'], action: 'validate_and_queue' },
        { name: 'nightly', cron: '0 3 * * *', action: 'full_train' },
      ],
      learning: { actions: ['archive_previous_version', 'update_base_model', 'prepare_next_iteration'] },
      notifications: {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: as in the file
        slack: { webhook: '${{ secrets.SLACK }}', events: ['released'] },
        email: { recipients: ['a@example.org'], events: ['held'] },
      },
    })
  })

  it('names what has no effect yet, with its place', async () => {
    const { notices } = await load(everyKey)
    expect(notices).toContainEqual({
      file: pipelinePath,
      line: 2,
      column: 37,
      key: 'pipeline.version',
      kind: 'not-honoured',
      message: expect.stringContaining('no effect yet'),
    })
    expect(notices.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['training.bf16', 'output.dir', 'output.hub_repo', 'categories.billing.percentage']),
    )
  })

  it.each([
    ['tensorboard', ['tensorboard'], []],
    ['[mlflow, tensorboard]', ['tensorboard', 'mlflow'], []],
    ['none', undefined, []],
    [
      '[wandb, mlflow, comet_ml]',
      ['mlflow'],
      ['"training.report_to": wandb, comet_ml is told nothing: there are tensorboard and mlflow'],
    ],
  ])('reads who is told of a training: %j', async (asked, reportTo, said) => {
    const { training, notices } = await load({ 'mlops/training/config.yaml': `training: { report_to: ${asked} }\n` })
    expect(training.reportTo).toEqual(reportTo)
    expect(notices.map(({ message }) => message)).toEqual(said)
  })

  it.each([
    ['early_stopping_patience: 3', { patience: 3 }],
    ['early_stopping_patience: 3\n  evaluation_strategy: steps\n  eval_steps: 20', { patience: 3, everySteps: 20 }],
    ['early_stopping_patience: 3\n  evaluation_strategy: steps', { patience: 3, everySteps: 500 }],
    ['evaluation_strategy: epoch', undefined],
  ])('reads when a training is ended early: %j', async (settings, earlyStopping) => {
    const { training, notices } = await load({ 'mlops/training/config.yaml': `training:\n  ${settings}\n` })
    expect(training.earlyStopping).toEqual(earlyStopping)
    expect(notices).toEqual([])
  })

  it.each([
    ['', '', undefined, []],
    ['save_strategy: no', '', false, []],
    ['save_strategy: steps', '', { everySteps: 500 }, []],
    ['save_strategy: epoch', '{ save_frequency: 7, keep_last: 5 }', { everyEpochs: 1, keepLast: 5 }, []],
    ['save_steps: 3\n  save_total_limit: 4', '{ save_frequency: 7 }', { everySteps: 3, keepLast: 4 }, []],
    ['', '{ save_frequency: epoch }', { everyEpochs: 1 }, []],
    // A share of all steps, as transformers takes it, is none of ours.
    ['save_steps: 0.1', '{ save_frequency: 0 }', undefined, ['save_frequency', 'save_steps']],
    ['save_strategy: best', '{ save_frequency: hourly }', undefined, ['save_frequency', 'save_strategy']],
  ])('reads when checkpoints are written: %j and %j', async (settings, artifacts, checkpoints, ignored) => {
    const { training, notices } = await load({
      [pipelinePath]: artifacts === '' ? '' : `artifacts: { checkpoints: ${artifacts} }`,
      'mlops/training/config.yaml': settings === '' ? '' : `training:\n  ${settings}\n`,
    })
    expect(training.checkpoints).toEqual(checkpoints)
    expect(notices.map(({ key }) => key.split('.').at(-1))).toEqual(ignored)
  })

  const training = 'mlops/training/config.yaml'
  it.each([
    ['dataset/train', { directory: 'dataset/train' }],
    ['./dataset//train/', { directory: 'dataset/train' }],
    ['dataset/samples/mail', { directory: 'dataset/samples', pattern: 'mail/**' }],
    ['dataset/a/spam.jsonl', { directory: 'dataset/a', pattern: 'spam.jsonl' }],
    ['dataset/train.jsonl', { directory: 'dataset', pattern: 'train.jsonl' }],
    ['dataset/a/{b,c}/*.json', { directory: 'dataset/a', pattern: '{b,c}/*.json' }],
    ['dataset/**/*.json', undefined],
    ['dataset/{a,b}/*.json', undefined],
    ['dataset/schemas', undefined],
    ['dataset/evaluation.json', undefined],
    ['dataset', undefined],
    ['data/train.jsonl', undefined],
    ['dataset/../secrets', undefined],
    ['/dataset/samples', undefined],
  ])('reads where samples lie: %s', async (path, samples) => {
    const { dataset, notices } = await load({ [training]: `data: { train_path: "${path}" }\n` })
    expect(dataset.samples).toEqual(samples)
    expect(notices.map(({ key }) => key)).toEqual(samples === undefined ? ['data.train_path'] : [])
  })

  it.each([
    ['{ max_samples: 10, categories: [mail] }', { slices: { category: ['mail'] }, maximumRows: 10 }, []],
    ['{ max_samples: -1 }', undefined, []],
    ['{ max_samples: null }', undefined, []],
    ['{ max_samples: 0.5 }', undefined, ['data.max_samples']],
    ['{ categories: [] }', undefined, []],
  ])('reads which rows are learned from: %s', async (data, selection, ignored) => {
    const { dataset, notices } = await load({ [training]: `data: ${data}\n` })
    expect(dataset.training).toEqual(selection)
    expect(notices.map(({ key }) => key)).toEqual(ignored)
  })

  it('reads what is measured, and says what is not', async () => {
    const { gate, notices } = await load({
      [training]: 'validation: { metrics: [accuracy, f1, "f1(spam)", log-loss, bleu, "bleu(spam)"] }\n',
    })
    expect(gate.metrics).toEqual(['accuracy', 'f1', 'f1(spam)', 'log-loss'])
    expect(notices.map(({ message }) => message)).toEqual([
      expect.stringContaining('"validation.metrics": bleu, bleu(spam) is not measured, the others are: of this model'),
    ])
  })

  it.each([
    ['{ architecture: llama }', ['accuracy', 'exact_match'], 'f1, log_loss, cross_entropy'],
    [
      '{ architecture: llama, answer: { kind: choice, choices: [a, b] } }',
      ['accuracy', 'f1', 'log_loss'],
      'exact_match',
    ],
    ['{ architecture: text-classifier }', ['accuracy', 'f1', 'log_loss'], 'exact_match, cross_entropy'],
    ['{ architecture: mine }', ['accuracy', 'f1', 'exact_match', 'log_loss', 'cross_entropy'], undefined],
  ])('measures of a model what it gives: %s', async (model, metrics, others) => {
    const { gate, notices } = await load({
      [training]: `model: ${model}\nvalidation: { metrics: [accuracy, f1, exact_match, log_loss, cross_entropy] }\n`,
    })
    expect(gate.metrics).toEqual(metrics)
    const said = notices.filter(({ key }) => key === 'validation.metrics').map(({ message }) => message)
    expect(said).toEqual(others === undefined ? [] : [expect.stringContaining(`: ${others}`)])
  })

  it.each(['dataset/samples/{a', `dataset/samples/${'a'.repeat(1000)}`])(
    'a glob that is none is refused: %.30s',
    async (path) => {
      await expect(load({ [training]: `data: { train_path: "${path}" }\n` })).rejects.toMatchObject({
        ...{ code: 'invalid-config', facts: { line: 1 } },
      })
    },
  )

  it('takes the output of the training for the targets that the pipeline does not name', async () => {
    const output = 'output: { dir: out, model_name: Sorter, push_to_hub: true, hub_repo: me/sorter }\n'
    const { release, notices } = await load({ [training]: output })
    expect(release).toMatchObject({
      targets: [
        { kind: 'directory', path: 'out' },
        { kind: 'huggingface', repository: 'me/sorter' },
      ],
      modelName: 'Sorter',
    })
    expect(notices).toEqual([])
    const named = await load({
      [training]: output,
      [pipelinePath]: 'stages: { release: { targets: [{ directory: { path: models } }] } }\n',
    })
    expect(named.release.targets).toEqual([{ kind: 'directory', path: 'models' }])
    expect(named.notices.map(({ key }) => key)).toEqual([
      'output.dir',
      'output.model_name',
      'output.push_to_hub',
      'output.hub_repo',
    ])
    await expect(load({ [training]: 'output: { push_to_hub: true }\n' })).rejects.toThrow(/write output\.hub_repo/)
    const alone = await load({ [training]: 'output: { model_name: Sorter, hub_repo: me/sorter }\n' })
    expect(alone.notices.map(({ key }) => key)).toEqual(['output.model_name', 'output.hub_repo'])
    const kept = await load({ [training]: 'output: { push_to_hub: false, hub_repo: me/sorter }\n' })
    expect(kept.release.targets).toEqual([{ kind: 'directory', path: 'releases' }])
  })

  it('says of what only a language model knows that nothing comes of it for another', async () => {
    const text =
      'model: { architecture: X, base: b, from_scratch: true }\ntraining: { packing: true, lora: { rank: 2 } }\n'
    const keysOf = async (architecture: string) =>
      (await load({ 'mlops/training/config.yaml': text.replace('X', architecture) })).notices.map(({ key }) => key)
    expect(await keysOf('llama')).toEqual([])
    expect(await keysOf('text-classifier')).toEqual([
      'model.base',
      'model.from_scratch',
      'training.packing',
      'training.lora',
    ])
  })

  it('names what is unknown, with its place', async () => {
    const { notices } = await loadPipeline('pipeline:\n  name: x\nstages:\n  train:\n    confg: { epochs: 3 }\n')
    expect(notices).toEqual([
      {
        file: pipelinePath,
        line: 5,
        column: 5,
        key: 'stages.train.confg',
        kind: 'unknown',
        message: expect.any(String),
      },
    ])
  })

  it('takes the checks that are ours', async () => {
    const checks = [
      'no_new_failures: { allowed: 2 }',
      'improves: true',
      'calibration: true',
      'latency: { maximum_ms: 50, quantile: 0.9 }',
      'size: { maximum_bytes: 1000 }',
    ]
    const { gate, notices } = await loadPipeline(
      `stages:\n  validate_weights:\n    maximum_evaluations: 50\n    checks:\n${checks.map((check) => `      - ${check}\n`).join('')}`,
    )
    expect(notices).toEqual([])
    expect(gate).toMatchObject({
      beatsMajority: true,
      newFailuresAllowed: 2,
      improves: true,
      calibrationError: 0.1,
      latency: { maximumMs: 50, quantile: 0.9 },
      maximumBytes: 1000,
      maximumEvaluations: 50,
    })
  })

  it('of no files at all asks for all three checks', async () => {
    const { gate, notices } = await load({})
    expect(gate).toEqual({
      beatsMajority: true,
      regressionMargin: 0.02,
      weightIntegrity: true,
      improves: false,
      benchmarks: [],
      whenInconclusive: 'ask',
    })
    expect(notices).toEqual([])
    expect(await load({ [pipelinePath]: '', 'dataset/config.yaml': '# nothing\n' })).toMatchObject({ gate })
  })
})

describe('what decides a release', () => {
  const stages = (text: string) => `stages:\n  ${text}\n`
  const checks = (text: string) => stages(`validate_weights: { checks: [ ${text} ] }`)

  it.each([
    ['a check', checks('regresion_check: true'), /line 2, .*Did you mean "regression_check"/],
    ['a check in camel case', checks('weightIntegrity: true'), /Did you mean "weight_integrity"/],
    ['a check that nothing resembles', checks('always_pass: true'), /The known keys are accuracy_threshold, /],
    ['an option of a check', checks('regression_check: { margni: 0.1 }'), /regression_check": expected true, false or/],
    ['a target', stages('release: { targets: [ hugginface: { repo: me/x } ] }'), /Did you mean "huggingface"/],
    ['a setting of a target', stages('release: { targets: [ github: { repository: a/b } ] }'), /github\.repository/],
    [
      'a setting beside its target',
      stages('release: { targets: [ { github: {}, release: true } ] }'),
      /targets\.release/,
    ],
    ['the gate', stages('validate_weihgts: { checks: [ weight_integrity: true ] }'), /Did you mean "validate_weights"/],
    ['the policy', stages('validate_weights: { when_inconclusiv: hold }'), /Did you mean "when_inconclusive"/],
    ['versioning', stages('release: { versioning: { auto_incremnt: major } }'), /Did you mean "auto_increment"/],
    ['a trigger', 'triggers: { push: { path: [x] } }\n', /Did you mean "paths"/],
    ['retention', 'artifacts: { storage: { keep_lst: 3 } }\n', /Did you mean "keep_last"/],
    ['the ledger', 'ledger: { remot: false }\n', /Did you mean "remote"/],
    ['the root', 'stage: { validate_weights: { checks: [] } }\n', /Did you mean "stages"/],
    [
      'a check in a section that nothing reads',
      'gates: { strict: [ accuracy_threshold: 0.9 ] }\n',
      /belongs under stages/,
    ],
    [
      'the checks one level too high',
      'pipeline: { regression_check: true }\n',
      /belongs under stages\.validate_weights/,
    ],
    ['no value', checks('{ regression_check: }'), /has no value|expected true/],
    ['no checks', stages('validate_weights: { checks: [] }'), /checks" is empty/],
    [
      'checks that are commented out',
      stages('validate_weights:\n    checks:\n    # - weight_integrity: true'),
      /has no value/,
    ],
    ['a check without a key', checks('{}'), /an entry without a key/],
    ['no target', stages('release: { targets: [] }'), /targets" is empty/],
    ['a threshold in quotes', checks('accuracy_threshold: "0.15"'), /a number from 0 to 1/],
    ['a threshold in per cent', checks('accuracy_threshold: 15'), /a number from 0 to 1/],
    ['a check twice', checks('{ accuracy_threshold: 0.9 }, { accuracy_threshold: 0.1 }'), /given twice/],
  ])('a typo or a missing value is an error with its place: %s', async (_, text, said) => {
    await expect(loadPipeline(text)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(said),
      facts: { file: pipelinePath, line: expect.any(Number), column: expect.any(Number) },
    })
  })

  it.each([
    ['dataset/config.yaml', 'projection: { groop: thread }\n', /Did you mean "group"/],
    ['dataset/config.yaml', 'validation: { shema_path: x }\n', /Did you mean "schema_path"/],
    ['mlops/training/config.yaml', 'model: { achitecture: llama }\n', /Did you mean "architecture"/],
    ['mlops/validation/rules.yaml', 'validation: { acuracy_threshold: 0.4 }\n', /Did you mean "accuracy_threshold"/],
    ['mlops/validation/rules.yaml', 'accuracy_threshold: 0.4\n', /belongs under validation/],
    ['mlops/pipeline.yml', 'stages: {}\n', /rename it to "mlops\/pipeline\.yaml"/],
  ])('in every file: %s %s', async (file, text, said) => {
    await expect(load({ [file]: text })).rejects.toMatchObject({
      ...{ code: 'invalid-config', facts: { file }, message: expect.stringMatching(said) },
    })
  })

  it('is checked in all files before anything is reported', async () => {
    const error = await load({
      [pipelinePath]: checks('regresion_check: true, latency: {}'),
      'dataset/config.yaml': 'projection: { inptu: text }\n',
    }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      facts: { file: pipelinePath, problems: [{ line: 2 }, { line: 2 }, { file: 'dataset/config.yaml', line: 1 }] },
    })
  })

  it('leaves a key that decides nothing a notice, and names the nearest one', async () => {
    const { notices } = await loadPipeline(
      'team: search\nstages: { deploy: { to: prod }, train: { config: { epoch: 1 } } }\n',
    )
    expect(notices.map(({ key, message }) => [key, /did you mean "(\w+)"/.exec(message)?.[1]])).toEqual([
      ['team', undefined],
      ['stages.deploy', undefined],
      ['stages.train.config.epoch', 'epochs'],
    ])
  })
})

describe('is refused with file, line and column', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
    .split('')
    .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`).join(',')}]`)
    .join('\n')}\npipeline: *h\n`

  it.each([
    ['a tab for indentation', 'pipeline:\n\tname: x\n', 2],
    ['a key twice', 'pipeline:\n  name: x\n  name: y\n', 3],
    ['a tag that makes a function', 'pipeline:\n  name: !!js/function "function () {}"\n', 2],
    ['a tag of somebody’s own', 'pipeline: !mine\n  name: x\n', 1],
    ['a bomb of aliases', bomb, undefined],
    ['an alias of nothing', 'pipeline: *nobody\n', 1],
    ['what is no YAML', 'pipeline: [\n', undefined],
    ['two documents', 'pipeline: { name: a }\n---\npipeline: { name: b }\n', undefined],
    ['a floor in per cent', 'stages:\n  validate_weights:\n    checks:\n      - accuracy_threshold: 15\n', 4],
    ['a floor that is a word', 'stages: { validate_weights: { checks: [ accuracy_threshold: high ] } }\n', 1],
    ['a floor that is no number', 'stages: { validate_weights: { checks: [ accuracy_threshold: .nan ] } }\n', 1],
    ['checks that are no list', 'stages:\n  validate_weights:\n    checks: yes please\n', 3],
    ['a list in the place of keys', 'pipeline: [name]\n', 1],
    ['no epochs', 'stages: { train: { config: { epochs: 0 } } }\n', 1],
    ['half an epoch', 'stages: { train: { config: { epochs: 1.5 } } }\n', 1],
    ['an infinite learning rate', 'stages: { train: { config: { learning_rate: .inf } } }\n', 1],
    ['an action that is none', 'triggers: { x: { action: launch } }\n', 1],
    ['a trigger that never fires', 'triggers: { x: { action: retrain } }\n', undefined],
    ['a trigger that only excludes', 'triggers: { x: { paths: ["!a"] } }\n', undefined],
    ...['/a', '~/a', '', '!', '{a', 'a\\b'].map((path): [string, string, number] => [
      `the path ${JSON.stringify(path)} of a trigger`,
      `triggers: { x: { paths: [a, ${JSON.stringify(path)}] } }\n`,
      1,
    ]),
    ...[
      ...['@daily', '* * * *', '* * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 7'],
      ...['*/0 * * * *', '5-1 * * * *', '1,,2 * * * *', '* * * * mo', '-1 * * * *', '*-3 * * * *', '? * * * *', ''],
    ].map((cron): [string, string, number] => [
      `the schedule ${JSON.stringify(cron)}`,
      `triggers: { x: { cron: ${JSON.stringify(cron)} } }\n`,
      1,
    ]),
    [
      'a margin that nobody understands',
      'stages: { validate_weights: { checks: [ regression_check: { by: 3 } ] } }\n',
      1,
    ],
    ['a file that is a word', 'hello\n', 1],
  ])('%s', async (_, text, line) => {
    const error = await loadPipeline(text).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (!isSheikhError(error, 'invalid-config'))
      throw new Error(`expected an invalid-config, and it is ${String(error)}`)
    expect(error.facts['file']).toBe(pipelinePath)
    if (line !== undefined) expect(error.facts).toMatchObject({ line, column: expect.any(Number) })
    expect(error.message).toMatch(/^Cannot use "mlops\/pipeline\.yaml"/)
  })

  it.each([
    [
      pipelinePath,
      'stages: { release: { targets: [{ directory: { path: "~/out" } }] } }',
      'targets.directory.path": "~/out"',
    ],
    [
      pipelinePath,
      'stages: { release: { targets: [{ directory: { path: "~" } }] } }',
      'targets.directory.path": "~" begins',
    ],
    ['mlops/training/config.yaml', 'model: { base: ~/base }', 'model.base": "~/base" begins'],
    ['mlops/training/config.yaml', 'data: { train_path: ~/mails }', 'data.train_path": "~/mails" begins'],
    ['mlops/training/config.yaml', 'output: { dir: ~/out }', 'output.dir": "~/out" begins'],
    ['dataset/config.yaml', 'validation: { schema_path: ~/x.json }', 'validation.schema_path": "~/x.json" begins'],
    ['dataset/config.yaml', 'projection: { input: ~/x.txt }', 'projection.input": "~/x.txt" begins'],
    [
      pipelinePath,
      'stages: { release: { targets: [{ s3: { address: "s3://abc", endpoint: "localhost:9000" } }] } }',
      's3.endpoint": "localhost:9000" has no scheme. Write http://localhost:9000',
    ],
  ])('a path with "~" or an address without a scheme: %s, %s', async (file, text, fact) => {
    const error = await load({ [file]: text }).catch((thrown) => thrown)
    expect(isSheikhError(error, 'invalid-config') && error.facts).toMatchObject({ file, line: 1 })
    expect(String(error)).toContain(fact)
  })

  it('bytes that are no UTF-8', async () => {
    await expect(loadPipeline(Buffer.from([0x70, 0x3a, 0x20, 0xff, 0xfe]))).rejects.toMatchObject({
      code: 'invalid-config',
    })
  })

  it('a file of 2 GB, unread', async () => {
    const root = project({ [pipelinePath]: '' })
    truncateSync(join(root, pipelinePath), 2 ** 31)
    await expect(loadConfiguration(root, context)).rejects.toMatchObject({ code: 'invalid-config' })
  })

  it('a link out of the project', async () => {
    const root = project({ 'mlops/.keep': '' })
    symlinkSync('/etc/hostname', join(root, pipelinePath))
    await expect(loadConfiguration(root, context)).rejects.toThrow(/symbolic link/)
  })

  it('a folder in the place of a file', async () => {
    await expect(load({ [`${pipelinePath}/x`]: '' })).rejects.toMatchObject({ code: 'invalid-config' })
  })
})

it('whatever the text: a configuration, or an error of ours', async () => {
  const root = project({})
  const piece = fc.oneof(
    fc.constantFrom(
      'stages',
      'pipeline',
      'checks',
      'validate_weights',
      ': ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '!!',
      '"',
      '#',
      '\t',
      '|',
      '>',
      '? ',
      '---',
      '__proto__',
      'constructor',
      '0x',
      '.nan',
      '%',
    ),
    anyText({ maxLength: 5 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
      write(root, pipelinePath, pieces.join(''))
      try {
        await loadConfiguration(root, context)
      } catch (error) {
        if (!isSheikhError(error, 'invalid-config')) throw error
      }
    }),
    { numRuns: rounds(400) },
  )
  expect(({} as Record<string, unknown>)['stages']).toBe(undefined)
})

describe('sheikh.config', () => {
  const loadHost = (files: Readonly<Record<string, string>>) => loadHostConfiguration(project(files))

  const makeStage = 'const stage = (name) => ({ contract: 1, name, reads: [], describe: () => null, run() {} })\n'

  it('is absent, or what its default export says, in TypeScript and in JavaScript', async () => {
    expect(await loadHost({})).toBe(undefined)
    const typed = 'const stages: readonly unknown[] = []\nexport default { stages, trainer: undefined as unknown }\n'
    expect(await loadHost({ 'sheikh.config.ts': typed })).toMatchObject({ stages: [] })
    expect(await loadHost({ 'sheikh.config.mjs': 'export default { stages: [] }\n' })).toMatchObject({ stages: [] })
  })

  it('is read anew after an edit', async () => {
    const root = project({ 'sheikh.config.mjs': `${makeStage}export default { stages: [stage('one')] }\n` })
    expect(await loadHostConfiguration(root)).toMatchObject({ stages: [{ name: 'one' }] })
    write(root, 'sheikh.config.mjs', `${makeStage}export default { stages: [stage('two')] }\n`)
    expect(await loadHostConfiguration(root)).toMatchObject({ stages: [{ name: 'two' }] })
  })

  it('is evaluated each time, with the modules of its own folder', async () => {
    const files = {
      'sheikh.config.mjs': `import { name } from './name.mjs'\n${makeStage}export default { stages: [stage(name)] }\n`,
      'name.mjs': 'export const name = import.meta.url\n',
    }
    const roots = [project(files), project(files)]
    const stagesOf = async (root: string) => (await loadHostConfiguration(root))?.stages ?? []
    for (const root of roots)
      expect(await stagesOf(root)).toMatchObject([{ name: pathToFileURL(join(root, 'name.mjs')).href }])
    expect((await stagesOf(roots[0]!))[0]).not.toBe((await stagesOf(roots[0]!))[0])
  })

  it('that is wrong names the file in its own folder, each time', async () => {
    const roots = [
      project({ 'sheikh.config.mjs': 'export default {{\n' }),
      project({ 'sheikh.config.mjs': 'export default {{\n' }),
    ]
    for (const root of roots)
      await expect(loadHostConfiguration(root)).rejects.toMatchObject({
        ...{ code: 'invalid-config', message: expect.stringContaining(root) },
      })
  })

  it.each(['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'])('is read as .%s', async (extension) => {
    const text = extension.startsWith('c') ? 'module.exports = { stages: [] }\n' : 'export default { stages: [] }\n'
    expect(await loadHost({ [`sheikh.config.${extension}`]: text })).toEqual({ stages: [] })
  })

  it('is one file', async () => {
    const text = 'export default {}\n'
    await expect(loadHost({ 'sheikh.config.ts': text, 'sheikh.config.js': text })).rejects.toMatchObject({
      ...{ code: 'invalid-config', message: expect.stringContaining('"sheikh.config.js" exists too') },
    })
  })

  it.each([
    ['no default export', 'export const trainer = {}\n', /no default export; write export default defineConfig/],
    ['an unknown member', 'export default { trianer: {} }\n', /"trianer"\. Did you mean "trainer"\?/],
    ['a member of no known name', 'export default { optimiser: {} }\n', /Known are trainer, checks/],
    ['a list in place of an object', 'export default { trainer: [] }\n', /"trainer" is a list/],
    ['an object in place of a list', 'export default { checks: {} }\n', /"checks" is not a list/],
    ['no checks', 'export default { checks: [] }\n', /nothing to decide by/],
    ['a check that is a word', 'export default { checks: ["accuracy"] }\n', /"checks\[0\]" is a string/],
    ['a check that was not called', 'export default { checks: [function atLeast() {}] }\n', /call it/],
    ['a check without a question', 'export default { checks: [{ name: "x", describe() {} }] }\n', /lacks examine\(\)/],
    [
      'a trainer that cannot load',
      'export default { trainer: { name: "x", describe() {}, fit() {} } }\n',
      /lacks load\(\)/,
    ],
    ['null', 'export default { releaser: null }\n', /"releaser" is null/],
    ['a promise', 'export default { source: Promise.resolve({}) }\n', /"source" is a promise/],
    ['a list', 'export default []\n', /not an object with trainer/],
  ])('is checked: %s', async (_, text, said) => {
    await expect(loadHost({ 'sheikh.config.js': text })).rejects.toMatchObject({
      ...{ code: 'invalid-config', facts: { file: 'sheikh.config.js' }, message: expect.stringMatching(said) },
    })
  })

  it.each([
    ['throws', 'throw new Error("no database")\n', /no database/],
    ['is no program', 'export default {\n', /sheikh\.config\.mjs/],
    ['exports a number', 'export default 3\n', /not an object/],
    ['imports what is not there', 'import "nowhere-to-be-found"\nexport default {}\n', /nowhere-to-be-found/],
  ])('that %s is an invalid-config', async (_, text, said) => {
    await expect(loadHost({ 'sheikh.config.mjs': text })).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(said),
    })
  })
})
