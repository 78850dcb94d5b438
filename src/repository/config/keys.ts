import * as z from 'zod'
import { addressProblem, candidateName, mainCandidate, mostCandidates, tildeProblem } from '../../core/index.js'
import { globMatcher } from '../../dataset/index.js'
import { isVersion } from '../../releaser/index.js'
import { cronProblem, fiveFields } from './cron.js'
import { durationPattern } from './duration.js'
import { ensembleProblem, ensembleType } from './ensemble-keys.js'
import { featuresType } from './feature-keys.js'
import { hubDataProblem, isHubAddress } from './hub-data.js'
import { learnActions } from './learn-configuration.js'
import { metricNames, metricPattern, metricsFor } from './metric-names.js'
import { addressOrSecret, eventNames, issueEventNames } from './notification-keys.js'
import { qualityTypes } from './quality-keys.js'
import { samplesOf, samplesOfPatterns, whySamples } from './samples-path.js'
import { triggerActions } from './trigger-configuration.js'
import { ashaResources } from './tuning-configuration.js'
import { type Values, valuesAt } from './values.js'

/** The values that a key takes, and whether they have an effect. */
export type Keys =
  | {
      readonly kind: 'value'
      readonly type: z.ZodType
      readonly honoured: Honoured
      readonly decides?: true
      /** Why a value of the type cannot be used beside the other values of the file. */
      readonly problem?: (value: unknown, file: Values) => string | undefined
    }
  /** `decides`: the group decides what is released, so an unknown key or a missing value in it is an error. */
  | { readonly kind: 'group'; readonly keys: Readonly<Record<string, Keys>>; readonly decides?: true }
  /** Names that people choose, with the same keys under each. */
  | { readonly kind: 'map'; readonly each: Keys }
  /** `once`: a key appears in one entry at most. */
  | { readonly kind: 'list'; readonly each: Keys; readonly once?: true }
  /** Documentation: kept, never looked into. */
  | { readonly kind: 'free' }

/** Whether something comes of a value in this file; a text says of which part nothing does. */
type Honoured = (value: unknown, file: Values) => boolean | string

const text = z.string().max(10_000)
/** A text that a function finds no problem in. */
const sound = (problemOf: (value: string) => string | undefined, type = text.min(1)) =>
  type.superRefine((value, checked) => {
    const message = problemOf(value)
    if (message !== undefined) checked.addIssue({ code: 'custom', message })
  })
const path = sound(tildeProblem)
const flag = z.boolean()
const ratioError = 'expected a number from 0 to 1, such as 0.15'
const ratio = z.number(ratioError).min(0, ratioError).max(1, ratioError)
const count = z.number().int().min(1).max(1e9)
const positive = z.number().positive().max(1e9)
const scalar = z.union([text, z.number(), flag, z.null()])

const honoured = (type: z.ZodType): Keys & { kind: 'value' } => ({ kind: 'value', type, honoured: () => true })
/** Accepted, since public repositories use it; what is not of `honoured` is said to be without effect. */
const accepted = (type: z.ZodType = scalar, honoured?: z.ZodType): Keys => ({
  kind: 'value',
  type,
  honoured: (value) => honoured?.safeParse(value).success ?? false,
})
const group = (keys: Readonly<Record<string, Keys>>): Keys => ({ kind: 'group', keys })
const list = (each: Keys): Keys => ({ kind: 'list', each })
/** A group in which an unknown key or a missing value is an error. */
const deciding = (keys: Readonly<Record<string, Keys>>): Keys => ({ kind: 'group', keys, decides: true })
const targetsDecide = 'stages.release.targets of mlops/pipeline.yaml decide where releases go'
const decidedElsewhere = (type: z.ZodType): Keys => ({
  ...{ kind: 'value', type },
  honoured: () => targetsDecide,
})

// As Git takes it for a remote or a branch, and never for an option.
const gitName = text.regex(/^(?!.*\.lock(\/|$))\w[\w-]*([./]\w[\w-]*)*$/)

const flagOr = (example: string, type: z.ZodType): Keys =>
  honoured(z.union([flag, type], { error: `expected true, false or ${example}` }))

const checkKeys = {
  accuracy_threshold: honoured(ratio),
  beats_majority: honoured(flag),
  regression_check: flagOr('{ margin: 0.02 }, the margin from 0 to 1', z.strictObject({ margin: ratio })),
  weight_integrity: honoured(flag),
  no_new_failures: flagOr('{ allowed: 0 }', z.strictObject({ allowed: z.number().int().min(0) })),
  improves: honoured(flag),
  calibration: flagOr('{ maximum_error: 0.1 }, the error from 0 to 1', z.strictObject({ maximum_error: ratio })),
  latency: honoured(z.strictObject({ maximum_ms: positive, quantile: ratio.optional() })),
  size: honoured(z.strictObject({ maximum_bytes: count })),
}

export const pipelineKeys = group({
  pipeline: group({ name: honoured(text.min(1)), version: accepted(z.union([text, z.number()])) }),
  triggers: {
    kind: 'map',
    each: deciding({
      paths: honoured(z.array(sound(patternProblem)).min(1)),
      cron: honoured(
        sound(
          cronProblem,
          text.regex(
            fiveFields,
            'expected five fields (minute, hour, day of the month, month, day of the week), such as "0 3 * * 1"',
          ),
        ),
      ),
      drift: honoured(
        z.strictObject({
          feedback: path,
          window: text.regex(durationPattern, 'expected a period such as 12h, 7d or 2w').optional(),
          minimum_effect: ratio.optional(),
          level: z.number().gt(0).lt(1).optional(),
        }),
      ),
      action: honoured(z.enum(triggerActions)),
    }),
  },
  stages: group({
    validate: group({
      // Schema and prompts are always checked.
      steps: honoured(z.array(z.enum(['validate_schema', 'check_data_quality', 'validate_prompts']))),
      on_failure: accepted(text),
    }),
    train: group({
      depends_on: accepted(z.union([text, z.array(text)])),
      config: group({
        base_model: accepted(text),
        learning_rate: honoured(positive),
        batch_size: honoured(count),
        epochs: honoured(count),
        gradient_accumulation: honoured(count),
      }),
      resources: group({ gpu: accepted(), memory: accepted() }),
      outputs: accepted(z.array(scalar)),
    }),
    validate_weights: deciding({
      depends_on: accepted(z.union([text, z.array(text)])),
      checks: {
        ...{ kind: 'list', once: true },
        each: deciding({ ...checkKeys, benchmark_suite: honoured(z.array(text.min(1)).min(1)) }),
      },
      on_failure: honoured(z.enum(['rollback', 'notify'])),
      when_inconclusive: honoured(z.enum(['ask', 'hold', 'release'])),
      maximum_evaluations: honoured(z.number().int().min(1).max(10_000)),
    }),
    release: deciding({
      depends_on: accepted(z.union([text, z.array(text)])),
      targets: list(
        deciding({
          directory: deciding({ path: honoured(path) }),
          huggingface: deciding({
            repo: honoured(text.min(1)),
            type: honoured(z.enum(['model', 'dataset'])),
            create: honoured(z.enum(['private', 'public'])),
            tag_format: honoured(text),
            license: honoured(text.min(1)),
          }),
          github: deciding({ release: honoured(flag), repo: honoured(text.min(1)), tag_format: honoured(text) }),
          s3: deciding({
            address: honoured(text.min(1)),
            endpoint: honoured(sound((value) => addressProblem(value, 'https://s3.example.com'))),
            region: honoured(text.min(1)),
          }),
        }),
      ),
      channel: honoured(text),
      versioning: deciding({
        strategy: honoured(z.enum(['semver', 'semantic'])),
        auto_increment: honoured(z.union([z.literal(true), z.enum(['patch', 'minor', 'major'])])),
        prerelease: honoured(text.min(1)),
      }),
    }),
    continuous_learn: group({
      depends_on: accepted(z.union([text, z.array(text)])),
      actions: honoured(z.array(z.enum(learnActions))),
      feedback: honoured(path),
    }),
  }),
  notifications: group({
    slack: group({ webhook: honoured(sound(addressOrSecret)), events: honoured(eventNames) }),
    email: group({
      recipients: honoured(z.union([text.min(1), z.array(text.min(1)).min(1)])),
      from: honoured(text.min(1)),
      smtp: honoured(text.min(1)),
      events: honoured(eventNames),
    }),
    webhook: group({
      url: honoured(sound(addressOrSecret)),
      secret: honoured(text.min(1)),
      events: honoured(eventNames),
    }),
    github_issue: group({
      events: honoured(issueEventNames),
      labels: honoured(z.array(text.min(1).max(50)).min(1)),
    }),
  }),
  artifacts: group({
    storage: deciding({ provider: accepted(text), retention_days: honoured(positive), keep_last: honoured(count) }),
    checkpoints: group({
      save_frequency: accepted(scalar, z.union([count, z.literal('epoch')])),
      keep_last: honoured(count),
    }),
  }),
  ledger: deciding({ remote: honoured(z.union([z.literal(false), gitName])), branch: honoured(gitName) }),
})

function knownTrackers(value: unknown): true | string {
  const unknown = [value].flat().filter((name) => !['none', 'tensorboard', 'mlflow'].includes(name as string))
  return unknown.length === 0 || `${unknown.join(', ')} is told nothing: there are tensorboard and mlflow`
}

function knownMetrics(value: unknown, file: Values): true | string {
  const { measured, others } = metricsFor(value as readonly string[], valuesAt(file, 'model'))
  const known = metricNames.filter((name) => metricsFor([name], valuesAt(file, 'model')).measured.length > 0)
  if (others.length === 0) return true
  return `${others.join(', ')} is not measured${measured.length > 0 ? ', the others are' : ''}: of this model there are ${known.join(', ')}`
}

function isPattern(path: string): boolean {
  try {
    globMatcher(path)
    return true
  } catch {
    return false
  }
}

const patternError = 'not a path or a glob of at most 1,000 characters, its braces closed'
const glob = sound((pattern) => (isPattern(pattern) ? undefined : patternError))

/** What is wrong with patterns for samples. */
function samplesProblem(patterns: readonly string[]): string | undefined {
  const [first] = patterns
  if (patterns.length === 1 && isHubAddress(first!)) return hubDataProblem(first!)
  if (patterns.some(isHubAddress)) return 'a dataset of the Hub cannot be one of several: write samples: hf:datasets/…'
  const found = samplesOfPatterns(patterns)
  if (typeof found === 'string') return found
  return isPattern(found.pattern ?? '') ? undefined : 'the patterns have more than 1,000 characters together'
}

/** What is wrong with a pattern for changed files. */
function patternProblem(pattern: string): string | undefined {
  const plain = pattern.replace(/^!/, '')
  if (!isPattern(plain)) return patternError
  if (plain.includes('\\')) return 'expected a path or a glob with "/", not with "\\"'
  const isRelative = plain !== '' && !/^[/~]/.test(plain)
  return isRelative ? undefined : 'expected a path or a glob relative to the project, such as "dataset/**"'
}

/** Honoured where `mlops/pipeline.yaml` names no target. */
export const targetKeys: ReadonlySet<string> = new Set(['output.dir', 'output.push_to_hub', 'output.hub_repo'])
/** Honoured where releases go to the Hub. */
export const cardKey = 'output.model_name'

/** Of a language model: for another architecture nothing comes of them. */
export const llamaKeys: ReadonlySet<string> = new Set([
  ...['base', 'base_digest', 'from_scratch', 'answer'].map((key) => `model.${key}`),
  ...['lora', 'maximum_length', 'packing', 'completion_only', 'dtype'].map((key) => `training.${key}`),
])

export const validationKeys = group({ validation: deciding(checkKeys) })

/** The settings of a training that mlops/tuning.yaml can search. */
const tunable = {
  learning_rate: positive,
  weight_decay: z.number().min(0).max(1e3),
  warmup_ratio: ratio,
  max_grad_norm: positive,
  per_device_train_batch_size: count,
  gradient_accumulation_steps: count,
  num_train_epochs: count,
  max_steps: count,
  lr_scheduler_type: z.enum(['linear', 'cosine', 'constant']),
  early_stopping_patience: count,
  maximum_length: count,
  packing: flag,
  completion_only: flag,
} as const

export const tunableSettings: readonly string[] = Object.keys(tunable)

const seed = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** Further candidates by name: what each of them has otherwise than `training`. */
const candidatesType = z
  .record(z.string(), z.strictObject({ ...tunable, seed }).partial())
  .superRefine((candidates, checked) => {
    const names = Object.keys(candidates)
    const problem = (message: string) => checked.addIssue({ code: 'custom', message })
    const odd = names.find((name) => !candidateName.test(name))
    if (odd !== undefined)
      problem(`a name has 1 to 40 of a-z, 0-9 and "-", and begins with a letter, unlike ${JSON.stringify(odd)}`)
    if (Object.hasOwn(candidates, mainCandidate))
      problem(
        `the candidate with the settings of "training" is called ${JSON.stringify(mainCandidate)}; choose another name`,
      )
    if (names.length >= mostCandidates) problem(`expected at most ${mostCandidates - 1} names, not ${names.length}`)
  })

const isOfNumbers = (type: z.ZodType) => type.safeParse(1).success
const isOfIntegers = (type: z.ZodType) => isOfNumbers(type) && !type.safeParse(0.5).success
/** Whether a setting of `training` takes integers only. */
export const isIntegerSetting = (key: string): boolean =>
  Object.hasOwn(tunable, key) && isOfIntegers(tunable[key as keyof typeof tunable])

/** What a search tries of a setting: listed values, or for numbers a range. */
function searched(type: z.ZodType): z.ZodType {
  const values = z.array(type).min(1).max(1000)
  if (!isOfNumbers(type)) return values
  const range = z
    .strictObject({
      low: type as z.ZodType<number>,
      high: type as z.ZodType<number>,
      log: flag.optional(),
      step: (isOfIntegers(type) ? count : positive).optional(),
    })
    .superRefine(({ low, high, log }, checked) => {
      const problem = (message: string) => checked.addIssue({ code: 'custom', message })
      if (low > high) problem(`the low end ${low} is above the high end ${high}`)
      if (log === true && low <= 0) problem(`the low end ${low} has no logarithm; give one above 0, or remove "log"`)
    })
  return z.union([values, range])
}

export const tuningKeys = group({
  tuning: deciding({
    trials: honoured(z.number().int().min(1).max(100_000)),
    parallel: honoured(z.number().int().min(1).max(1000)),
    workers: honoured(z.number().int().min(1).max(1000)),
    sampler: honoured(z.enum(['tpe', 'random', 'grid'])),
    metric: honoured(text.regex(metricPattern, `expected a metric: ${metricNames.join(', ')}`)),
    name: honoured(text.regex(/^[a-z0-9-]{1,100}$/, 'expected lower-case letters, digits and "-"')),
    asha: honoured(
      z
        .strictObject({
          resource: z.enum(ashaResources).optional(),
          min: count,
          max: count,
          reduction: z.number().int().min(2).max(1000).optional(),
        })
        .superRefine(({ min, max, reduction = 3 }, checked) => {
          const message = `the "max" ${max} is less than ${reduction} times "min", ${min}`
          if (max < reduction * min) checked.addIssue({ code: 'custom', message })
        }),
    ),
  }),
  space: deciding(Object.fromEntries(Object.entries(tunable).map(([key, type]) => [key, honoured(searched(type))]))),
})

export const trainingKeys = group({
  model: group({
    base: accepted(sound(tildeProblem, text)),
    base_digest: accepted(text.regex(/^sha256:[0-9a-f]{64}$/)),
    from_scratch: accepted(flag),
    architecture: { ...honoured(text.min(1)), decides: true },
    answer: accepted(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('choice'), choices: z.array(text.min(1)).min(2).max(1000) }),
        z.strictObject({
          kind: z.literal('text'),
          maximum_new_tokens: count.optional(),
          temperature: z.number().min(0).max(100).optional(),
          top_k: count.optional(),
          top_p: ratio.optional(),
          stop: z.array(text.min(1)).optional(),
        }),
      ]),
    ),
  }),
  data: group({
    train_path: {
      kind: 'value',
      type: path.refine(isPattern, patternError),
      honoured: (path) => samplesOf(path) !== undefined || whySamples,
    },
    validation_split: honoured(z.number().min(0).max(0.9)),
    // -1 and null: no limit.
    max_samples: accepted(scalar, z.union([count, z.literal(-1), z.null()])),
    categories: honoured(z.array(text.min(1))),
  }),
  training: group({
    learning_rate: honoured(positive),
    weight_decay: honoured(tunable.weight_decay),
    warmup_ratio: honoured(tunable.warmup_ratio),
    max_grad_norm: honoured(tunable.max_grad_norm),
    per_device_train_batch_size: honoured(tunable.per_device_train_batch_size),
    per_device_eval_batch_size: honoured(count),
    gradient_accumulation_steps: honoured(tunable.gradient_accumulation_steps),
    num_train_epochs: honoured(tunable.num_train_epochs),
    // -1: no limit, as transformers writes it.
    max_steps: honoured(z.union([tunable.max_steps, z.literal(-1)])),
    optim: accepted(text, z.enum(['adamw', 'adamw_torch', 'adamw_hf'])),
    lr_scheduler_type: honoured(tunable.lr_scheduler_type),
    // Arithmetic is float32 on every device.
    fp16: accepted(flag, z.literal(false)),
    bf16: accepted(flag, z.literal(false)),
    lora: accepted(
      z.strictObject({
        rank: count.optional(),
        alpha: positive.optional(),
        targets: z.array(text).optional(),
        merge: flag.optional(),
      }),
    ),
    maximum_length: accepted(tunable.maximum_length),
    packing: accepted(tunable.packing),
    completion_only: accepted(tunable.completion_only),
    dtype: accepted(z.enum(['F32', 'F16', 'BF16'])),
    save_strategy: accepted(text, z.enum(['no', 'steps', 'epoch'])),
    save_steps: accepted(z.number(), count),
    save_total_limit: honoured(count),
    early_stopping_patience: honoured(tunable.early_stopping_patience),
    evaluation_strategy: accepted(text, z.enum(['epoch', 'steps'])),
    eval_steps: accepted(z.number(), count),
    logging_steps: accepted(z.number(), count),
    report_to: { kind: 'value', type: z.union([text, z.array(text)]), honoured: knownTrackers },
    warm_start: group({
      version: honoured(z.string().refine(isVersion, 'not a version such as 1.2.0')),
      digest: honoured(text.regex(/^sha256:[0-9a-f]{64}$/)),
      replay_share: honoured(ratio),
    }),
    device: honoured(z.enum(['auto', 'cuda', 'native', 'webgpu', 'wasm', 'js'])),
    seed: honoured(seed),
  }),
  candidates: { ...honoured(candidatesType), decides: true },
  ensemble: { ...honoured(ensembleType(tunable)), decides: true, problem: ensembleProblem },
  validation: group({
    metrics: { kind: 'value', type: z.array(text), honoured: knownMetrics },
    benchmarks: list(deciding({ name: honoured(text.min(1)), threshold: honoured(ratio) })),
  }),
  output: group({
    dir: decidedElsewhere(path),
    model_name: {
      kind: 'value',
      type: text.min(1),
      honoured: () => 'it heads the card on the Hub, and none goes there',
    },
    push_to_hub: decidedElsewhere(flag),
    hub_repo: {
      ...{ kind: 'value', type: text.min(1) },
      honoured: (_, file) =>
        valuesAt(file, 'output')['push_to_hub'] === true ? targetsDecide : 'output.push_to_hub is not true',
    },
    export: honoured(z.array(z.enum(['onnx']))),
  }),
})

const free: Keys = { kind: 'free' }

export const datasetKeys = group({
  dataset: group({
    name: free,
    version: free,
    description: free,
    source: free,
    license: free,
    total_samples: accepted(count),
  }),
  categories: {
    kind: 'map',
    each: group({
      sample_count: accepted(z.number()),
      percentage: accepted(z.number()),
      subcategories: free,
      description: free,
      source: honoured(text),
      license: honoured(text),
    }),
  },
  validation: group({
    schema_path: { ...honoured(path), decides: true },
    strict_mode: accepted(flag),
    check_image_paths: accepted(flag),
  }),
  quality: deciding(Object.fromEntries(Object.entries(qualityTypes).map(([name, type]) => [name, honoured(type)]))),
  projection: deciding({
    id: honoured(text.min(1)),
    input: honoured(path),
    target: honoured(text.min(1)),
    group: honoured(text.min(1)),
    slices: honoured(z.array(text.min(1))),
  }),
  samples: {
    ...honoured(
      z.union([
        sound((pattern) => (isHubAddress(pattern) || isPattern(pattern) ? samplesProblem([pattern]) : patternError)),
        z
          .array(glob)
          .min(1)
          .max(20)
          .superRefine((patterns, checked) => {
            const message = samplesProblem(patterns)
            if (message !== undefined) checked.addIssue({ code: 'custom', message })
          }),
      ]),
    ),
    decides: true,
  },
  features: { ...honoured(featuresType), decides: true },
  files: { ...honoured(z.array(text.min(1).max(1_000)).min(1).max(100)), decides: true },
  prompts: deciding({
    limits: deciding({
      steps: honoured(z.number().int().min(1).max(1e12)),
      characters: honoured(z.number().int().min(1).max(5e8)),
      total_characters: honoured(z.number().int().min(1).max(1e15)),
      seconds: honoured(z.number().positive().max(86_400)),
    }),
  }),
  csv: deciding({
    separator: honoured(text.length(1)),
    quote: honoured(text.max(1)),
    charset: honoured(z.enum(['utf-8', 'utf-16', 'latin1', 'windows-1252'])),
  }),
})
