// Caches the summary of unchanged samples in one short document, while the rows take megabytes.
import { type Digest, digestBytes, digestJson, isSheikhError, type Json, type JsonObject } from '../core/index.js'
import { isSettled, nanosecondsOf } from '../store/index.js'
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

interface SummaryInputs {
  readonly options: AnyDatasetOptions
  /** Digest of everything except the file that decides a row. */
  readonly key: Digest
  readonly pinned: PinnedSet
  readonly quarantined: readonly QuarantinedSample[]
  readonly listed: readonly SourceEntry[]
  readonly named: NamedFiles | undefined
}

/** @returns `undefined` if a sample has no stamp, or nothing is cached. Then every run reads the rows. */
export function knownSummary(
  { options, key, pinned, quarantined, listed, named }: SummaryInputs,
  context: DatasetContext,
): KnownSummary | undefined {
  const { cache } = context
  const { source, developmentShare = 0, training = {} } = options
  if (cache === undefined || source.location === undefined) return undefined
  const files = stampsOf(listed)
  if (files === undefined) return undefined
  const place = { location: source.location, source: source.describe() }
  const name = `dataset-summary-${digestJson(place).slice(-16)}`
  const settings = { developmentShare, training } as unknown as Json
  const inputs = {
    ...{ key, files, settings, pinned: pinned as unknown as Json, version: summaryVersion },
    ...(quarantined.length > 0 && { quarantined: quarantined as unknown as Json }),
  }
  const digest = digestJson(inputs)
  // Rows are read after this moment.
  const listedAtMs = context.clock.nowMs()
  return {
    async find() {
      const document = (await cache.read(name)) as JsonObject | undefined
      if (document?.['formatVersion'] !== 1 || document['inputs'] !== digest) return undefined
      if (named !== undefined && (document['files'] === undefined || document['files'] !== named.known()))
        return undefined
      return document['summary'] as unknown as DatasetSummary
    },
    async keep(summary, namedFiles) {
      const atNs = nanosecondsOf(listedAtMs)
      const isSafe = listed.every(({ changedAtNs }) => changedAtNs === undefined || isSettled(changedAtNs, atNs))
      if (!isSafe || (named !== undefined && namedFiles === undefined)) return
      try {
        const document = { formatVersion: 1, inputs: digest, summary: summary as unknown as Json }
        await cache.write(name, namedFiles === undefined ? document : { ...document, files: namedFiles })
      } catch (error) {
        if (!isSheikhError(error, 'storage-failed')) throw error
        context.log.debug(`Could not cache the summary of the dataset: ${error.message}`)
      }
    },
  }
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
