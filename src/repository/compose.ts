import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import {
  type CallContext,
  type Digest,
  isPrivateAddress,
  isSheikhError,
  messageOf,
  SheikhError,
} from '../core/index.js'
import {
  Dataset,
  type FileTree,
  type JsonSchema,
  jsonSchemaFile,
  type LargeFileAccess,
  type LargeFiles,
  type PinnedSource,
  pinnedFile,
  quarantineFile,
  type Source,
  sampleFiles,
  withFeatures,
} from '../dataset/index.js'
import { accuracy, exactMatch, type Metric } from '../evaluation/index.js'
import type { Executor } from '../execute/index.js'
import {
  atLeast,
  beatsMajority,
  benchmarks,
  type Check,
  calibration,
  type Gate,
  improves,
  latency,
  ledgerJournal,
  noNewFailures,
  noRegression,
  qualityGate,
  reportOnly,
  size,
  weightIntegrity,
} from '../gate/index.js'
import { type CandidateVariant, checkCandidates, type NamedBase, type Pipeline, type Stage } from '../pipeline/index.js'
import { prompt } from '../prompts/index.js'
import { hubSamples } from '../releaser/huggingface/samples/index.js'
import type { Releaser } from '../releaser/index.js'
import type { Store } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import type { LlamaOutput, LoraOptions } from '../trainer/tfjs/index.js'
import type { MakeDataset } from './commit-folder.js'
import {
  type Configuration,
  type HostConfiguration,
  type LlamaAnswerConfiguration,
  type LlamaConfiguration,
  loadConfiguration,
  loadHostConfiguration,
  metricNamed,
} from './config/index.js'
import {
  type Credentials,
  type EnvironmentVariables,
  type GitBranchLedgerOptions,
  unchangedBlobs,
} from './git/index.js'
import { hubConnection } from './hub-id.js'
import { inside } from './inside.js'
import {
  evaluationPath,
  featuresPath,
  filesPath,
  hubDataPath,
  linkFreePaths,
  promptsPath,
  quarantinePath,
  samplesPath,
  trainingFile,
} from './layout.js'
import { namedBase } from './named-base.js'
import { ensembleMembers, type ProjectEnsembleParts, projectTrainer } from './project-ensemble.js'
import { projectFolder, projectStore } from './project-store.js'
import { refuseLinks } from './refuse-links.js'
import { gitHubAddress, hubAddress, oneReleaser, registriesOf, type Surroundings } from './release-targets.js'

/**
 * The parts of a pipeline, made of a project's files. A host's own part replaces the file's. Trainer and registry are made
 * on their first use, because a command that only reads data needs neither.
 */
export interface Composition {
  readonly configuration: Configuration
  /** The JSON Schema of the samples, as it is in its file. */
  readonly schema?: string | undefined
  /** A whole pipeline of the host's. */
  readonly pipeline?: Pipeline<never, never> | undefined
  readonly dataset: Dataset<unknown, unknown>
  readonly datasetAt: MakeDataset
  /** @throws `invalid-config` for an architecture that is not built in. */
  readonly trainer: () => Promise<Trainer<unknown, unknown>>
  /** The same, whose members the workers of an executor train if it is an ensemble. @throws as `trainer`. */
  readonly trainerOn: (executor: Executor) => Promise<Trainer<unknown, unknown>>
  /** The trainers of the members of the ensemble; none if the project has none. @throws as `trainer`. */
  readonly members: () => Promise<Readonly<Record<string, Trainer<unknown, unknown>>>>
  /** Further candidates of each run. @throws as `trainer`; `invalid-config` for settings of a trainer that the host replaces. */
  readonly furtherCandidates: () => Promise<Readonly<Record<string, CandidateVariant<unknown, unknown>>>>
  /** Whether `trainer` is the one that the files describe, and not the host's. */
  readonly isTrainerBuiltIn: boolean
  readonly gate: Gate
  /** @throws `invalid-config` for a GitHub target without a repository. */
  readonly releaser: () => Promise<Releaser>
  /** The registries that `releaser` combines. @throws as `releaser`. */
  readonly registries: () => Promise<readonly Releaser[]>
  readonly store: Store
  readonly stages: readonly Stage[]
  readonly seed: number
  /** A release to start from. */
  readonly base: () => Promise<NamedBase | undefined>
  /** Where samples come from, without their features. */
  readonly samples: Source
  /** Gets files of Git LFS. */
  readonly largeFiles: LargeFiles
  /** Files that the host's trainer reads, absolute. */
  readonly trainerFiles: () => readonly string[]
  /** Of the host's: its samples are in no commit. */
  readonly source?: Source | undefined
}

/** With the name of the file that is at fault. @throws `invalid-config` */
function rethrowAt(file: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!isSheikhError(error)) throw error
    throw new SheikhError('invalid-config', `${error.message} The file is "${file}".`, {
      facts: { ...error.facts, file },
      cause: error,
    })
  }
}

/** Where a project's ledger is kept, and what was in its store before there was a branch. */
export function ledgerOptions(
  { shared, environment }: Pick<Surroundings, 'shared' | 'environment'>,
  { ledger }: Configuration,
): GitBranchLedgerOptions {
  return {
    ...ledger,
    // An entry from before the branch is in the store, or in the folder from before the project had a bucket.
    earlier: async () => {
      const lines = await (await projectStore({ shared, environment })).journals.read(ledgerJournal)
      return lines.length > 0 ? lines : await projectFolder(shared).journals.read(ledgerJournal)
    },
    onAuth: (url) => credentialsFor(url, environment),
    environment,
  }
}

/** A token goes to a server over TLS, or to this machine; GitHub's to GitHub only. */
function credentialsFor(url: string, environment: EnvironmentVariables): Credentials | undefined {
  const server = new URL(url)
  const isGitHub = server.origin === gitHubAddress(environment).origin
  const token = environment['SHEIKH_GIT_TOKEN'] || (isGitHub ? environment['GITHUB_TOKEN'] : undefined)
  return isPrivateAddress(server) && token ? { username: 'x-access-token', password: token } : undefined
}

/** @throws `invalid-config`. */
export async function compose(surroundings: Surroundings, context: CallContext): Promise<Composition> {
  const { root } = surroundings
  const configuration = await configurationIn(root, context)
  const { schemaPath } = configuration.dataset
  const host = (await loadHostConfiguration(root)) ?? {}
  const source = host.source ?? samplesOf(root, configuration, surroundings, { isWorkTree: true })
  const registries = once(async () =>
    host.releaser === undefined
      ? registriesOf(configuration.release, surroundings, configuration.dataset.license)
      : [host.releaser],
  )
  const releaser = once(async () => oneReleaser(await registries()))
  const [store, largeFiles] = [await projectStore(surroundings), largeFilesOf(surroundings)]
  const ensembleParts: ProjectEnsembleParts = {
    trainerOf: (one) => builtInTrainer(root, one, wholeFoldersOf({ largeFiles, store }), context),
    rightness: () => rightnessOf(configuration),
  }
  const trainer = once(async () => {
    if (host.trainer === undefined) return projectTrainer(configuration, ensembleParts)
    if (configuration.ensemble === undefined) return host.trainer as Trainer<unknown, unknown>
    throw new SheikhError(
      'invalid-config',
      `Cannot make the ensemble of ${trainingFile}: sheikh.config.ts replaces the built-in trainer, whose settings the members have. Remove "ensemble", and make one there with ensembleTrainer of "sheikh-freemium/ensemble".`,
      { facts: { file: trainingFile } },
    )
  })
  return {
    configuration,
    ...(schemaPath !== undefined && { schema: await readSchema(root, schemaPath) }),
    pipeline: host.pipeline,
    dataset: datasetOf(root, configuration, surroundings, { source, isWorkTree: true }),
    datasetAt: (folder, past, files) =>
      datasetOf(folder, past, surroundings, {
        tree: files && { ...files, directory: join(root, filesPath), documents: store.documents },
      }),
    trainer,
    trainerOn: async (executor) =>
      configuration.ensemble === undefined || host.trainer !== undefined
        ? trainer()
        : projectTrainer(configuration, { ...ensembleParts, workers: { executor, store } }),
    members: () => ensembleMembers(configuration, ensembleParts),
    furtherCandidates: once(async () => {
      const entries = Object.entries(configuration.candidates ?? {}).map(async ([name, { seed, ...settings }]) => {
        const own = Object.keys(settings)
        if (host.trainer !== undefined && own.length > 0)
          throw new SheikhError(
            'invalid-config',
            `Cannot make the candidate "${name}" with ${own.join(', ')}: sheikh.config.ts replaces the built-in trainer, whose settings these are. Leave only "seed", or make a pipeline with "candidates" there.`,
            { facts: { file: trainingFile } },
          )
        return [
          name,
          {
            ...(seed !== undefined && { seed: seed as number }),
            ...(own.length > 0 && { trainer: await projectTrainer(configuration, { ...ensembleParts, settings }) }),
          },
        ] as const
      })
      const candidates = Object.fromEntries(await Promise.all(entries))
      if (entries.length > 0) {
        const made = { trainer: await trainer(), seed: configuration.training.seed, candidates }
        rethrowAt(trainingFile, () => checkCandidates(made))
      }
      return candidates
    }),
    isTrainerBuiltIn: host.trainer === undefined,
    gate: gateOf(configuration, host),
    releaser,
    registries,
    store,
    stages: host.stages ?? [],
    seed: configuration.training.seed,
    base: async () => {
      const { warmStart } = configuration.training
      return warmStart && namedBase(warmStart, await releaser(), context)
    },
    samples: source,
    largeFiles,
    trainerFiles: () => host.trainer?.files?.() ?? [],
    source: host.source,
  }
}

/** Loads the configuration of a project whose files all lie in its folder. @throws `invalid-config`, also for a link. */
export async function configurationIn(root: string, context: CallContext): Promise<Configuration> {
  await refuseLinks(root, linkFreePaths)
  const configuration = await loadConfiguration(root, context)
  const { schemaPath, samples } = configuration.dataset
  if (schemaPath !== undefined) await refuseLinks(root, [relative(root, inside(root, schemaPath))])
  if (samples !== undefined) await refuseLinks(root, [samples.directory])
  return configuration
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** What samples outside the repository need: the folder of the store, tokens and addresses, and who receives progress. */
export type DataAccess = Pick<Surroundings, 'shared' | 'workTree' | 'environment' | 'onTransfer' | 'folderContent'>

/** Gets files of Git LFS from this clone and its remote. The settings are read when there is a pointer. */
export function largeFilesOf({ shared, workTree = shared, environment, onTransfer }: DataAccess): LargeFiles {
  let made: Promise<LargeFiles> | undefined
  const hub = () => new URL(hubAddress(environment) ?? 'https://huggingface.co').origin
  const hubToken = (url: string) => (new URL(url).origin === hub() ? environment['HF_TOKEN'] : undefined)
  const credentials = (url: string) => {
    const token = hubToken(url)
    return token ? { username: 'user', password: token } : credentialsFor(url, environment)
  }
  const make = async () => {
    const { gitLfs, lfsTransfers } = await import('./lfs/index.js')
    return gitLfs({
      ...{ directory: workTree, environment, credentials, sshHosts: [gitHubAddress(environment).host] },
      onProgress: onTransfer && lfsTransfers(onTransfer),
    })
  }
  return async (file, context) => {
    made ??= make()
    return (await made)(file, context)
  }
}

/** How a folder with pointers of Git LFS is made whole, below the store. */
export const wholeFoldersOf = ({ largeFiles, store }: Pick<Composition, 'largeFiles' | 'store'>): LargeFileAccess => ({
  largeFiles,
  makeFolder: () => store.workDirectory('lfs'),
})

/** For samples that are files of the project. */
export const filesOnly = (root: string): DataAccess => ({ shared: root, environment: {} })

/**
 * The samples that a configuration names.
 *
 * @param isWorkTree whether the program git knows unchanged files of `root` in a fresh checkout.
 */
export function samplesOf(
  root: string,
  { dataset }: Configuration,
  access: DataAccess,
  { isWorkTree = false } = {},
): Source {
  const { shared, environment, folderContent } = access
  if (dataset.hub !== undefined)
    return hubSamples({
      ...dataset.hub,
      ...hubConnection(environment),
      csv: dataset.csv,
      directory: join(shared, hubDataPath),
    })
  const { directory = samplesPath, pattern } = dataset.samples ?? {}
  const folder = join(root, directory)
  const options = { directory: folder, pattern, csv: dataset.csv, largeFiles: largeFilesOf(access) }
  if (!isWorkTree) return sampleFiles(options)
  const contentIds = (context: CallContext) => unchangedBlobs(folder, environment, context)
  const contentId: Source['contentId'] = folderContent && ((context) => folderContent(folder, context))
  return sampleFiles({ ...options, contentIds, contentId })
}

/**
 * The dataset of a project's files.
 *
 * @param other what takes the place of files: a host's source, or a schema and an evaluation set that are not written yet.
 */
export function datasetOf(
  root: string,
  configuration: Configuration,
  access: DataAccess,
  other: Pick<HostConfiguration, 'source'> & {
    readonly schema?: JsonSchema | undefined
    readonly evaluation?: PinnedSource | undefined
    /** The file with the features of the samples. @default that of the project */
    readonly features?: string | undefined
    /** Whether the program git knows unchanged files of `root` in a fresh checkout. @default false */
    readonly isWorkTree?: boolean | undefined
    /** Files that samples name and that are not below `root`. */
    readonly tree?: FileTree | undefined
  } = {},
): Dataset<unknown, unknown> {
  const { dataset } = configuration
  const { id, input, target, group, slices } = dataset.projection
  const schemaFile = dataset.schemaPath === undefined ? undefined : jsonSchemaFile(inside(root, dataset.schemaPath))
  const schema = other.schema ?? schemaFile
  return new Dataset({
    source: joinedSource(root, configuration, {
      source: other.source ?? samplesOf(root, configuration, access),
      snapshot: other.features,
      largeFiles: largeFilesOf(access),
    }),
    ...(schema !== undefined && { schema }),
    ...(id !== undefined && { id }),
    input: input.startsWith(`${promptsPath}/`)
      ? prompt(input, { directory: root, limits: dataset.promptLimits })
      : input,
    target,
    ...(group !== undefined && { group }),
    ...(slices !== undefined && { slices }),
    sliceByFolder: 'category',
    ...(dataset.developmentShare !== undefined && { developmentShare: dataset.developmentShare }),
    ...(dataset.training !== undefined && { training: dataset.training }),
    evaluation: other.evaluation ?? pinnedFile(join(root, evaluationPath)),
    quarantine: quarantineFile(join(root, quarantinePath)),
    ...(dataset.files !== undefined && { files: filesOf(root, dataset.files, access, other) }),
  })
}

function filesOf(
  root: string,
  fields: readonly string[],
  access: DataAccess,
  { isWorkTree, tree }: { readonly isWorkTree?: boolean | undefined; readonly tree?: FileTree | undefined },
) {
  const directory = join(root, filesPath)
  const contentIds = (context: CallContext) => unchangedBlobs(tree?.directory ?? directory, access.environment, context)
  const isInGit = isWorkTree === true || tree !== undefined
  return { directory, fields, tree, largeFiles: largeFilesOf(access), ...(isInGit && { contentIds }) }
}

/** The samples with the features that the commit contains. The files of the feature store are not read. */
export function joinedSource(
  root: string,
  { dataset: { features } }: Configuration,
  { source, snapshot = join(root, featuresPath), largeFiles }: JoinedSourceOptions,
): Source {
  return features === undefined ? source : withFeatures(source, { snapshot, join: features, largeFiles })
}

export interface JoinedSourceOptions {
  readonly source: Source
  /** The file with the features. @default that of the project */
  readonly snapshot?: string | undefined
  readonly largeFiles: LargeFiles
}

/** The trainer that a project's files describe. @throws `invalid-config`. */
export async function builtInTrainer(
  root: string,
  { training, dataset: { files = [], projection } }: Configuration,
  access: LargeFileAccess,
  context: CallContext,
): Promise<Trainer<unknown, unknown>> {
  const {
    architecture = 'text-classifier',
    device,
    checkpoints,
    seed: _seed,
    reportTo: _told,
    warmStart: _base,
    llama = {},
    exports = [],
    ...options
  } = training
  if (architecture !== 'text-classifier' && architecture !== 'llama')
    throw new SheikhError(
      'invalid-config',
      `Cannot train the architecture "${architecture}": the built-in architectures are "text-classifier" and "llama". Use one of them, or export a trainer from sheikh.config.ts: your own, or commandTrainer, which runs any program.`,
      { facts: { file: trainingFile } },
    )
  if (files.includes(projection.input))
    throw new SheikhError(
      'invalid-config',
      `Cannot train the architecture "${architecture}" on files: the input is the field "${projection.input}", whose values are paths, and the built-in architectures read text. Export a trainer from sheikh.config.ts: your own, or commandTrainer, which runs any program.`,
      { facts: { file: 'dataset/config.yaml' } },
    )
  if (architecture === 'llama' && exports.length > 0)
    throw new SheikhError(
      'invalid-config',
      `Cannot export a language model as ${exports.join()}: only the text classifier has an export. Remove output.export from ${trainingFile}.`,
      { facts: { file: trainingFile } },
    )
  const { llamaTrainer, textClassifier, tfjsTrainer } = await import('../trainer/tfjs/index.js')
  const trainer =
    architecture === 'llama'
      ? llamaTrainer({ ...options, ...(await llamaOptions(root, llama, access, context)), device, checkpoints })
      : tfjsTrainer(textClassifier(options), { device, checkpoints, export: exports })
  return trainer as unknown as Trainer<unknown, unknown>
}

async function llamaOptions(
  root: string,
  { base, baseDigest, answer, lora, ...options }: LlamaConfiguration,
  access: LargeFileAccess,
  context: CallContext,
) {
  const fail = (fact: string, remedy: string) =>
    new SheikhError('invalid-config', `Cannot train a language model: ${fact}. ${remedy} in ${trainingFile}.`, {
      facts: { file: trainingFile },
    })
  if (base === undefined) throw fail('the folder of the base model is not set', 'Set model.base')
  const directory = inside(root, base, trainingFile)
  if (!existsSync(directory) && /^[\w.-]+(\/[\w.-]+)?$/.test(base)) {
    const folder = `models/${base.split('/').at(-1)}`
    throw fail(
      `there is no folder "${base}". If it is a model of the Hugging Face Hub, fetch it: hf download ${base} --local-dir ${folder}`,
      `Then set model.base: ${folder}`,
    )
  }
  if (baseDigest === undefined) {
    const { digestWithPointers } = await import('../trainer/tfjs/index.js')
    const digest = await digestWithPointers(directory, context)
    throw fail(`the digest of "${base}" is not set`, `If this is the right model, set model.base_digest: ${digest}`)
  }
  return {
    ...options,
    base: { directory, digest: baseDigest as Digest, name: base, ...access },
    ...(lora !== undefined && { lora: lora as LoraOptions }),
    ...(answer !== undefined && { answer: answerOf(answer) }),
  }
}

function answerOf(answer: LlamaAnswerConfiguration): LlamaOutput {
  if (answer.kind === 'choice') return answer
  const { kind, maximum_new_tokens: maximumNewTokens, temperature, top_k: topK, top_p: topP, stop } = answer
  return { kind, maximumNewTokens, temperature, topK, topP, stop }
}

/** The gate of a project's files. */
export function gateOf(configuration: Configuration, { checks }: Pick<HostConfiguration, 'checks'> = {}): Gate {
  const { gate } = configuration
  const { whenInconclusive, maximumEvaluations } = gate
  const rightness = () => rightnessOf(configuration)
  const asked = checksOf(gate, rightness)
  return qualityGate(checks ?? [...asked, ...measuresOf(gate, asked, rightness)], {
    whenInconclusive,
    maximumEvaluations,
  })
}

/** The metric that says how often a model is right. */
export function rightnessOf({ training: { llama } }: Configuration): Metric {
  // What a language model writes is right as a whole, or wrong.
  const writes = llama !== undefined && (llama.answer?.kind ?? 'text') === 'text'
  return writes ? exactMatch() : accuracy()
}

/** What is measured beside what is asked. */
function measuresOf(
  { metrics = [] }: Configuration['gate'],
  checks: readonly Check[],
  rightness: () => Metric,
): readonly Check[] {
  const asked = new Set(checks.flatMap((check) => check.metrics.map(({ name }) => name)))
  const named = metrics.map((name) => (name === 'accuracy' ? rightness() : metricNamed(name)!))
  const others = new Map(named.filter(({ name }) => !asked.has(name)).map((metric) => [metric.name, metric]))
  return [...others.values()].map(reportOnly)
}

function checksOf(gate: Configuration['gate'], rightness: () => Metric): readonly Check[] {
  const { accuracyFloor, regressionMargin, newFailuresAllowed, calibrationError, maximumBytes } = gate
  return [
    ...(gate.beatsMajority === undefined ? [] : [beatsMajority(rightness())]),
    ...(accuracyFloor === undefined ? [] : [atLeast(rightness(), accuracyFloor)]),
    ...(regressionMargin === undefined ? [] : [noRegression(rightness(), { margin: regressionMargin })]),
    ...(gate.weightIntegrity ? [weightIntegrity()] : []),
    ...(newFailuresAllowed === undefined ? [] : [noNewFailures(rightness(), { allowed: newFailuresAllowed })]),
    ...(gate.improves ? [improves(rightness())] : []),
    ...(gate.benchmarks.length === 0 ? [] : [benchmarks(rightness(), gate.benchmarks)]),
    ...(calibrationError === undefined ? [] : [calibration({ maximumError: calibrationError })]),
    ...(gate.latency === undefined ? [] : [latency(gate.latency)]),
    ...(maximumBytes === undefined ? [] : [size({ maximumBytes })]),
  ]
}

async function readSchema(root: string, path: string): Promise<string> {
  try {
    return await readFile(inside(root, path), 'utf8')
  } catch (error) {
    if (error instanceof SheikhError) throw error
    throw new SheikhError(
      'invalid-config',
      `Cannot read the schema "${path}" from the project's folder or from dataset/: ${messageOf(error)}. Correct validation.schema_path in dataset/config.yaml.`,
      {
        facts: { file: 'dataset/config.yaml' },
        cause: error,
      },
    )
  }
}
