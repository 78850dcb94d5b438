import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { type CallContext, messageOf, SheikhError } from '../core/index.js'
import { Dataset, jsonFiles, jsonSchemaFile, pinnedFile } from '../dataset/index.js'
import { accuracy } from '../evaluation/index.js'
import {
  atLeast,
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
  size,
  weightIntegrity,
} from '../gate/index.js'
import type { Pipeline, Stage } from '../pipeline/index.js'
import { prompt } from '../prompts/index.js'
import type { Releaser } from '../releaser/index.js'
import { directoryStore } from '../store/directory/index.js'
import type { Store } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import { type Configuration, type HostConfiguration, loadConfiguration, loadHostConfiguration } from './config/index.js'
import type { Credentials, GitBranchLedgerOptions } from './git/index.js'
import { evaluationPath, linkFreePaths, promptsPath, samplesPath, storePath } from './layout.js'
import { refuseLinks } from './refuse-links.js'
import { type Environment, releaserOf, type Surroundings } from './release-targets.js'

/** The parts of a pipeline, made of a project's files. A host's own part takes the place of the file's. */
export interface Composition {
  readonly configuration: Configuration
  /** The JSON Schema of the samples, as it is in its file. */
  readonly schema?: string | undefined
  /** A whole pipeline of the host's. */
  readonly pipeline?: Pipeline<never, never> | undefined
  readonly dataset: Dataset<unknown, unknown>
  readonly trainer: Trainer<unknown, unknown>
  readonly gate: Gate
  readonly releaser: Releaser
  readonly store: Store
  readonly stages: readonly Stage[]
  readonly seed: number
}

/** Where a project's ledger is kept, and what was in its store before there was a branch. */
export function ledgerOptions({ root, environment }: Surroundings, { ledger }: Configuration): GitBranchLedgerOptions {
  const { journals } = directoryStore(join(root, storePath))
  return {
    ...ledger,
    earlier: () => journals.read(ledgerJournal),
    onAuth: (url) => credentialsFor(url, environment),
  }
}

/** A token goes to a server over TLS, or to this machine; GitHub's to GitHub only. */
function credentialsFor(url: string, environment: Environment): Credentials | undefined {
  const { protocol, hostname, origin } = new URL(url)
  const isPrivate = protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  const isGitHub = origin === new URL(environment['GITHUB_SERVER_URL'] ?? 'https://github.com').origin
  const token = environment['SHEIKH_GIT_TOKEN'] || (isGitHub ? environment['GITHUB_TOKEN'] : undefined)
  return isPrivate && token ? { username: 'x-access-token', password: token } : undefined
}

/** @throws `invalid-config`. */
export async function compose(surroundings: Surroundings, context: CallContext): Promise<Composition> {
  const { root } = surroundings
  await refuseLinks(root, linkFreePaths)
  const configuration = await loadConfiguration(root, context)
  const { schemaPath } = configuration.dataset
  if (schemaPath !== undefined) await refuseLinks(root, [relative(root, inside(root, schemaPath))])
  const host = (await loadHostConfiguration(root)) ?? {}
  return {
    configuration,
    ...(schemaPath !== undefined && { schema: await readSchema(root, schemaPath) }),
    pipeline: host.pipeline,
    dataset: datasetOf(root, configuration, host),
    trainer: (host.trainer as Trainer<unknown, unknown> | undefined) ?? (await builtInTrainer(configuration)),
    gate: gateOf(configuration, host),
    releaser: host.releaser ?? (await releaserOf(configuration.release, surroundings, configuration.dataset.license)),
    store: directoryStore(join(root, storePath)),
    stages: host.stages ?? [],
    seed: configuration.training.seed,
  }
}

function datasetOf(root: string, { dataset }: Configuration, host: HostConfiguration): Dataset<unknown, unknown> {
  const { id, input, target, group, slices } = dataset.projection
  return new Dataset({
    source: host.source ?? jsonFiles(join(root, samplesPath)),
    ...(dataset.schemaPath !== undefined && { schema: jsonSchemaFile(inside(root, dataset.schemaPath)) }),
    ...(id !== undefined && { id }),
    input: input.startsWith(`${promptsPath}/`) ? prompt(input, { directory: root }) : input,
    target,
    ...(group !== undefined && { group }),
    ...(slices !== undefined && { slices }),
    folderSlice: 'category',
    evaluation: pinnedFile(join(root, evaluationPath)),
  })
}

async function builtInTrainer({ training }: Configuration): Promise<Trainer<unknown, unknown>> {
  const { architecture = 'text-classifier', device, checkpoints, seed: _seed, ...options } = training
  if (architecture !== 'text-classifier')
    throw new SheikhError(
      'invalid-config',
      `Cannot train the architecture "${architecture}": the built-in one is "text-classifier". Bring a trainer in sheikh.config.ts: your own, or commandTrainer, which runs any program.`,
      {
        facts: { file: 'mlops/training/config.yaml' },
      },
    )
  const { textClassifier, tfjsTrainer } = await import('../trainer/tfjs/index.js')
  return tfjsTrainer(textClassifier(options), { device, checkpoints }) as unknown as Trainer<unknown, unknown>
}

function gateOf({ gate }: Configuration, { checks }: HostConfiguration): Gate {
  const { whenInconclusive, uses } = gate
  return qualityGate(checks ?? checksOf(gate), { whenInconclusive, uses })
}

function checksOf(gate: Configuration['gate']): readonly Check[] {
  const { accuracyFloor, regressionMargin, newFailuresAllowed, calibrationError, maximumBytes } = gate
  return [
    ...(accuracyFloor === undefined ? [] : [atLeast(accuracy(), accuracyFloor)]),
    ...(regressionMargin === undefined ? [] : [noRegression(accuracy(), { margin: regressionMargin })]),
    ...(gate.weightIntegrity ? [weightIntegrity()] : []),
    ...(newFailuresAllowed === undefined ? [] : [noNewFailures(accuracy(), { allowed: newFailuresAllowed })]),
    ...(gate.improves ? [improves(accuracy())] : []),
    ...(gate.benchmarks.length === 0 ? [] : [benchmarks(accuracy(), gate.benchmarks)]),
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
      `Cannot read the schema "${path}": ${messageOf(error)}. Correct validation.schema_path in dataset/config.yaml.`,
      {
        facts: { file: 'dataset/config.yaml' },
        cause: error,
      },
    )
  }
}

/** A path of the configuration never leaves the project. */
function inside(root: string, path: string): string {
  const found = resolve(root, path)
  if (found.startsWith(`${resolve(root)}/`)) return found
  throw new SheikhError('invalid-config', `Cannot read "${path}": it is outside the project. Move the file into it.`, {
    facts: { file: 'dataset/config.yaml' },
  })
}
