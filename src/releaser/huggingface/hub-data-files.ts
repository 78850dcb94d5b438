import { SheikhError } from '../../core/index.js'
import { globMatcher, sampleFormatOf } from '../../dataset/index.js'

/** Which files of a dataset repository contain the samples. */
export interface HubDataFiles {
  /** A path or a glob of data files, such as `data/train-*.parquet`. @default the files of `config` and `split` */
  readonly files?: string | undefined
  /** A configuration (subset) that the card of the dataset defines. @default the default one */
  readonly config?: string | undefined
  /** @default all splits */
  readonly split?: string | undefined
}

/** The splits of a dataset, each with its patterns. */
type Patterns = ReadonlyMap<string, readonly string[]>

interface CardConfig {
  readonly name: string
  readonly isDefault: boolean
  readonly folder: string
  readonly patterns?: Patterns | undefined
}

interface Files {
  readonly repository: string
  /** All paths of the repository. */
  readonly paths: readonly string[]
  /** Reads a small file; `undefined` if it does not exist. */
  readonly readText: (path: string) => Promise<string | undefined>
}

// The rules are those of the Python library `datasets` 5.2: data_files.py, utils/metadata.py and load.py.
const cardFiles = ['README.md', '.huggingface.yaml']
const ignoredNames = [
  'README.md',
  'config.json',
  'dataset_info.json',
  'dataset_infos.json',
  'dummy_data.zip',
  'dataset_dict.json',
]
const sharded = /^data\/([^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*$/
const keywords: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
}
const between = '[-._ 0-9]'
const inFolders = (word: string) => [
  ...[`**/${word}/**`, `**/${word}${between}*/**`],
  ...[`**/*${between}${word}/**`, `**/*${between}${word}${between}*/**`],
]
const inNames = (word: string) => [`**/${word}${between}*`, `**/*${between}${word}${between}*`]

/**
 * Chooses the data files of a dataset repository: those that are named, those that the card's `configs` name, or those whose
 * paths name a split.
 *
 * @returns paths, sorted.
 * @throws `dataset-invalid` if there are none, or more than one choice.
 */
export async function chooseDataFiles(files: Files, choice: HubDataFiles): Promise<readonly string[]> {
  const { repository, paths } = files
  const refuse = (fact: string, remedy: string) => refusal(repository, fact, remedy)
  if (choice.files !== undefined) {
    const named = matching(paths, '', [choice.files])
    const found = named.length > 0 ? named : matching(paths, '', [`${choice.files.replace(/\/$/, '')}/**`])
    const read = found.filter((path) => sampleFormatOf(path) !== undefined)
    if (read.length > 0) return read
    throw refuse(
      `no data file matches "${choice.files}"`,
      found.length > 0
        ? `${some(found)} cannot be read: samples are read from .parquet, .json, .jsonl, .ndjson, .csv and .tsv files`
        : `Name one of its files, such as ${some(paths.filter((path) => sampleFormatOf(path) !== undefined)) || 'a .parquet file'}`,
    )
  }
  const { folder, patterns } = await configOf(files, choice.config)
  const splits = patterns ?? defaultPatterns(paths, folder)
  const wanted = choice.split === undefined ? [...splits.keys()] : [choice.split]
  if (choice.split !== undefined && !splits.has(choice.split))
    throw refuse(`it has no split "${choice.split}"`, `Choose one of: ${[...splits.keys()].join(', ') || 'none'}`)
  const found = matching(
    paths,
    folder,
    wanted.flatMap((split) => splits.get(split) ?? []),
  )
  const read = found.filter((path) => sampleFormatOf(path) !== undefined)
  if (read.length === 0)
    throw refuse(
      found.length === 0
        ? 'it has no data files'
        : `its files (${some(found)}) are in no format that samples are read from`,
      'If the Hub has converted the dataset to Parquet, use the revision refs/convert/parquet: sheikh data pin refs/convert/parquet',
    )
  const formats = new Set(read.map(familyOf))
  if (formats.size > 1)
    throw refuse(
      `its data files are in several formats (${[...formats].sort().join(', ')})`,
      'Name the files, as in hf:datasets/owner/name@<commit>/data/*.parquet',
    )
  return read
}

const familyOf = (path: string) => {
  const format = sampleFormatOf(path)
  return format === 'lines' ? 'json' : format === 'tsv' ? 'csv' : format
}

async function configOf(files: Files, wanted: string | undefined): Promise<Pick<CardConfig, 'folder' | 'patterns'>> {
  const { repository, paths, readText } = files
  let configs: readonly CardConfig[] = []
  for (const path of cardFiles) {
    const text = paths.includes(path) ? await readText(path) : undefined
    const found = text === undefined ? undefined : await cardConfigs(path, text, repository)
    if (found !== undefined) configs = found
  }
  const names = configs.map(({ name }) => name).join(', ')
  if (wanted !== undefined) {
    const found = configs.find(({ name }) => name === wanted)
    if (found !== undefined) return found
    // As in the branch refs/convert/parquet: <config>/<split>/0000.parquet
    if (configs.length === 0 && paths.some((path) => path.startsWith(`${wanted}/`))) return { folder: `${wanted}/` }
    throw refusal(
      repository,
      `it has no configuration "${wanted}"`,
      names === '' ? 'Leave config out' : `Choose one of: ${names}`,
    )
  }
  if (configs.length === 0) return { folder: '' }
  const chosen = configs.length === 1 ? configs : configs.filter(({ isDefault }) => isDefault)
  if (chosen.length === 1) return chosen[0]!
  throw refusal(
    repository,
    `it has several configurations${chosen.length > 1 ? ', and more than one is the default' : ''}`,
    `Choose one of them with ?config=<name>: ${names}`,
  )
}

/** The splits by the names of files and folders; all files are `train` if none has the name of a split. */
function defaultPatterns(paths: readonly string[], folder: string): Patterns {
  const below = paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length))
  const shards = new Map<string, string[]>()
  for (const path of below) {
    const [, split] = sharded.exec(path) ?? []
    if (split !== undefined) shards.set(split, [...(shards.get(split) ?? []), literal(path)])
  }
  if (shards.size > 0) return shards
  for (const patternsOf of [inFolders, inNames]) {
    const found = new Map<string, readonly string[]>()
    for (const [split, words] of Object.entries(keywords)) {
      const patterns = words.flatMap(patternsOf)
      if (matching(paths, folder, patterns).length > 0) found.set(split, patterns)
    }
    if (found.size > 0) return found
  }
  return new Map([['train', ['**']]])
}

const literal = (path: string) => path.replace(/[*?[{]/g, (character) => (character === '{' ? '?' : `[${character}]`))

/** The files below a folder that match one of these patterns, without those that are no data. */
function matching(paths: readonly string[], folder: string, patterns: readonly string[]): readonly string[] {
  const found = new Set<string>()
  for (const pattern of patterns) {
    const name = pattern.split('/').at(-1)!
    const matches = globMatcher(pattern.replace(/^\.\//, ''), { classes: true })
    const hidden = specialNames(pattern)
    for (const path of paths) {
      if (!path.startsWith(folder) || !matches(path.slice(folder.length))) continue
      const file = path.slice(path.lastIndexOf('/') + 1)
      if (ignoredNames.includes(file) && file !== name) continue
      if (specialNames(path.slice(folder.length)) === hidden) found.add(path)
    }
  }
  return [...found].sort()
}

/** The number of names that begin with a dot or with two underscores: a pattern must name them. */
const specialNames = (path: string) => path.split('/').filter((name) => /^(\.(?!\.?$)|__)/.test(name)).length

/** The `configs` of a card; `undefined` if it defines none. */
async function cardConfigs(path: string, text: string, repository: string): Promise<readonly CardConfig[] | undefined> {
  const front = path.endsWith('.md') ? /^\uFEFF?---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)/s.exec(text)?.[1] : text
  if (front === undefined) return undefined
  const { parseDocument } = await import('yaml')
  const refuse = (fact: string) => refusal(repository, `${path}: ${fact}`, 'Name the data files instead')
  const document = parseDocument(front, { schema: 'core', logLevel: 'silent' })
  const [problem] = document.errors
  if (problem !== undefined) throw refuse(problem.message.split('\n')[0]!.replace(/[.:]$/, ''))
  const { configs } = (document.toJS({ maxAliasCount: 50 }) ?? {}) as { readonly configs?: unknown }
  if (configs === undefined || configs === null) return undefined
  if (!Array.isArray(configs)) throw refuse('"configs" is not a list')
  return configs.map((config: unknown): CardConfig => {
    const { config_name: name, data_files: data, data_dir: directory, default: isDefault } = Object(config) as Card
    if (typeof name !== 'string') throw refuse('a configuration has no "config_name"')
    const folder = typeof directory === 'string' && directory !== '' ? `${directory.replace(/^\.\/|\/+$/g, '')}/` : ''
    const patterns = data === undefined || data === null ? undefined : patternsOf(data)
    if (patterns === 'unknown') throw refuse(`"data_files" of the configuration "${name}" cannot be read`)
    return { name, isDefault: name === 'default' || isDefault === true, folder, patterns }
  })
}

interface Card {
  readonly config_name?: unknown
  readonly data_files?: unknown
  readonly data_dir?: unknown
  readonly default?: unknown
}

/** `data_files`: a path, a list of paths, or a list of `{ split, path }`. */
function patternsOf(data: unknown): Patterns | 'unknown' {
  const texts = (value: unknown) =>
    (Array.isArray(value) ? (value as readonly unknown[]) : [value]).filter((one) => typeof one === 'string')
  const items: readonly unknown[] = Array.isArray(data) ? data : [data]
  if (items.every((item) => typeof item === 'string')) return new Map([['train', texts(data)]])
  const found = new Map<string, readonly string[]>()
  for (const item of items) {
    const { split, path } = Object(item) as { readonly split?: unknown; readonly path?: unknown }
    if (typeof split !== 'string' || texts(path).length === 0) return 'unknown'
    found.set(split, [...(found.get(split) ?? []), ...texts(path)])
  }
  return found
}

const some = (paths: readonly string[]) => `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', …' : ''}`

const refusal = (repository: string, fact: string, remedy: string) =>
  new SheikhError('dataset-invalid', `Cannot choose the data files of ${repository}: ${fact}. ${remedy}.`, {
    facts: { repository },
  })
