import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, isNode, isScalar, parse, parseDocument, type YAMLMap } from 'yaml'
import { type CallContext, messageOf, SheikhError } from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import type { QueueOptions } from '../execute/index.js'
import { readTextFile, writeFileAtomic } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import type { Point, Pruner, Sampler, Space, StudyRecord, TuneEvent, TuneResult } from '../tune/index.js'
import { builtInTrainer, type Composition, rightnessOf, wholeFoldersOf } from './compose.js'
import {
  type Configuration,
  metricNamed,
  metricsFor,
  type TuningConfiguration,
  valuesAt,
  withTrainingSettings,
} from './config/index.js'
import { trainingFile, tuningFile } from './layout.js'
import { notificationSecrets } from './notification-secrets.js'
import type { OpenedProject } from './opened-project.js'
import { executorOf } from './project-executor.js'
import { secretsOf } from './release-targets.js'
import { refuseIncomplete } from './whole-checkout.js'

export interface TuneProjectOptions {
  /** @default `tuning.trials` of mlops/tuning.yaml, 40 */
  readonly trials?: number | undefined
  /** The name under which the study continues. @default `tuning.name`, 'study' */
  readonly name?: string | undefined
  /** How many trials run at once, each in a process of its own. 1: in this process. @default `tuning.workers` */
  readonly workers?: number | undefined
  /**
   * The queue of a cluster, whose workers train the trials, up to `tuning.parallel` at once: `sheikh worker` in a checkout of the same
   * files and with the same folder `.sheikh/`. Instead of `workers`.
   *
   * @default none
   */
  readonly cluster?: QueueOptions | undefined
  /**
   * A study that the sampler learns from, as for `tune`: `repository.study('before')`, or one of another program.
   *
   * @default none
   */
  readonly earlier?: StudyRecord | undefined
  /** Whether to write the best values into mlops/training/config.yaml. A person commits the file. @default false */
  readonly write?: boolean | undefined
  readonly onEvent?: ((event: TuneEvent) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The result of a search. JSON. */
export interface TunedProject extends TuneResult<Space> {
  /** The metric of the trials. */
  readonly metric: string
  /** The best values by key under `training` of mlops/training/config.yaml. */
  readonly settings: Point
  /** The file that now contains them. Absent: nothing was written. */
  readonly written?: string | undefined
}

/** Searches for the best values of the settings that mlops/tuning.yaml lists. */
export async function tuneProject(
  project: OpenedProject,
  { trials, name, workers: asked, cluster, earlier, write = false, onEvent }: Omit<TuneProjectOptions, 'signal'>,
  context: CallContext,
): Promise<TunedProject> {
  const composition = await project.compose()
  await refuseIncomplete('search', project, composition, context)
  const { surroundings } = project
  const { environment } = surroundings
  const secrets = [...secretsOf(environment), ...notificationSecrets(composition.configuration, environment)]
  const { configuration, dataset, store, seed } = composition
  const { root } = surroundings
  const { tuning } = configuration
  if (tuning === undefined)
    throw refusal(
      `${tuningFile} lists nothing to search`,
      'Add a key under "space", such as learning_rate: { low: 0.1, high: 10, log: true }',
    )
  if (!composition.isTrainerBuiltIn || composition.pipeline !== undefined)
    throw refusal(
      'sheikh.config.ts replaces the built-in trainer, whose settings the file lists',
      'Call tune of "sheikh-freemium/tune" with your trainer from a script: docs/tuning.md',
    )
  if (configuration.dataset.developmentShare === undefined)
    throw refusal(
      'the dataset has no development rows, and trials are never scored on the evaluation set',
      `Set data.validation_split in ${trainingFile}, such as 0.2`,
    )
  if (configuration.ensemble !== undefined)
    throw refusal(
      `"ensemble" of ${trainingFile} makes several models, and a trial trains one`,
      'Remove "ensemble" while you search, and give its members the settings that are found',
    )
  if (configuration.training.warmStart !== undefined)
    throw refusal(
      `training.warm_start of ${trainingFile} names a release to start from, and trials are trained from scratch`,
      'Remove warm_start while you search',
    )
  const metric = metricOfTrials(configuration)
  const { parallel = 1 } = tuning
  if (asked !== undefined && cluster !== undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot search: both "workers" and "cluster" are given. Give "workers" to train on this machine, or "cluster".',
    )
  const here = asked ?? tuning.workers ?? Math.min(parallel, availableParallelism())
  const workers = cluster === undefined ? here : parallel
  if (workers > parallel)
    throw refusal(
      `there are ${workers} workers for ${parallel === 1 ? 'one trial' : `${parallel} trials`} at once`,
      `Set tuning.parallel to ${workers}, which is part of the study, or use fewer workers`,
    )
  const path = join(root, trainingFile)
  const read = async () => (await readTextFile(path)) ?? ''
  // A file that cannot be changed is reported before the search, and not after it.
  if (write) withSettings(await read(), Object.fromEntries(keysOf(tuning).map((key) => [key, 1])))
  const { tune } = await import('../tune/index.js')
  const { sampler, pruner } = await partsOf(tuning)
  const trainer = trainerOfTrials(root, composition, context)
  await using executor = await executorOf({ workers, cluster }, surroundings, store)
  const result = await tune<unknown, unknown, Space, string>({
    ...{ space: tuning.space, trainer, dataset, metric, store, sampler, pruner, earlier, secrets, onEvent },
    trials: trials ?? tuning.trials,
    parallel,
    concurrency: workers,
    executor,
    name: name ?? tuning.name,
    // With the same seed a pipeline finds the weights of the winner.
    seed,
    ...{ signal: context.signal, clock: context.clock, log: context.log },
  })
  const settings = result.best.parameters
  if (write) {
    const before = await read()
    const after = withSettings(before, settings)
    if (after !== before) await writeFileAtomic(path, after)
  }
  return { ...result, metric: metric.name, settings, ...(write && { written: trainingFile }) }
}

const keysOf = ({ space, asha }: TuningConfiguration): readonly string[] => [
  ...Object.keys(space),
  ...(asha === undefined ? [] : [asha.resource]),
]

/** Makes the trainer of a trial from the files of the project. */
export const trainerOfTrials =
  (root: string, composition: Composition, context: CallContext) =>
  async (settings: Point): Promise<Trainer<unknown, unknown>> =>
    builtInTrainer(
      root,
      withTrainingSettings(composition.configuration, settings),
      wholeFoldersOf(composition),
      context,
    )

/** The metric that a search improves. @throws `invalid-config` if the model is not measured by it. */
export function metricOfTrials(configuration: Configuration): Metric {
  const name = configuration.tuning?.metric
  if (name === undefined || name === 'accuracy') return rightnessOf(configuration)
  const training = configuration.files.find(({ file }) => file === trainingFile)
  if (metricsFor([name], valuesAt(training?.value ?? {}, 'model')).measured.length > 0) return metricNamed(name)!
  throw refusal(`${name} is not measured of this model`, 'Name another metric under "tuning", or remove "metric"')
}

async function partsOf({ sampler, asha: asked }: TuningConfiguration): Promise<{
  readonly sampler: Sampler
  readonly pruner: Pruner | undefined
}> {
  const { asha, gridSampler, randomSampler, tpeSampler } = await import('../tune/index.js')
  const samplers = { tpe: tpeSampler, random: randomSampler, grid: gridSampler }
  return { sampler: samplers[sampler](), pruner: asked && asha(asked) }
}

/**
 * mlops/training/config.yaml with other values, and all else as it was. Comments are kept.
 *
 * @throws `invalid-config` if the file cannot be changed so, such as for anchors that other keys use.
 */
function withSettings(before: string, settings: Point): string {
  const fail = (fact: string) =>
    new SheikhError(
      'invalid-config',
      `Cannot write the best values into "${trainingFile}": ${fact}. Write them yourself.`,
      {
        facts: { file: trainingFile },
      },
    )
  const document: Document = parseDocument(before)
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
    document.contents = document.createNode({})
  const root = document.contents
  if (!isMap(root)) throw fail('it is not a map of keys')
  const found = root.get('training', true)
  if (found === undefined || (isScalar(found) && found.value === null)) root.set('training', document.createNode({}))
  else if (!isMap(found)) throw fail('"training" is not a map of its own')
  const training = document.getIn(['training'], true) as YAMLMap
  for (const [key, value] of Object.entries(settings)) {
    const earlier = training.get(key, true)
    // A new node: a change of one with an anchor would change what refers to it.
    const node = document.createNode(value)
    if (isNode(earlier)) Object.assign(node, { comment: earlier.comment, commentBefore: earlier.commentBefore })
    training.set(key, node)
  }
  try {
    const after = document.toString({ lineWidth: 0 })
    const values = (parse(before) ?? {}) as Readonly<Record<string, unknown>>
    const expected = { ...values, training: { ...(values['training'] ?? {}), ...settings } }
    if (isDeepStrictEqual(parse(after), expected)) return after
  } catch (error) {
    throw fail(messageOf(error))
  }
  throw fail('another key would change too')
}

const refusal = (fact: string, remedy: string) =>
  new SheikhError('invalid-config', `Cannot search: ${fact}. ${remedy}.`, { facts: { file: tuningFile } })
