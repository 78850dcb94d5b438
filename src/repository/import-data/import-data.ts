import { basename, join, resolve } from 'node:path'
import { env } from 'node:process'
import { type CallContext, callContext, type Json, type JsonObject, plainPath, SheikhError } from '../../core/index.js'
import { type CsvOptions, formatPinnedSet } from '../../dataset/index.js'
import { readTextFile } from '../../store/index.js'
import { type Configuration, isHubAddress } from '../config/index.js'
import { isAsInitWrote, schemasBelow } from '../init/init-repository.js'
import { schemaLine } from '../init/layout-files.js'
import { evaluationPath, featuresPath, promptsPath } from '../layout.js'
import type { RepositoryOptions } from '../opened-project.js'
import { columnsOf, number } from './columns.js'
import { foldIn, noSplit } from './fold-in.js'
import { type ImportPlace, importPlace, schemaFile, settingsFile } from './import-place.js'
import { inferSchema } from './infer-schema.js'
import { makeSamples } from './make-samples.js'
import type { DataImportPlan, LeftOutRecord, LeftOutSample, ProposedProjection, SourceRecords } from './plan.js'
import { type Chosen, type ChosenColumns, type GivenFields, proposeProjection } from './propose-projection.js'
import { readHubRecords } from './read-hub-records.js'
import { maximumBytes, readRecords, recordsOf } from './read-records.js'
import { applyImport, type ImportedData, occupiedBy, statesOf } from './write-import.js'

export interface ImportDataOptions extends RepositoryOptions, GivenFields {
  /** Folder of the samples, below the project: `dataset/samples/<category>`. @default the category is the name of the source */
  readonly to?: string | undefined
  /**
   * Share of the samples to pin as the evaluation set, between 0 and 1.
   *
   * @default 0.2, and up to 0.4 if fewer items could not certify the margin of the regression check
   */
  readonly share?: number | undefined
  /** Separator, quote and charset of a table. @default recognised, and UTF-8 */
  readonly csv?: CsvOptions | undefined
}

/** A planned import. Nothing is written before `apply`. */
export interface DataImport {
  readonly plan: DataImportPlan
  /**
   * Writes what the plan says and commits it. If it is interrupted, the next import of the same source completes it.
   *
   * @throws `dataset-invalid` if the plan has problems; `invalid-options` if a file exists with other content;
   * `repository-invalid`; `storage-failed`.
   */
  readonly apply: () => Promise<ImportedData>
}

/** Files of samples are divided at this size, because servers of Git repositories limit the size of a file. */
const maximumFileBytes = 50_000_000

/**
 * Plans how the data of a file become samples of a project: which field is what and why, a JSON Schema, and the evaluation set.
 * Reads JSON, JSON Lines, CSV, TSV and Parquet, exports of Label Studio and configurations of promptfoo. Writes nothing.
 *
 * A project with samples or settings of its own keeps its settings, schema and evaluation set; fields are renamed to what the
 * settings name. Otherwise the import writes them.
 *
 * @param directory the project's folder. If there is no project, `apply` creates one.
 * @param given a file, or a dataset of the Hugging Face Hub: `hf:datasets/owner/name`, also with `@revision`, the path or a glob
 * of files, `?config=` and `?split=`.
 * @throws `not-found`; `dataset-invalid` if the source cannot be read; `invalid-options` for a field that no record has, or a
 * folder that a run does not read; `invalid-config` if the project's settings cannot be used.
 * @example
 * const { plan, apply } = await importData('.', 'reviews.csv', { group: 'author' })
 * if (plan.problems.length === 0) await apply()
 */
export async function importData(
  directory: string,
  given: string,
  options: ImportDataOptions = {},
): Promise<DataImport> {
  const context = callContext(options)
  const { share, to, environment = env } = options
  if (share !== undefined && !(share > 0 && share < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot import the data: the share ${share} is not between 0 and 1. Give one such as 0.2.`,
    )
  const root = resolve(plainPath(directory, 'the folder of the project'))
  const { source, name, read } = await recordsIn(given, options, context)
  if (read.records.length === 0) throw nothingIn(source, read)
  const place = await importPlace(root, name, { to, environment }, context)
  if (place.ownsSettings) {
    const own = await planImport({ ...place, pinned: undefined }, read, source, options, context)
    if (await isOurs(place, own.files)) return withApply(own)
  }
  return withApply(await planImport({ ...place, ownsSettings: false }, read, source, options, context))

  function withApply(planned: Planned): DataImport {
    return { plan: planned.plan, apply: () => applyImport(planned, options, context) }
  }
}

/** Reads a file, or a dataset of the Hub whose commit is then part of the source. */
async function recordsIn(given: string, { csv, environment = env }: ImportDataOptions, context: CallContext) {
  if (!isHubAddress(given)) {
    const path = resolve(plainPath(given, 'the source of the data'))
    return { source: given, name: given, read: await readRecords(path, context, csv) }
  }
  const { source, name, samples } = await readHubRecords(given, { environment, csv, maximumBytes }, context)
  const read = recordsOf(samples.map(({ value, position }) => ({ value: value as Json, place: position })))
  return { source, name, read }
}

interface Planned {
  readonly place: ImportPlace
  readonly plan: DataImportPlan
  /** The text of each file, in the order of writing. */
  readonly files: ReadonlyMap<string, string>
  /** The text of the file of features that the import completes. */
  readonly replaces?: string | undefined
}

/** Whether settings, schema and evaluation set are absent, as `sheikh init` wrote them, or as an interrupted import did. */
async function isOurs({ root, name }: ImportPlace, files: ReadonlyMap<string, string>): Promise<boolean> {
  for (const path of [settingsFile, schemaFile, evaluationPath]) {
    const text = await readTextFile(join(root, path))
    if (text !== undefined && text !== files.get(path) && !(await isAsInitWrote(root, path, name))) return false
  }
  return true
}

async function planImport(
  place: ImportPlace,
  read: SourceRecords,
  source: string,
  options: ImportDataOptions,
  context: CallContext,
): Promise<Planned> {
  const { share } = options
  const demanded = demandedBy(place)
  const chosen = proposeProjection(columnsOf(read.records), {
    given: options,
    expected: { ...demanded, ...read.known },
    hasLabels: place.hasSamples,
  })
  const planned = (
    rest: Omit<DataImportPlan, 'source' | 'format' | 'records' | 'createsProject'>,
    files: Planned['files'],
    replaces?: string | undefined,
  ) => {
    const records = read.records.length + read.leftOut.length
    return {
      place,
      files,
      replaces,
      plan: { source, format: read.format, records, createsProject: place.isNew, ...rest },
    }
  }
  const notes = [...place.notes, ...read.notes, ...chosen.notes]
  const { input, target } = chosen
  if (input === undefined || target === undefined)
    return planned(
      {
        projection: unfinished(chosen),
        ...{ samples: 0, labels: {}, differentLabels: 0, leftOut: counted(read.leftOut), split: noSplit, files: [] },
        ...{ notes, problems: chosen.problems },
      },
      new Map(),
    )

  const made = makeSamples(read.records, { ...chosen, input, target }, demanded)
  const { projection } = made
  const settings = settingsFor(place, projection)
  const schema = place.ownsSettings
    ? inferSchema(
        made.samples.map(({ sample }) => sample),
        { id: projection.id.field, input: projection.input.field, target: projection.target.field },
      )
    : undefined
  const folded = await foldIn(place, made.samples, { settings, schema, share }, context)
  const { samples, set, split } = folded
  // The features first: the file may know samples that do not exist yet, as after an interrupted import.
  const features = folded.samples.length === 0 ? undefined : folded.features
  const files = new Map<string, string>([
    ...(features === undefined ? [] : [[featuresPath, features.text] as const]),
    ...sampleFiles(
      place,
      samples.map((one) => one.sample),
    ),
  ])
  if (schema !== undefined) {
    files.set(schemaFile, `${JSON.stringify(schema, null, 2)}\n`)
    files.set(settingsFile, settingsText(place, isHubAddress(source) ? source : basename(source), projection))
  }
  if (set !== undefined) files.set(evaluationPath, formatPinnedSet(set))
  const states = await statesOf(place, files, features?.replaces)
  const occupied = [...states].filter(([, state]) => state === 'occupied').map(([path]) => occupiedBy(path))
  return planned(
    {
      projection,
      ...(schema !== undefined && { schema }),
      ...{ samples: samples.length, split },
      ...labelsOf(samples.map(({ sample }) => String(sample[projection.target.field]))),
      leftOut: counted([...read.leftOut, ...made.leftOut, ...folded.leftOut]),
      files: [...files]
        .filter(([path]) => states.get(path) !== 'written')
        .map(([path, text]) => ({ path, sizeBytes: Buffer.byteLength(text) })),
      notes: [...notes, ...made.notes, ...undeclared(place, projection), ...folded.notes],
      problems: [...chosen.problems, ...folded.problems, ...occupied],
    },
    files,
    features?.replaces,
  )
}

const nothingIn = (source: string, { leftOut }: SourceRecords) =>
  new SheikhError(
    'dataset-invalid',
    leftOut.length === 0
      ? `Cannot import ${JSON.stringify(source)}: it contains no records. Name a file with at least two.`
      : `Cannot import ${JSON.stringify(source)}: none of its ${number(leftOut.length)} items can be a sample (${counted(
          leftOut,
        )
          .map(({ reason, count }) => `${reason}: ${number(count)}`)
          .join(', ')}). Name a file with records, tasks or tests that have a label.`,
    { facts: { leftOut: counted(leftOut) } },
  )

/** The field names that the settings of a project demand. */
function demandedBy({ ownsSettings, configuration }: ImportPlace) {
  if (ownsSettings) return {}
  const { id = 'id', input, target, group } = configuration.dataset.projection
  return { id, target, group, ...(!input.startsWith(`${promptsPath}/`) && { input }) }
}

function settingsFor({ ownsSettings, configuration }: ImportPlace, projection: ProposedProjection): Configuration {
  if (!ownsSettings) return configuration
  const { id, input, target, group, slices } = projection
  const { schemaPath: _replaced, ...dataset } = configuration.dataset
  return {
    ...configuration,
    dataset: {
      ...dataset,
      projection: {
        ...{ id: id.field, input: input.field, target: target.field },
        ...(group !== undefined && { group: group.field }),
        ...(slices.length > 0 && { slices: slices.map(({ field }) => field) }),
      },
    },
  }
}

/** Choices that the settings of a project do not name. */
function undeclared({ ownsSettings, configuration }: ImportPlace, { group, slices }: ProposedProjection) {
  if (ownsSettings) return []
  const { projection } = configuration.dataset
  const others = slices.filter(({ field }) => !projection.slices?.includes(field)).map(({ field }) => field)
  return [
    ...(group === undefined || projection.group !== undefined
      ? []
      : [
          `The project has no group. If samples with the same "${group.field}" belong together, add to projection in ${settingsFile}: group: ${JSON.stringify(group.field)}`,
        ]),
    ...(others.length === 0
      ? []
      : [
          `The project does not judge ${others.map((name) => `"${name}"`).join(', ')} separately. To do so, add to projection in ${settingsFile}: slices: ${JSON.stringify(others)}`,
        ]),
  ]
}

function sampleFiles({ directory, file }: ImportPlace, samples: readonly JsonObject[]): [string, string][] {
  const parts: string[][] = [[]]
  let sizeBytes = 0
  for (const sample of samples) {
    const line = `${JSON.stringify(sample)}\n`
    const size = Buffer.byteLength(line)
    if (sizeBytes > 0 && sizeBytes + size > maximumFileBytes) {
      parts.push([])
      sizeBytes = 0
    }
    parts.at(-1)!.push(line)
    sizeBytes += size
  }
  if (samples.length === 0) return []
  const name = `${directory}/${file.slice(0, -'.jsonl'.length)}`
  return parts.map((lines, index) => [`${name}${index === 0 ? '' : `-part${index + 1}`}.jsonl`, lines.join('')])
}

function settingsText(
  { root, name }: ImportPlace,
  source: string,
  { id, input, target, group, slices }: ProposedProjection,
): string {
  const text = (value: string) => (/^[A-Za-z_][\w-]*$/.test(value) ? value : JSON.stringify(value))
  return `${schemaLine(settingsFile, schemasBelow(root))}dataset:
  name: ${JSON.stringify(name)}
  version: 1.0.0
  source: ${JSON.stringify(source)}
validation:
  schema_path: ${schemaFile}
# Which fields of a sample matter to a model. The folder below dataset/samples/ is the slice "category".
projection:
  id: ${text(id.field)}
  input: ${text(input.field)}
  target: ${text(target.field)}
${group === undefined ? '' : `  group: ${text(group.field)}\n`}${slices.length === 0 ? '' : `  slices: [${slices.map(({ field }) => text(field)).join(', ')}]\n`}`
}

function labelsOf(labels: readonly string[]) {
  const counts = new Map<string, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  const sorted = [...counts].sort(([one, left], [other, right]) => right - left || (one < other ? -1 : 1))
  return { labels: Object.fromEntries(sorted.slice(0, 100)), differentLabels: sorted.length }
}

function counted(
  found: readonly { readonly reason: LeftOutRecord; readonly place: string }[],
): readonly LeftOutSample[] {
  const places = new Map<LeftOutRecord, string[]>()
  for (const { reason, place } of found) {
    const list = places.get(reason)
    if (list === undefined) places.set(reason, [place])
    else list.push(place)
  }
  return [...places].map(([reason, list]) => ({ reason, count: list.length, places: list.slice(0, 5) }))
}

/** The choices so far, of data without an input or a target. */
function unfinished({ id, input, target, group, slices }: ChosenColumns): ProposedProjection {
  const choice = (chosen: Chosen | undefined) => ({
    field: chosen?.column.name ?? '',
    ...(chosen !== undefined && { from: chosen.column.name }),
    reason: chosen?.reason ?? 'no field was found',
  })
  return {
    ...{ id: choice(id), input: choice(input), target: choice(target), slices: slices.map(choice) },
    ...(group !== undefined && { group: choice(group) }),
  }
}
