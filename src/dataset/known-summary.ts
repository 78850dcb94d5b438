// Caches the summary of unchanged samples in one short document, while the rows take megabytes.
import { type Digest, digestBytes, digestJson, isSheikhError, type Json, type JsonObject } from '../core/index.js'
import { isReadOnly, isSettled, nanosecondsOf } from '../store/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { DatasetContext, DatasetSummary, PinnedSet, SourceEntry } from './dataset-types.js'
import type { NamedFiles } from './files/named-files.js'
import type { QuarantinedSample } from './quarantine.js'

// Raise this when the same rows lead to a different summary.
const summaryVersion = 2

export interface KnownSummary {
  /** Returns the cached summary of exactly these samples. */
  find(): Promise<DatasetSummary | undefined>
  /**
   * Caches a summary, unless a file changed so recently that its stamp may miss a later change. Call it after `find`.
   *
   * @param files what `NamedFiles.save` returned; absent if samples name no files.
   */
  keep(summary: DatasetSummary, files: Digest | undefined): Promise<void>
}

/** What a summary depends on, apart from the files. */
interface SummaryInputs {
  readonly options: AnyDatasetOptions
  /** Digest of everything except the file that decides a row. */
  readonly key: Digest
  readonly pinned: PinnedSet
  readonly quarantined: readonly QuarantinedSample[]
}

/** @returns `undefined` if a sample has no stamp, or nothing is cached. Then every run reads the rows. */
export function knownSummary(
  { listed, named, ...inputs }: SummaryInputs & FilesOfSummary,
  context: DatasetContext,
): KnownSummary | undefined {
  const files = stampsOf(listed)
  const document = files && summaryDocument('dataset-summary', inputs, { files }, context)
  if (document === undefined) return undefined
  // Rows are read after this moment.
  const listedAtMs = context.clock.nowMs()
  return {
    async find() {
      const found = await document.read()
      if (named !== undefined && (found?.['files'] === undefined || found['files'] !== named.known())) return undefined
      return found?.['summary'] as unknown as DatasetSummary | undefined
    },
    async keep(summary, namedFiles) {
      if (!isSettledAt(listed, listedAtMs) || (named !== undefined && namedFiles === undefined)) return
      const content = { summary: summary as unknown as Json }
      await document.write(namedFiles === undefined ? content : { ...content, files: namedFiles })
    },
  }
}

interface FilesOfSummary {
  readonly listed: readonly SourceEntry[]
  readonly named: NamedFiles | undefined
}

/** The summary of samples whose content has a name, so that no file is listed. */
export interface NamedContent {
  find(): Promise<DatasetSummary | undefined>
  /**
   * Caches a summary if the content is sure to be what the name says: the files did not change since it was asked for, and none
   * is converted by settings that the name may not contain.
   *
   * @param listed the files, as they were before their rows were read.
   */
  keep(summary: DatasetSummary, listed: readonly SourceEntry[]): Promise<void>
}

/** Call this before files are listed. @returns `undefined` if the content has no name, or nothing is cached. */
export async function askContent(
  { source, files }: AnyDatasetOptions,
  context: DatasetContext,
): Promise<((inputs: SummaryInputs) => NamedContent | undefined) | undefined> {
  if (context.cache === undefined || source.contentId === undefined || files !== undefined) return undefined
  const askedAtMs = context.clock.nowMs()
  const content = await source.contentId(context)
  if (content === undefined) return undefined
  return (inputs) => {
    const document = summaryDocument('dataset-content', inputs, { content }, context)
    return (
      document && {
        find: async () => (await document.read())?.['summary'] as unknown as DatasetSummary | undefined,
        async keep(summary, listed) {
          if (isReadOnly(context.cache!) || !isSettledAt(listed, askedAtMs)) return
          // The check runs Git over all files, and would say the same of the same content.
          if ((await document.read())?.['isRefused'] === true) return
          const ids = await source.contentIds?.(context)
          if (ids === undefined) return
          if (!listed.every(({ path }) => ids.has(path))) return document.write({ isRefused: true })
          // A file may have been away for a moment when the others were listed.
          if ((await source.contentId!(context)) !== content) return
          if (stampsOf(await source.list(context)) === stampsOf(listed))
            await document.write({ summary: summary as unknown as Json })
        },
      }
    )
  }
}

interface SummaryDocument {
  read(): Promise<JsonObject | undefined>
  write(content: JsonObject): Promise<void>
}

function summaryDocument(
  kind: string,
  { options, key, pinned, quarantined }: SummaryInputs,
  of: JsonObject,
  { cache, log }: DatasetContext,
): SummaryDocument | undefined {
  const { source, developmentShare = 0, training = {} } = options
  if (cache === undefined || source.location === undefined) return undefined
  const place = { location: source.location, source: source.describe() }
  const name = `${kind}-${digestJson(place).slice(-16)}`
  const settings = { developmentShare, training } as unknown as Json
  const inputs = {
    ...{ key, ...of, settings, pinned: pinned as unknown as Json, version: summaryVersion },
    ...(quarantined.length > 0 && { quarantined: quarantined as unknown as Json }),
  }
  const digest = digestJson(inputs)
  return {
    async read() {
      const document = (await cache.read(name)) as JsonObject | undefined
      return document?.['formatVersion'] === 1 && document['inputs'] === digest ? document : undefined
    },
    async write(content) {
      try {
        await cache.write(name, { formatVersion: 1, inputs: digest, ...content })
      } catch (error) {
        if (!isSheikhError(error, 'storage-failed')) throw error
        log.debug(`Could not cache the summary of the dataset: ${error.message}`)
      }
    },
  }
}

function isSettledAt(listed: readonly SourceEntry[], atMs: number): boolean {
  const atNs = nanosecondsOf(atMs)
  return listed.every(({ changedAtNs }) => changedAtNs === undefined || isSettled(changedAtNs, atNs))
}

/** A digest over the path and the stamp of every file. */
function stampsOf(listed: readonly SourceEntry[]): Digest | undefined {
  const lines: string[] = []
  for (const { path, stamp, changedAtNs, skipped } of listed) {
    if (skipped !== undefined) lines.push(`${path}\0skipped\0${skipped}`)
    else if (stamp === undefined || changedAtNs === undefined) return undefined
    else lines.push(`${path}\0${stamp}`)
  }
  return digestBytes(lines.join('\0\0'))
}
