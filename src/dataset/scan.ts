import { type Digest, digestJson, inParallel, type Json } from '../core/index.js'
import { type StatCache, statCache } from '../store/index.js'
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
    const { path, stamp, changedAtNs } = entry
    if (cache === undefined || stamp === undefined || changedAtNs === undefined) return undefined
    const kept = cache.get(path, { stamp, changedAtNs })
    return kept === undefined ? undefined : unpack(path, kept)
  })
  const unknown = [...known.keys()].filter((index) => known[index] === undefined)
  const issues: DatasetIssue[] = []
  await inParallel(unknown, readConcurrency, async (index) => {
    context.signal.throwIfAborted()
    if (issues.length >= maximumIssues) return
    const entry = entries[index]!
    const read = await readEntry(entry, options, schema, context)
    issues.push(...read.issues)
    known[index] = read.scanned
    pool.put(entry.path, read.rows, read.sizeBytes)
    const { path, stamp, changedAtNs } = entry
    if (read.issues.length === 0 && stamp !== undefined && changedAtNs !== undefined)
      cache?.set(path, { stamp, changedAtNs }, pack(read.scanned))
  })
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
