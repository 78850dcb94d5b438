import { extname } from 'node:path'
import type { CallContext, Json, JsonObject } from '../../core/index.js'
import { SheikhError } from '../../core/index.js'
import { type CsvOptions, sampleFormatOf } from '../../dataset/index.js'
import { isLabelStudioTask } from '../../feedback/index.js'
import { kindOf } from './columns.js'
import { labelStudioRecords } from './label-studio-records.js'
import type { SourceRecord, SourceRecords } from './plan.js'
import { isPromptfooConfig, promptfooRecords } from './promptfoo-records.js'
import { readSamplesIn, readWhole, refuseIrregular } from './read-whole.js'
import { readYamlText } from './read-yaml-text.js'

/** Of a source file, before and after unpacking. */
export const maximumBytes = 500_000_000

/**
 * Reads the records of a file: JSON, JSON Lines, CSV, TSV or Parquet, an export of Label Studio, or a promptfoo configuration.
 *
 * @throws `not-found`; `dataset-invalid` with file and line.
 */
export async function readRecords(path: string, context: CallContext, csv?: CsvOptions): Promise<SourceRecords> {
  context.signal.throwIfAborted()
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('dataset-invalid', `Cannot import ${JSON.stringify(path)}: ${fact}. ${remedy}.`, {
      facts: { path },
    })
  if (/^\.ya?ml$/i.test(extname(path))) {
    const config = readYamlText(await readWhole(path, maximumBytes), path)
    if (isPromptfooConfig(config)) return promptfooRecords(config, path, context)
    throw refuse(
      'YAML is only read as a promptfoo configuration, and it has no "tests" with "prompts" or "providers"',
      'Convert the data to JSON Lines',
    )
  }
  if (sampleFormatOf(path) === undefined) {
    await refuseIrregular(path)
    const extension = extname(path)
    throw refuse(
      `${extension === '' ? 'it has no extension' : `its extension is "${extension}"`}, but data are read from .parquet, .json, .jsonl, .ndjson, .csv, .tsv and .yaml files, optionally with .gz or .zst`,
      'Convert or rename the file',
    )
  }
  const samples = await readSamplesIn(path, maximumBytes, context, csv)
  const [only] = samples
  // A single document that is not a list.
  if (samples.length === 1 && only!.position === '') {
    const document = only!.value as Json
    if (isPromptfooConfig(document)) return promptfooRecords(document, path, context)
    const lists = listsIn(document)
    const [list, ...others] = lists
    if (list === undefined || others.length > 0)
      throw refuse(
        list === undefined
          ? 'it contains neither a list of records nor an object with one'
          : `it contains several lists (${lists.map(({ name }) => JSON.stringify(name)).join(', ')})`,
        'Write a list of records, or one record per line',
      )
    return recordsOf(list.items.map((value, index) => ({ value, place: `${list.name}[${index}]` })))
  }
  return recordsOf(samples.map(({ value, position }) => ({ value: value as Json, place: position })))
}

/** The members that are lists of objects, such as `data`. */
function listsIn(document: Json): readonly { readonly name: string; readonly items: readonly Json[] }[] {
  if (kindOf(document) !== 'object') return []
  return Object.entries(document as JsonObject).flatMap(([name, value]) =>
    Array.isArray(value) && value.length > 0 && (value as readonly Json[]).every((item) => kindOf(item) === 'object')
      ? [{ name, items: value as readonly Json[] }]
      : [],
  )
}

/** The records among values that were read. Exports of Label Studio are recognised. */
export function recordsOf(items: readonly { readonly value: Json; readonly place: string }[]): SourceRecords {
  const records = items.filter((item): item is SourceRecord => kindOf(item.value) === 'object')
  const leftOut = items
    .filter(({ value }) => kindOf(value) !== 'object')
    .map(({ place }) => ({ reason: 'not-an-object' as const, place }))
  if (records.length > 0 && records.every(({ value }) => isLabelStudioTask(value))) {
    const found = labelStudioRecords(records)
    return { ...found, leftOut: [...leftOut, ...found.leftOut] }
  }
  return { format: 'records', records, leftOut, notes: [], known: {} }
}
