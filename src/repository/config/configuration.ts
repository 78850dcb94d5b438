import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext } from '../../core/index.js'
import { datasetKeys, pipelineKeys, trainingKeys, validationKeys } from './keys.js'
import { invalidConfig, type Notice, readYaml, type YamlFile } from './read-yaml.js'

/** What a project's YAML files decide, resolved. */
export interface Configuration {
  readonly pipeline: { readonly name: string }
  readonly gate: {
    /** @default 0.15 */
    readonly accuracyFloor?: number | undefined
    /** Absent: not asked. @default 0.02 */
    readonly regressionMargin?: number | undefined
    readonly weightIntegrity: boolean
    readonly whenInconclusive: 'ask' | 'hold' | 'release'
  }
  readonly training: {
    readonly architecture?: string | undefined
    readonly epochs?: number | undefined
    readonly learningRate?: number | undefined
    readonly weightDecay?: number | undefined
    readonly batchSize?: number | undefined
    readonly seed: number
  }
  readonly dataset: {
    readonly schemaPath?: string | undefined
    readonly projection: {
      readonly id?: string
      readonly input: string
      readonly target: string
      readonly group?: string
      readonly slices?: readonly string[]
    }
  }
  /** Below the project's folder, or absolute. */
  readonly releases: string
  readonly notices: readonly Notice[]
}

type Values = Readonly<Record<string, unknown>>

/** Reads `mlops/` and `dataset/config.yaml`. An absent file is an empty one. @throws `invalid-config`. */
export async function loadConfiguration(root: string, context: CallContext): Promise<Configuration> {
  context.signal.throwIfAborted()
  const pipeline = await readYaml(root, 'mlops/pipeline.yaml', pipelineKeys)
  const training = await readYaml(root, 'mlops/training/config.yaml', trainingKeys)
  const dataset = await readYaml(root, 'dataset/config.yaml', datasetKeys)
  const validation: YamlFile[] = []
  for (const name of await yamlNames(join(root, 'mlops/validation')))
    validation.push(await readYaml(root, `mlops/validation/${name}`, validationKeys))

  const stage = (name: string): Values => at(pipeline.value, 'stages', name)
  const trainStage = at(stage('train'), 'config')
  const settings = at(training.value, 'training')
  const projection = at(dataset.value, 'projection')
  return {
    pipeline: { name: (at(pipeline.value, 'pipeline')['name'] as string | undefined) ?? 'sheikh' },
    gate: {
      ...gateOf([
        ...listOf(stage('validate_weights')['checks']),
        ...validation.map(({ value }) => at(value, 'validation')),
      ]),
      whenInconclusive: (stage('validate_weights')['when_inconclusive'] as 'ask' | undefined) ?? 'ask',
    },
    training: {
      architecture: at(training.value, 'model')['architecture'] as string | undefined,
      epochs: either(settings['num_train_epochs'], trainStage['epochs']),
      learningRate: either(settings['learning_rate'], trainStage['learning_rate']),
      weightDecay: either(settings['weight_decay']),
      batchSize: either(settings['per_device_train_batch_size'], trainStage['batch_size']),
      seed: either(settings['seed']) ?? 0,
    },
    dataset: {
      schemaPath: at(dataset.value, 'validation')['schema_path'] as string | undefined,
      projection: { input: 'text', target: 'label', ...(projection as object) },
    },
    releases: releasesOf(stage('release')['targets'], pipeline.file),
    notices: [pipeline, training, dataset, ...validation].flatMap(({ notices }) => notices),
  }
}

/** Later files decide over earlier ones; a project that says nothing gets all three checks. */
function gateOf(checks: readonly Values[]): Omit<Configuration['gate'], 'whenInconclusive'> {
  const asked = Object.assign({}, ...checks) as Values
  const regression = asked['regression_check']
  const none = ['accuracy_threshold', 'regression_check', 'weight_integrity'].every((name) => asked[name] === undefined)
  if (none) return { accuracyFloor: 0.15, regressionMargin: 0.02, weightIntegrity: true }
  const margin =
    typeof regression === 'object' && regression !== null ? (regression as { margin: number }).margin : 0.02
  return {
    ...(typeof asked['accuracy_threshold'] === 'number' && { accuracyFloor: asked['accuracy_threshold'] }),
    ...(regression !== undefined && regression !== false && regression !== null && { regressionMargin: margin }),
    weightIntegrity: asked['weight_integrity'] === true,
  }
}

function releasesOf(targets: unknown, file: string): string {
  const folders = listOf(targets).flatMap(({ directory }) =>
    typeof directory === 'object' && directory !== null ? [(directory as { path?: string }).path ?? 'releases'] : [],
  )
  if (folders.length > 1)
    throw invalidConfig(
      file,
      'more than one directory is a release target; releasing to several at once is not there yet',
    )
  return folders[0] ?? 'releases'
}

function at(value: Values, ...path: readonly string[]): Values {
  let found: unknown = value
  for (const name of path)
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, name) ? (found as Values)[name] : undefined
  return typeof found === 'object' && found !== null ? (found as Values) : {}
}

const listOf = (value: unknown): readonly Values[] =>
  Array.isArray(value) ? value.filter((item): item is Values => typeof item === 'object' && item !== null) : []
const either = (...values: readonly unknown[]) => values.find((value): value is number => typeof value === 'number')

async function yamlNames(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
