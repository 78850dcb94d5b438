import { stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { type CallContext, type Json, messageOf, plainPath, SheikhError } from '../../core/index.js'
import type { SourceSample } from '../dataset-types.js'
import { type DatasetIssue, issuesError, maximumIssues, someOf } from '../issues.js'
import type { InexactNumber } from '../json-text.js'
import { fieldOf } from '../row-projection.js'
import type { LargeFiles } from '../sources/large-files.js'
import { fileFormat, readFile } from '../sources/sample-files.js'
import { sampleFormatOf } from '../sources/sample-format.js'
import { walk } from '../sources/walk.js'
import type { FeatureView } from './feature-join.js'
import type { FeatureType } from './feature-snapshot.js'
import { nanosecondsOf, type TimeFormat } from './feature-time.js'
import { entityText } from './sample-key.js'
import type { FeatureRow } from './view-join.js'

export interface ReadRows {
  readonly rows: number
  /** By feature; absent if every value is null. */
  readonly types: Readonly<Record<string, FeatureType>>
}

/**
 * Reads the rows of a view from its files, one after the other. Reads only the columns that the view names.
 *
 * @throws `dataset-invalid` with file and row, also for a feature with values of two types.
 */
export async function eachRow(
  view: FeatureView,
  use: (row: FeatureRow) => void,
  context: CallContext & { readonly largeFiles?: LargeFiles | undefined },
): Promise<ReadRows> {
  const names = Object.keys(view.features)
  const types: Record<string, FeatureType> = {}
  const issues: DatasetIssue[] = []
  const columns = [
    ...new Set([
      ...Object.values(view.entities),
      view.timestamp,
      ...(view.created === undefined ? [] : [view.created]),
      ...Object.values(view.features),
    ]),
  ]
  const format = { ...fileFormat({ parquet: { columns } }), largeFiles: context.largeFiles }
  let rows = 0
  for (const { root, path } of await filesOf(view, context)) {
    for await (const batch of readFile(root, path, format, context)) {
      context.signal.throwIfAborted()
      for (const sample of batch) {
        rows += 1
        const row = rowOf(sample, view, path)
        const problem = typeof row === 'string' ? row : typeProblem(row, names, types)
        if (problem !== undefined) issues.push({ path, position: sample.position, message: problem })
        else use(row as FeatureRow)
      }
      if (issues.length >= maximumIssues) throw issuesError(issues.slice(0, maximumIssues))
    }
  }
  if (issues.length > 0) throw issuesError(issues)
  return { rows, types }
}

interface File {
  readonly root: string
  readonly path: string
}

async function filesOf({ name, files }: FeatureView, context: CallContext): Promise<readonly File[]> {
  const found: File[] = []
  const refuse = (path: string, fact: string, remedy: string, cause?: unknown) =>
    new SheikhError(
      'dataset-invalid',
      `Cannot read the features of "${name}" from ${JSON.stringify(path)}: ${fact}. ${remedy}.`,
      {
        facts: { path },
        cause,
      },
    )
  for (const given of files) {
    const path = resolve(plainPath(given, 'the path of a file with features'))
    const stats = await stat(path).catch((error: unknown) => {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
      throw refuse(given, isAbsent ? 'it does not exist' : messageOf(error), 'Correct "files"', error)
    })
    if (stats.isDirectory()) {
      const isWanted = (below: string) => isReadable(below)
      const below = (await walk(path, { isWanted, isMeant: isWanted }, context)).found
      if (below.length === 0) throw refuse(given, 'the folder has no Parquet or JSON Lines files', 'Correct "files"')
      found.push(...below.map((file) => ({ root: path, path: file.path })))
    } else if (isReadable(path)) found.push({ root: dirname(path), path: basename(path) })
    else
      throw refuse(
        given,
        /^[ct]sv$/.test(sampleFormatOf(path) ?? '')
          ? 'all values of a CSV file are text, so that numbers would be text in training'
          : 'features are read from .parquet, .jsonl, .ndjson and .json files',
        'Convert the file',
      )
  }
  return found
}

const isReadable = (path: string) => ['parquet', 'lines', 'json'].includes(sampleFormatOf(path) ?? '')

/** @returns why a row cannot be used. */
function rowOf(
  { value, position, inexact = [], problem }: SourceSample,
  view: FeatureView,
  path: string,
): FeatureRow | string {
  if (problem !== undefined) return problem
  const entities: (string | null)[] = []
  for (const column of Object.values(view.entities)) {
    if (!isIn(value, column)) return noColumn(value, column)
    const entity = entityText(fieldOf(value, column))
    if (entity === undefined)
      return `its entity ${JSON.stringify(column)} is neither a text, an integer, true nor false`
    entities.push(entity)
  }
  const eventNs = timeIn(value, view.timestamp, view)
  if (typeof eventNs === 'string') return eventNs
  // A row may be written at an unknown time.
  const created = view.created !== undefined && fieldOf(value, view.created) !== null
  const createdNs = created ? timeIn(value, view.created!, view) : undefined
  if (typeof createdNs === 'string') return createdNs
  const values: Json[] = []
  for (const column of Object.values(view.features)) {
    if (!isIn(value, column)) return noColumn(value, column)
    if (inexact.length > 0 && isRounded(inexact, column))
      return `the value of ${JSON.stringify(column)} has more digits than a JavaScript number can represent; write it as text`
    values.push((fieldOf(value, column) ?? null) as Json)
  }
  return { entities, eventNs, createdNs, values, path, position }
}

const isIn = (value: unknown, column: string) =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, column)

const noColumn = (value: unknown, column: string) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? `it has no column ${JSON.stringify(column)}, but ${someOf(Object.keys(value))}`
    : 'it is not an object'

const isRounded = (inexact: readonly InexactNumber[], column: string) => {
  const pointer = `/${column.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return inexact.some((number) => number.pointer === pointer || number.pointer.startsWith(`${pointer}/`))
}

function timeIn(value: unknown, column: string, format: TimeFormat): bigint | string {
  if (!isIn(value, column)) return noColumn(value, column)
  const time = fieldOf(value, column)
  if (time === null) return `it has no time: the column ${JSON.stringify(column)} is empty`
  const found = nanosecondsOf(time, format)
  return typeof found === 'string' ? `its time ${JSON.stringify(column)} ${found}` : found
}

/** A model that learned from numbers must not get text. */
function typeProblem(
  { values }: FeatureRow,
  names: readonly string[],
  types: Record<string, FeatureType>,
): string | undefined {
  for (let at = 0; at < names.length; at += 1) {
    const value = values[at]!
    if (value === null) continue
    const name = names[at]!
    const type = typeOfFeature(value)
    types[name] ??= type
    if (types[name] !== type)
      return `the feature ${JSON.stringify(name)} is a ${type} here and a ${types[name]} in earlier rows`
  }
  return undefined
}

export function typeOfFeature(value: Exclude<Json, null>): FeatureType {
  if (Array.isArray(value)) return 'list'
  return typeof value as 'number' | 'string' | 'boolean' | 'object'
}
