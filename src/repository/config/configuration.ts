import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import type { CsvOptions, FeatureJoin, QualityOptions, TrainingSelection } from '../../dataset/index.js'
import type { Benchmark, LatencyOptions } from '../../gate/index.js'
import type { RenderLimits } from '../../prompts/index.js'
import { pipelineFile, trainingFile, tuningFile } from '../layout.js'
import { type EnsembleConfiguration, ensembleOf } from './ensemble-keys.js'
import { featuresOf } from './feature-keys.js'
import { hubDataOf, type PinnedHubData } from './hub-data.js'
import {
  cardKey,
  datasetKeys,
  isIntegerSetting,
  llamaKeys,
  pipelineKeys,
  targetKeys,
  trainingKeys,
  tuningKeys,
  validationKeys,
} from './keys.js'
import { type LearnConfiguration, learnOf } from './learn-configuration.js'
import { metricsFor } from './metric-names.js'
import { type NotificationsConfiguration, notificationsOf } from './notification-keys.js'
import { qualityOf, tokenizerOf } from './quality-keys.js'
import { invalidConfig, type Notice, type Problem, readYaml, type YamlFile } from './read-yaml.js'
import { outputTargets, type ReleaseConfiguration, releaseOf, targetsOf } from './release-configuration.js'
import { type SamplesPath, samplesOf, samplesOfPatterns } from './samples-path.js'
import { type TrainingConfiguration, trainingOf } from './training-configuration.js'
import { type TriggerConfiguration, triggersOf } from './trigger-configuration.js'
import { type TuningConfiguration, tuningOf } from './tuning-configuration.js'
import { countOf, firstNumber, listOf, textOf, type Values, valuesAt } from './values.js'

/** The checks that are asked, and how. What is absent is not asked. */
export interface GateConfiguration {
  /** Better than always answering the most frequent label. @default true, if no other basic check is named */
  readonly beatsMajority?: true | undefined
  readonly accuracyFloor?: number | undefined
  /** @default 0.02 */
  readonly regressionMargin?: number | undefined
  readonly weightIntegrity: boolean
  readonly newFailuresAllowed?: number | undefined
  readonly improves: boolean
  readonly calibrationError?: number | undefined
  readonly latency?: LatencyOptions | undefined
  readonly maximumBytes?: number | undefined
  readonly benchmarks: readonly Benchmark[]
  readonly whenInconclusive: 'ask' | 'hold' | 'release'
  readonly onFailure?: 'rollback' | 'notify' | undefined
  /** How many candidates one evaluation set may judge. */
  readonly maximumEvaluations?: number | undefined
  /** Measured and reported, as `metricNamed` has them; nothing is asked of them. @default none */
  readonly metrics?: readonly string[] | undefined
}

/** What a project's YAML files decide, resolved. */
export interface Configuration {
  readonly pipeline: { readonly name: string }
  readonly gate: GateConfiguration
  readonly training: TrainingConfiguration
  /** Further candidates of each run: the settings under `training` that each has otherwise, by name. @default none */
  readonly candidates?: Readonly<Record<string, Values>> | undefined
  /** Several models that answer as one. @default one model */
  readonly ensemble?: EnsembleConfiguration | undefined
  readonly dataset: {
    /** Below the project's folder, wherever the file means it to be. */
    readonly schemaPath?: string | undefined
    /** How CSV and TSV files are written. @default recognized */
    readonly csv?: CsvOptions | undefined
    /** Limits for rendering a template. @default `RenderLimits` */
    readonly promptLimits?: Partial<RenderLimits> | undefined
    readonly developmentShare?: number | undefined
    readonly training?: TrainingSelection | undefined
    /** @default 'dataset/samples' */
    readonly samples?: SamplesPath | undefined
    /** What samples are joined to. Paths are relative to the project. @default nothing */
    readonly features?: FeatureJoin | undefined
    /** Fields of samples that contain paths below `dataset/`. @default samples name no files */
    readonly files?: readonly string[] | undefined
    /** Samples on the Hub. `samples` is absent then. */
    readonly hub?: PinnedHubData | undefined
    /** As its configuration says it, for people. */
    readonly license?: string | undefined
    /** What `sheikh data check` looks for. */
    readonly quality: QualityOptions
    /** The folder of the tokenizer that counts tokens. @default that of the base model */
    readonly tokenizer?: string | undefined
    /** Whether a run looks for it too: `check_data_quality` among the steps. */
    readonly isQualityChecked: boolean
    readonly projection: {
      readonly id?: string
      readonly input: string
      readonly target: string
      readonly group?: string
      readonly slices?: readonly string[]
    }
  }
  /** Absent: the file says nothing of it. */
  readonly ledger?: {
    /** Of Git's configuration; `false`: the branch stays in this clone. @default 'origin' where there is one */
    readonly remote?: string | false | undefined
    /** @default 'sheikh-ledger' */
    readonly branch?: string | undefined
  }
  readonly release: ReleaseConfiguration
  readonly triggers: readonly TriggerConfiguration[]
  readonly learning: LearnConfiguration
  /** Absent: nothing is searched. */
  readonly tuning?: TuningConfiguration | undefined
  /** Absent: nobody is notified. */
  readonly notifications?: NotificationsConfiguration | undefined
  /** The values of each file that decides a release, as they are in it. */
  readonly files: readonly { readonly file: string; readonly value: Readonly<Record<string, unknown>> }[]
  readonly notices: readonly Notice[]
}

/** Reads `mlops/` and `dataset/config.yaml`. An absent file is an empty one. @throws `invalid-config`. */
export async function loadConfiguration(root: string, context: CallContext): Promise<Configuration> {
  context.signal.throwIfAborted()
  const pipeline = await readYaml(root, pipelineFile, pipelineKeys)
  const training = await readYaml(root, trainingFile, trainingKeys)
  const dataset = await readYaml(root, 'dataset/config.yaml', datasetKeys)
  const tuning = await readYaml(root, tuningFile, tuningKeys)
  const validation: YamlFile[] = []
  for (const name of await yamlNames(join(root, 'mlops/validation')))
    validation.push(await readYaml(root, `mlops/validation/${name}`, validationKeys))

  refuseProblems([pipeline, training, dataset, tuning, ...validation].flatMap(({ problems }) => problems))

  const stage = (name: string): Values => valuesAt(pipeline.value, 'stages', name)
  const model = valuesAt(training.value, 'model')
  const isLlama = model['architecture'] === 'llama'
  const data = valuesAt(training.value, 'data')
  const output = valuesAt(training.value, 'output')
  const projection = valuesAt(dataset.value, 'projection')
  const csv = valuesAt(dataset.value, 'csv')
  const limits = valuesAt(dataset.value, 'prompts', 'limits')
  const named = targetsOf(stage('release'), pipeline.file)
  const release = releaseOf(
    stage('release'),
    valuesAt(pipeline.value, 'artifacts', 'storage'),
    named.length > 0 ? named : outputTargets(output, training.file),
    textOf(output['model_name']),
  )
  const pushes = output['push_to_hub'] === true
  const isOutput = (key: string) =>
    key === cardKey
      ? release.targets.some(({ kind }) => kind === 'huggingface')
      : targetKeys.has(key) && named.length === 0 && (pushes || key !== 'output.hub_repo')
  return {
    pipeline: { name: (valuesAt(pipeline.value, 'pipeline')['name'] as string | undefined) ?? 'sheikh' },
    gate: {
      ...gateOf([
        ...listOf(stage('validate_weights')['checks']),
        ...validation.map(({ value }) => valuesAt(value, 'validation')),
      ]),
      benchmarks: benchmarksOf(listOf(stage('validate_weights')['checks']), valuesAt(training.value, 'validation')),
      whenInconclusive: (stage('validate_weights')['when_inconclusive'] as 'ask' | undefined) ?? 'ask',
      onFailure: stage('validate_weights')['on_failure'] as 'rollback' | 'notify' | undefined,
      maximumEvaluations: stage('validate_weights')['maximum_evaluations'] as number | undefined,
      metrics: metricsOf(valuesAt(training.value, 'validation')['metrics'], model),
    },
    training: trainingOf(training.value, pipeline.value),
    candidates: candidatesOf(training, isLlama),
    ...('ensemble' in training.value && { ensemble: ensembleOf(valuesAt(training.value, 'ensemble')) }),
    dataset: {
      ...(Object.keys(csv).length > 0 && { csv: csv as CsvOptions }),
      ...(Object.keys(limits).length > 0 && { promptLimits: promptLimitsOf(limits) }),
      schemaPath: schemaPathOf(root, textOf(valuesAt(dataset.value, 'validation')['schema_path'])),
      developmentShare: firstNumber(data['validation_split']),
      training: selectionOf(data),
      ...samplesIn(dataset.value['samples'], data['train_path']),
      features: featuresOf(dataset.value['features']),
      ...filesIn(dataset.value),
      license: textOf(valuesAt(dataset.value, 'dataset')['license']),
      quality: qualityOf(dataset.value),
      tokenizer: tokenizerOf(dataset.value),
      isQualityChecked: ((stage('validate')['steps'] ?? []) as readonly string[]).includes('check_data_quality'),
      projection: { input: 'text', target: 'label', ...(projection as object) },
    },
    ...('ledger' in pipeline.value && { ledger: ledgerOf(valuesAt(pipeline.value, 'ledger')) }),
    release,
    triggers: triggersOf(valuesAt(pipeline.value, 'triggers'), pipeline.file),
    learning: learnOf(stage('continuous_learn')),
    tuning: tuningOf(tuning.value, isIntegerSetting),
    ...('notifications' in pipeline.value && {
      notifications: notificationsOf(valuesAt(pipeline.value, 'notifications')),
    }),
    files: [pipeline, training, dataset, ...validation].map(({ file, value }) => ({ file, value })),
    notices: [pipeline, training, dataset, tuning, ...validation]
      .flatMap(({ notices }) => notices)
      .filter(({ key }) => !(isLlama && llamaKeys.has(key)) && !isOutput(key)),
  }
}

/** @throws `invalid-config` for settings that only a language model has. */
function candidatesOf(
  { file, value }: Pick<YamlFile, 'file' | 'value'>,
  isLlama: boolean,
): Configuration['candidates'] {
  const candidates = value['candidates'] as Configuration['candidates']
  for (const [name, settings] of Object.entries(candidates ?? {})) {
    const idle = isLlama ? [] : Object.keys(settings).filter((key) => llamaKeys.has(`training.${key}`))
    if (idle.length > 0)
      throw invalidConfig(file, `only a language model has ${idle.join(', ')} of "candidates.${name}"; remove it`)
  }
  return candidates
}

/** A configuration with other values under `training` of mlops/training/config.yaml. The values are those of a checked space. */
export function withTrainingSettings(configuration: Configuration, settings: Values): Configuration {
  const [pipeline, training] = [pipelineFile, trainingFile].map(
    (name) => configuration.files.find(({ file }) => file === name)?.value ?? {},
  ) as [Values, Values]
  const changed = { ...training, training: { ...valuesAt(training, 'training'), ...settings } }
  return { ...configuration, training: trainingOf(changed, pipeline) }
}

function samplesIn(named: unknown, trainPath: unknown): Pick<Configuration['dataset'], 'hub' | 'samples'> {
  const hub = hubDataOf(Array.isArray(named) && named.length === 1 ? named[0] : named)
  return hub === undefined ? { samples: samplesNamed(named) ?? samplesOf(trainPath) } : { hub }
}

function filesIn({ files, samples }: Values): Pick<Configuration['dataset'], 'files'> {
  if (files === undefined || files === null) return {}
  if (samplesIn(samples, undefined).hub !== undefined)
    throw new SheikhError(
      'invalid-config',
      'Cannot use "dataset/config.yaml": "files" names fields of samples on the Hub, but only files of this repository are checked. Copy the dataset into the project: sheikh import-data hf:datasets/…',
      { facts: { file: 'dataset/config.yaml' } },
    )
  return { files: files as readonly string[] }
}

function promptLimitsOf({ total_characters, ...others }: Values): Partial<RenderLimits> {
  return { ...others, ...(total_characters !== undefined && { totalCharacters: total_characters as number }) }
}

/** The keys are checked, so the patterns have a folder. */
function samplesNamed(value: unknown): SamplesPath | undefined {
  if (value === undefined || value === null) return undefined
  const found = samplesOfPatterns(typeof value === 'string' ? [value] : (value as readonly string[]))
  return typeof found === 'string' ? undefined : found
}

/** Later files decide over earlier ones; a project that asks for none of its own gets the three that are always worth asking. */
function gateOf(
  checks: readonly Values[],
): Omit<GateConfiguration, 'whenInconclusive' | 'benchmarks' | 'maximumEvaluations' | 'onFailure'> {
  const asked = Object.assign({}, ...checks) as Values
  const basicChecks = ['accuracy_threshold', 'beats_majority', 'regression_check', 'weight_integrity']
  const none = basicChecks.every((name) => asked[name] === undefined)
  const basic = none
    ? { beatsMajority: true as const, regressionMargin: 0.02, weightIntegrity: true }
    : {
        ...(asked['beats_majority'] === true && { beatsMajority: true as const }),
        accuracyFloor: asked['accuracy_threshold'] as number | undefined,
        regressionMargin: numberOf(asked['regression_check'], 'margin', 0.02),
        weightIntegrity: asked['weight_integrity'] === true,
      }
  const latency = asked['latency'] as { readonly maximum_ms: number; readonly quantile?: number } | undefined
  return {
    ...basic,
    newFailuresAllowed: numberOf(asked['no_new_failures'], 'allowed', 0),
    improves: asked['improves'] === true,
    calibrationError: numberOf(asked['calibration'], 'maximum_error', 0.1),
    ...(latency !== undefined && { latency: { maximumMs: latency.maximum_ms, quantile: latency.quantile } }),
    maximumBytes: numberOf(asked['size'], 'maximum_bytes', Number.NaN),
  }
}

/** `true` is the default, an object names the number; anything else does not ask. */
function numberOf(value: unknown, name: string, otherwise: number): number | undefined {
  if (typeof value === 'object' && value !== null) return (value as Readonly<Record<string, number>>)[name]
  return value === true ? otherwise : undefined
}

/** Those that the pipeline names, with the thresholds of the training configuration; all of these where it names none. */
function benchmarksOf(checks: readonly Values[], validation: Values): readonly Benchmark[] {
  const known = listOf(validation['benchmarks']).flatMap(({ name, threshold }) =>
    typeof name === 'string' ? [{ name, threshold: threshold as number | undefined }] : [],
  )
  const named = checks.flatMap((check) => (check['benchmark_suite'] as readonly string[] | undefined) ?? [])
  if (named.length === 0) return known
  return [...new Set(named)].map((name) => known.find((benchmark) => benchmark.name === name) ?? { name })
}

const ledgerOf = ({ remote, branch }: Values): NonNullable<Configuration['ledger']> => ({
  ...((remote === false || typeof remote === 'string') && { remote }),
  ...(typeof branch === 'string' && { branch }),
})

function metricsOf(names: unknown, model: Values): readonly string[] | undefined {
  const { measured } = metricsFor((names ?? []) as readonly string[], model)
  return measured.length === 0 ? undefined : measured
}

function selectionOf(data: Values): TrainingSelection | undefined {
  const maximumRows = countOf(data['max_samples'])
  const categories = (data['categories'] ?? []) as readonly string[]
  if (maximumRows === undefined && categories.length === 0) return undefined
  return { ...(categories.length > 0 && { slices: { category: categories } }), maximumRows }
}

/** A schema's path is relative to the project's folder or to `dataset/`; public repositories do both. */
function schemaPathOf(root: string, path: string | undefined): string | undefined {
  if (path === undefined || existsSync(resolve(root, path))) return path
  const below = relative(root, resolve(root, 'dataset', path))
  const isUsed = !isAbsolute(path) && !below.startsWith('..') && existsSync(resolve(root, below))
  return isUsed ? below.replaceAll('\\', '/') : path
}

/** Every problem in one error, so that a person corrects them in one go. */
function refuseProblems(problems: readonly Problem[]): void {
  const [first, ...others] = problems
  if (first === undefined) return
  const { file, message, ...place } = first
  const found = invalidConfig(file, message, place)
  if (others.length === 0) throw found
  const more = others.map(({ file, line, column, message }) => `"${file}", line ${line}, column ${column}: ${message}.`)
  throw new SheikhError('invalid-config', [found.message, ...more].join('\n'), { facts: { ...found.facts, problems } })
}

async function yamlNames(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
