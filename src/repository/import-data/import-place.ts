import { existsSync } from 'node:fs'
import { basename, join, posix } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import { type PinnedSet, pinnedFile, type Source } from '../../dataset/index.js'
import { configurationIn, type DataAccess, samplesOf } from '../compose.js'
import { type Configuration, loadHostConfiguration } from '../config/index.js'
import { samplesFile } from '../feedback/batch-files.js'
import type { EnvironmentVariables } from '../git/index.js'
import { generateSamples } from '../init/generate-samples.js'
import { isProject } from '../init/init-repository.js'
import { evaluationPath, samplesPath } from '../layout.js'

export const settingsFile = 'dataset/config.yaml'
export const schemaFile = 'dataset/schemas/sample.json'

/** The project that data are imported into. */
export interface ImportPlace {
  readonly root: string
  /** There is no project yet. */
  readonly isNew: boolean
  /** What samples in Git LFS need. */
  readonly access: DataAccess
  readonly name: string
  readonly configuration: Configuration
  /** The import writes projection and schema. Possible if there are no other samples. */
  readonly ownsSettings: boolean
  /** All samples of the project. */
  readonly samples: Source
  /** Those that are not in the file of the new samples, where an interrupted import may have left some. */
  readonly others: Source
  readonly hasSamples: boolean
  readonly pinned?: PinnedSet | undefined
  /** Folder of all samples, below the project. */
  readonly directory: string
  /** The file of the new samples, below `directory`. */
  readonly file: string
  readonly notes: readonly string[]
}

/** @throws `invalid-options` for a folder that a run does not read; `invalid-config`. */
export async function importPlace(
  root: string,
  source: string,
  { to, environment }: { readonly to: string | undefined; readonly environment: EnvironmentVariables },
  context: CallContext,
): Promise<ImportPlace> {
  const access = { shared: root, environment }
  const isNew = !(await isProject(root))
  const configuration = await configurationIn(root, context)
  const host = await loadHostConfiguration(root)
  if (host?.source !== undefined || host?.pipeline !== undefined)
    throw new SheikhError(
      'invalid-config',
      'Cannot import data: the samples of this project come from code in sheikh.config, not from files. Read the data in that code.',
    )
  if (configuration.dataset.hub !== undefined)
    throw new SheikhError(
      'invalid-config',
      `Cannot import data: the samples of this project are the dataset ${configuration.dataset.hub.repository} of the Hub. To use files instead, first remove "samples" from ${settingsFile}.`,
      { facts: { file: settingsFile } },
    )
  const named = configuration.files.find(({ file }) => file === settingsFile)?.value['dataset']
  const given = (named as { readonly name?: unknown } | undefined)?.name
  const name = typeof given === 'string' ? given : basename(root)
  const directory = configuration.dataset.samples?.directory ?? samplesPath
  const found = samplesOf(root, configuration, access)
  // A new project has no folder of samples yet.
  const samples = existsSync(join(root, directory)) ? found : { ...found, list: async () => [] }
  const pinned = await pinnedFile(join(root, evaluationPath)).read(context)
  const stem = stemOf(source)
  const folder = to === undefined ? stem : folderBelow(directory, to)
  const path = samplesFile(stem, folder, configuration, 'Name another folder with --to')
  const file = path.slice(directory.length + 1)
  const others = withoutParts(samples, file)
  const isFilled = async (source: Source) => (await source.list(context)).some(({ skipped }) => skipped === undefined)
  const [hasSamples, hasOthers] = [await isFilled(samples), await isFilled(others)]
  return {
    ...{
      root,
      isNew,
      access,
      name,
      configuration,
      ownsSettings: !hasOthers,
      samples,
      others,
      hasSamples,
      pinned,
      directory,
      file,
    },
    notes: pinned === undefined ? [] : notesOf(pinned),
  }
}

/** A name for files and the category: letters, digits, dots, dashes and underscores. */
function stemOf(source: string): string {
  const name = basename(source)
  const stem = name.replace(/(?:\.(?:json|jsonl|ndjson|csv|tsv|ya?ml|parquet))?(?:\.(?:gz|zst))?$/i, '')
  return (
    stem
      .normalize('NFC')
      .replace(/[^\p{L}\p{N}._-]+/gu, '-')
      .replace(/^[.-]+|[.-]+$/g, '') || 'data'
  )
}

function folderBelow(directory: string, to: string): string {
  const path = posix.normalize(to).replace(/\/$/, '')
  if (path.startsWith(`${directory}/`) && !path.includes('\\')) return path.slice(directory.length + 1)
  throw new SheikhError(
    'invalid-options',
    `Cannot import into "${to}": samples are read from "${directory}", one folder for each category. Name a folder such as --to ${directory}/mail.`,
  )
}

function notesOf({ items }: PinnedSet): readonly string[] {
  const generated = new Set(generateSamples().map(({ id }) => id))
  if (items.length === 0 || !items.every(({ id }) => generated.has(id))) return []
  return [
    'The evaluation set consists of example samples from sheikh init, so models are not judged on your data. To judge on your data only, import into an empty folder, or first remove the examples: git rm -r dataset/samples dataset/evaluation.json',
  ]
}

/** The samples that are in no part of a file. */
function withoutParts(samples: Source, file: string): Source {
  const name = file.slice(0, -'.jsonl'.length).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const ours = new RegExp(`^${name}(-part\\d+)?\\.jsonl$`)
  return { ...samples, list: async (context) => (await samples.list(context)).filter(({ path }) => !ours.test(path)) }
}
