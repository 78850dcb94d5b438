import { setImmediate } from 'node:timers/promises'
import { type Digest, digestJson, inParallel, isSheikhError } from '../core/index.js'
import { type FileStamp, type StatCache, statCache } from '../store/index.js'
import { type CachedRows, cachedRows, cachedVersion } from './cached-rows.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { DatasetContext, SourceEntry } from './dataset-types.js'
import type { NamedFiles } from './files/named-files.js'
import { type DatasetIssue, issuesError, maximumIssues, placeOf, type SkippedFile } from './issues.js'
import { type ReadRow, readEntry } from './read-entry.js'
import { RowPool } from './row-pool.js'
import { openPartsPass } from './row-projection.js'
import { type RowList, RowTable } from './row-table.js'
import type { SampleSchema } from './schema/sample-schema.js'
import { LargePointer, type SmallFileContext } from './sources/large-files.js'

/** Every row of a dataset, in its cached form. */
export interface Scan {
  /** Sorted by id. */
  readonly rows: RowList
  readonly entries: ReadonlyMap<string, SourceEntry>
  /** Numbers of the first row of a file in the table, and of the row behind its last. */
  readonly ranges: ReadonlyMap<string, readonly [start: number, end: number]>
  /** Files that contain no readable samples, with the reason. */
  readonly skipped: readonly SkippedFile[]
  /** Files that were read but contain no samples. */
  readonly empty: readonly SkippedFile[]
  /** Rows that were read. */
  readonly pool: RowPool
  /** Absent: samples name no files. */
  readonly named: NamedFiles | undefined
}

/** Small files read at the same time. */
export const readConcurrency = 16
// Small files are read synchronously, so the scan yields to the event loop this often.
const filesPerTurn = 256
/** Larger files are read one at a time, so that the pieces of only one are in memory. */
const smallFileBytes = 1024 * 1024
/** Fewer files are read faster than the programs of Git start that name their contents. */
const fewestForContentIds = 256
/** Rows that stay in memory after reading. */
const maximumPoolBytes = 48 * 1024 * 1024
/** Rows that are cached between runs. Files beyond them are read again; the summary of unchanged files is cached anyway. */
const maximumCachedRows = 250_000

export interface FilesOfScan {
  /** The files that samples name. Absent: they name none. */
  readonly named?: NamedFiles | undefined
  /** Whether the listed files are only some of the dataset. @default false */
  readonly isPart?: boolean | undefined
}

/**
 * Scans a dataset: reads the files that are not cached.
 *
 * @param listed what the source lists.
 * @param key of everything except the file that decides a row; absent: every sample is read.
 */
export async function scan(
  listed: readonly SourceEntry[],
  options: AnyDatasetOptions,
  schema: SampleSchema,
  key: Digest | undefined,
  context: DatasetContext,
  { named, isPart = false }: FilesOfScan = {},
): Promise<Scan> {
  const entries = listed.filter(({ skipped }) => skipped === undefined)
  const cache = await openCache(options, key, context)
  const table = new RowTable()
  const pool = new RowPool(maximumPoolBytes, (index) => table.digest(index, 0))
  const ranges = new Map<string, readonly [number, number]>()
  let [cachedCount, restored] = [0, 0]
  const restore = async (path: string, kept: CachedRows): Promise<boolean> => {
    if (named !== undefined && !(await haveTheirFiles(kept, named))) return false
    const first = table.size
    table.copy(kept.table, kept.start, kept.end, path)
    ranges.set(path, [first, table.size])
    cachedCount += table.size - first
    restored += 1
    return true
  }
  for (const entry of entries) {
    const file = stampOf(entry)
    const kept = file && cache?.get(entry.path, file)
    if (kept !== undefined) await restore(entry.path, kept)
  }
  let missing = entries.filter(({ path }) => !ranges.has(path))
  const asked =
    cache === undefined || missing.length < fewestForContentIds ? undefined : options.source.contentIds?.(context)
  // Handled from the start: an error is thrown after the files that are read meanwhile.
  const answered = asked?.then(
    () => {},
    () => {},
  )
  // An empty cache finds nothing by them, so files are read while Git names the contents.
  let contentIds = cache?.isEmpty ? undefined : await asked
  for (const entry of missing) {
    const { path } = entry
    const [file, contentId] = [stampOf(entry), contentIds?.get(path)]
    const kept = file && contentId && cache?.find(path, contentId)
    if (!kept || !(await restore(path, kept))) continue
    cache?.set(path, file, kept, contentId)
  }
  if (contentIds !== undefined) missing = missing.filter(({ path }) => !ranges.has(path))
  const issues: DatasetIssue[] = []
  const read = new Map<string, CachedRows>()
  let begun = 0
  const smallContext: DatasetContext & SmallFileContext = { ...context, smallBytes: smallFileBytes }
  const readOne = async (entry: SourceEntry, isSmall: boolean) => {
    begun += 1
    if (begun % filesPerTurn === 0) await setImmediate()
    context.signal.throwIfAborted()
    if (issues.length >= maximumIssues) return
    const { path } = entry
    const known = issues.length
    const collected: (readonly ReadRow[])[] = []
    let isCached = cache !== undefined
    let start = table.size
    // Keeping rows that are dropped at the end of the file would only raise the peak.
    let fits = pool.mayKeep(textLengthOf(entry))
    const add = (rows: readonly ReadRow[]) => {
      for (const { scanned, row, textLength } of rows) {
        if (fits && !pool.keep(table.size, row, textLength)) {
          fits = false
          pool.drop(start, table.size)
        }
        isCached &&= cachedCount + table.size - start < maximumCachedRows
        table.add(scanned, isCached)
      }
    }
    const readContext = isSmall ? smallContext : context
    for await (const batch of readEntry(entry, { options, schema, issues, pass, named }, readContext))
      if (isSmall) collected.push(batch)
      else add(batch)
    // The rows of a file are neighbours in the table, so those of files that are read at the same time wait.
    if (isSmall) {
      start = table.size
      collected.forEach(add)
    }
    ranges.set(path, [start, table.size])
    if (issues.length > known || !isCached) return
    cachedCount += table.size - start
    read.set(path, { table, start, end: table.size })
  }
  const pass = openPartsPass(options, context)
  const isSmall = ({ sizeBytes = 0 }: SourceEntry) => sizeBytes <= smallFileBytes
  const [small, large] = [missing.filter(isSmall), missing.filter((entry) => !isSmall(entry))]
  try {
    const pointers: SourceEntry[] = []
    const fetches: LargePointer['fetch'][] = []
    await inParallel(small, readConcurrency, async (entry) => {
      try {
        await readOne(entry, true)
      } catch (error) {
        if (!(error instanceof LargePointer)) throw error
        pointers.push({ ...entry, sizeBytes: error.sizeBytes })
        fetches.push(error.fetch)
      }
    })
    // Reading a file that cannot be fetched tells so, with its place. Then no other is fetched.
    let hasFailed = false
    await inParallel(fetches, readConcurrency, async (fetch) => {
      if (hasFailed) return
      await fetch().catch((error: unknown) => {
        context.signal.throwIfAborted()
        if (isSheikhError(error) && error.retryable) throw error
        hasFailed = true
      })
    })
    pointers.sort((left, right) => (left.path < right.path ? -1 : 1))
    for (const entry of [...large, ...pointers]) await readOne(entry, false)
  } finally {
    pass.close()
    await answered
  }
  contentIds = await asked
  if (cache !== undefined) {
    // Only of a file that was the same before and after: a content id may be that of a later content.
    const later = [...read.keys()].some((path) => contentIds?.has(path)) ? await options.source.list(context) : []
    const stamps = new Map(later.map(({ path, stamp }) => [path, stamp]))
    for (const entry of entries) {
      const { path } = entry
      const [file, rows] = [stampOf(entry), read.get(path)]
      if (file !== undefined && rows !== undefined)
        cache.set(path, file, rows, stamps.get(path) === file.stamp ? contentIds?.get(path) : undefined)
    }
  }
  context.signal.throwIfAborted()
  const rows = table.sorted()
  issues.push(...repeatedIds(rows))
  if (issues.length > 0) throw issuesError(inOrder(issues))
  // Fields whose samples are known were used when they were read.
  if (named !== undefined && restored === 0 && rows.length > 0 && !isPart) named.refuseUnusedFields()
  await cache?.save()
  const isEmpty = ({ path }: SourceEntry) => {
    const range = ranges.get(path)
    return range !== undefined && range[0] === range[1]
  }
  return {
    rows,
    entries: new Map(entries.map((entry) => [entry.path, entry])),
    ranges,
    skipped: listed.flatMap(({ path, skipped }) => (skipped === undefined ? [] : [{ path, reason: skipped }])),
    empty: entries.filter(isEmpty).map(({ path }) => ({ path, reason: '' })),
    pool,
    named,
  }
}

/** Whether the files that rows name are as the rows have them. */
export async function haveTheirFiles({ table, start, end }: CachedRows, named: NamedFiles): Promise<boolean> {
  for (let index = start; index < end; index += 1) {
    const files = table.files(index)
    if (files !== undefined && !(await named.have(files))) return false
  }
  return true
}

/** About how much text a file contains. Packed text is about a sixth of its size. */
const textLengthOf = ({ path, sizeBytes = 0 }: SourceEntry) =>
  Number.isFinite(sizeBytes) ? sizeBytes * (/\.(parquet|gz|zst)$/i.test(path) ? 6 : 1) : 0

export async function openCache(
  { source }: AnyDatasetOptions,
  key: Digest | undefined,
  context: DatasetContext,
): Promise<StatCache<CachedRows> | undefined> {
  if (context.cache === undefined || key === undefined || source.location === undefined) return undefined
  // The name does not contain the key; otherwise a cache of every past projection would remain.
  const name = `dataset-${digestJson({ location: source.location, source: source.describe() }).slice(-16)}`
  return statCache(context.cache, name, digestJson({ key, cachedVersion }), context, cachedRows)
}

function stampOf({ stamp, changedAtNs }: SourceEntry): FileStamp | undefined {
  return stamp === undefined || changedAtNs === undefined ? undefined : { stamp, changedAtNs }
}

function repeatedIds({ table, indices }: RowList): readonly DatasetIssue[] {
  const issues: DatasetIssue[] = []
  let last: string | undefined
  for (let at = 0; at < indices.length && issues.length < maximumIssues; at += 1) {
    const [before, now] = [indices[at - 1]!, indices[at]!]
    const id = table.id(now)
    const isRepeated = id === last
    last = id
    if (!isRepeated) continue
    const place = placeOf(table.path(before), table.position(before))
    const message = `the id ${JSON.stringify(id)} also appears in ${place}`
    issues.push({ path: table.path(now), position: table.position(now), message })
  }
  return issues
}

function inOrder(issues: readonly DatasetIssue[]): readonly DatasetIssue[] {
  const order = (left: DatasetIssue, right: DatasetIssue) =>
    left.path < right.path ? -1 : left.path > right.path ? 1 : 0
  return [...issues].sort(order).slice(0, maximumIssues)
}
