import type { Digest } from '../core/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { DatasetContext, SourceEntry } from './dataset-types.js'
import { type NamedFiles, openNamedFiles } from './files/named-files.js'
import type { QuarantinedSample } from './quarantine.js'
import type { SampleSchema } from './schema/sample-schema.js'

/** The options of a dataset, once its schema and templates are loaded. */
export interface LoadedOptions {
  readonly options: AnyDatasetOptions
  readonly schema: SampleSchema
  /** Digest of everything except files and quarantine that decides a row. Absent if some code has no version. */
  readonly key: Digest | undefined
}

/** What decides the rows of a dataset, read once, so that all results are about the same state. */
export interface DatasetState extends LoadedOptions {
  readonly listed: readonly SourceEntry[]
  readonly quarantined: readonly QuarantinedSample[]
  /** Absent: samples name no files. */
  readonly named: NamedFiles | undefined
}

/** Lists the files of a dataset. Reads no sample. */
export async function readState<Loaded extends LoadedOptions>(
  loaded: Loaded,
  quarantined: readonly QuarantinedSample[],
  context: DatasetContext,
): Promise<Loaded & DatasetState> {
  const listed = await loaded.options.source.list(context)
  return { ...loaded, quarantined, listed, named: await openFiles(loaded.options, context) }
}

export async function readQuarantine(
  { quarantine }: AnyDatasetOptions,
  context: DatasetContext,
): Promise<readonly QuarantinedSample[]> {
  return (await quarantine?.read(context)) ?? []
}

export async function openFiles(
  { files }: AnyDatasetOptions,
  context: DatasetContext,
): Promise<NamedFiles | undefined> {
  return files && (await openNamedFiles(files, context))
}
