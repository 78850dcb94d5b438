import { type Digest, digestJson, inParallel, type Json } from '../core/index.js'
import { type FileStamp, type StatCache, statCache } from '../store/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { DatasetContext, SourceEntry } from './dataset-types.js'
import { type DatasetIssue, issuesError, maximumIssues, placeOf, type SkippedFile } from './issues.js'
import { readEntry, type ScannedRow } from './read-entry.js'
import { RowPool } from './row-pool.js'
import type { SampleSchema } from './schema/sample-schema.js'

/** Every row of a dataset, in its cached form. */
export interface Scan {
  /** Sorted by id. */
  readonly rows: readonly ScannedRow[]
  readonly entries: ReadonlyMap<string, SourceEntry>
  /** Files that contain no readable samples, with the reason. */
  readonly skipped: readonly SkippedFile[]
  /** Files that were read but contain no samples. */
  readonly empty: readonly SkippedFile[]
  /** Rows that are in memory. */
  readonly pool: RowPool
}

/** Files read at the same time. */
export const readConcurrency = 16
/** Rows that stay in memory after reading, by the size of their text. */
const maximumPoolBytes = 512 * 1024 * 1024

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
): Promise<Scan> {
  const entries = listed.filter(({ skipped }) => skipped === undefined)
  const cache = await openCache(options, key, context)
  const pool = new RowPool(maximumPoolBytes)
  const known: (readonly ScannedRow[] | undefined)[] = entries.map((entry) => {
    const file = stampOf(entry)
    const kept = file && cache?.get(entry.path, file)
    return kept === undefined ? undefined : unpack(entry.path, kept)
  })
  const missing = () => [...known.keys()].filter((index) => known[index] === undefined)
  const contentIds =
    cache === undefined || missing().length === 0 ? undefined : await options.source.contentIds?.(context)
  for (const index of missing()) {
    const { path } = entries[index]!
    const [file, contentId] = [stampOf(entries[index]!), contentIds?.get(path)]
    const kept = file && contentId && cache?.find(path, contentId)
    if (!kept) continue
    known[index] = unpack(path, kept)
    cache?.set(path, file, kept, contentId)
  }
  const issues: DatasetIssue[] = []
  const read = new Map<string, Json>()
  await inParallel(missing(), readConcurrency, async (index) => {
    context.signal.throwIfAborted()
    if (issues.length >= maximumIssues) return
    const entry = entries[index]!
    const found = await readEntry(entry, options, schema, context)
    issues.push(...found.issues)
    known[index] = found.scanned
    pool.put(entry.path, found.rows, found.sizeBytes)
    if (found.issues.length === 0) read.set(entry.path, pack(found.scanned))
  })
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
  const rows = known
    .flatMap((scanned) => scanned ?? [])
    .sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
  issues.push(...repeatedIds(rows))
  if (issues.length > 0) throw issuesError(inOrder(issues))
  await cache?.save()
  return {
    rows,
    entries: new Map(entries.map((entry) => [entry.path, entry])),
    skipped: listed.flatMap(({ path, skipped }) => (skipped === undefined ? [] : [{ path, reason: skipped }])),
    empty: entries.flatMap(({ path }, index) => (known[index]?.length === 0 ? [{ path, reason: '' }] : [])),
    pool,
  }
}

async function openCache(
  { source }: AnyDatasetOptions,
  key: Digest | undefined,
  context: DatasetContext,
): Promise<StatCache<Json> | undefined> {
  if (context.cache === undefined || key === undefined || source.location === undefined) return undefined
  // The name does not contain the key; otherwise a cache of every past projection would remain.
  const name = `dataset-${digestJson({ location: source.location, source: source.describe() }).slice(-16)}`
  return statCache<Json>(context.cache, name, key, context)
}

function stampOf({ stamp, changedAtNs }: SourceEntry): FileStamp | undefined {
  return stamp === undefined || changedAtNs === undefined ? undefined : { stamp, changedAtNs }
}

function repeatedIds(rows: readonly ScannedRow[]): readonly DatasetIssue[] {
  const issues: DatasetIssue[] = []
  for (let index = 1; index < rows.length && issues.length < maximumIssues; index += 1) {
    const { id, path, position } = rows[index]!
    const earlier = rows[index - 1]!
    if (id === earlier.id)
      issues.push({
        path,
        position,
        message: `the id ${JSON.stringify(id)} also appears in ${placeOf(earlier.path, earlier.position)}`,
      })
  }
  return issues
}

function inOrder(issues: readonly DatasetIssue[]): readonly DatasetIssue[] {
  const order = (left: DatasetIssue, right: DatasetIssue) =>
    left.path < right.path ? -1 : left.path > right.path ? 1 : 0
  return [...issues].sort(order).slice(0, maximumIssues)
}

function pack(rows: readonly ScannedRow[]): Json {
  return rows.map((row) => [
    row.id,
    row.digest,
    row.sampleDigest,
    row.position,
    row.group ?? null,
    row.label ?? null,
    row.slices,
    row.inputKey,
    row.targetKey ?? null,
  ])
}

function unpack(path: string, kept: Json): readonly ScannedRow[] {
  return (kept as PackedRow[]).map(
    ([id, digest, sampleDigest, position, group, label, slices, inputKey, targetKey]) => ({
      id,
      digest,
      sampleDigest,
      path,
      position,
      group: group ?? undefined,
      label: label ?? undefined,
      slices,
      inputKey,
      targetKey: targetKey ?? undefined,
    }),
  )
}

type PackedRow = readonly [
  id: string,
  digest: Digest,
  sampleDigest: Digest,
  position: string,
  group: string | null,
  label: string | null,
  slices: Readonly<Record<string, string>>,
  inputKey: string,
  targetKey: string | null,
]
