// Two commits of a large dataset share almost all files. The rows of a shared file are the same in both states, so they are
// taken from the cache of an earlier run, and only the other files are read.
import { isSheikhError } from '../core/index.js'
import type { CachedRows } from './cached-rows.js'
import { CommonRows } from './common-rows.js'
import { contentsOf, describedRow, identityOfRow } from './contents.js'
import { type Dataset, stateOf } from './dataset.js'
import type { DatasetState } from './dataset-state.js'
import type {
  DatasetContents,
  DatasetContext,
  DescribedRow,
  RowIdentity,
  Source,
  SourceEntry,
} from './dataset-types.js'
import type { ScannedRow } from './row-table.js'
import { haveTheirFiles, openCache, scan } from './scan.js'
import { clashing, mayClash } from './sources/walk.js'

const filesPerTurn = 1000

/** Rows of files that are the same in two states. */
export interface SharedRows {
  readonly size: number
  /** Number of rows by label, and by slice (`category=billing`). */
  readonly labels: ReadonlyMap<string, number>
  readonly slices: ReadonlyMap<string, number>
  identity(id: string): RowIdentity | undefined
}

/** The contents of two states, without the shared rows. */
export interface SharedContents {
  readonly before: DatasetContents
  readonly after: DatasetContents
  readonly shared: SharedRows
}

/** A state of a dataset whose source names the contents of its files. */
export interface NamedState {
  readonly dataset: Dataset<unknown, unknown>
  /**
   * Lists the other files, if the source lists only those that differ from the other state. Both states have the same others.
   * @returns `undefined` if equal names may stand for different contents.
   * @default the source lists all files
   */
  readonly unchanged?: (() => Promise<UnchangedFiles | undefined>) | undefined
  /** Called before files are read, with their paths. @default the files exist */
  readonly prepare?: ((paths: readonly string[]) => Promise<void>) | undefined
}

/** Files that two states have in common, which may be samples or not. */
export interface UnchangedFiles {
  /** Calls `take` with the path of each file and the name of its content. */
  visit(take: (path: string, id: string) => void): void
  /** A source of some of them. */
  source(paths: readonly string[]): Source
}

/**
 * Compares the files of two states by the names of their contents, and reads those that differ. Changes no cache.
 *
 * @returns `undefined` if the states must be read separately: something other than files differs, a source does not name
 * contents, or a state has an error, which reading the whole state reports.
 */
export async function sharedContents(
  before: NamedState,
  after: NamedState,
  context: DatasetContext,
): Promise<SharedContents | undefined> {
  try {
    return await shareContents(before, after, context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (isSheikhError(error, 'dataset-invalid') || isSheikhError(error, 'dataset-changed')) return undefined
    throw error
  }
}

interface Side extends NamedState {
  readonly state: DatasetState
  readonly ids: ReadonlyMap<string, string>
  /** Files with samples, by path. */
  readonly files: ReadonlyMap<string, SourceEntry>
}

async function sideOf(named: NamedState, context: DatasetContext): Promise<Side | undefined> {
  const state = await stateOf(named.dataset, context)
  const ids = await state.options.source.contentIds?.(context)
  if (ids === undefined || state.key === undefined) return undefined
  return { ...named, state, ids, files: samplesIn(state.listed) }
}

const samplesIn = (listed: readonly SourceEntry[]): ReadonlyMap<string, SourceEntry> =>
  new Map(listed.flatMap((entry) => (entry.skipped === undefined ? [[entry.path, entry]] : [])))

/** The files that both states list with the same content. */
const commonFiles = (old: Side, now: Side): UnchangedFiles => ({
  visit(take) {
    for (const path of now.files.keys()) {
      const id = now.ids.get(path)
      if (id !== undefined && id === old.ids.get(path) && old.files.has(path)) take(path, id)
    }
  },
  source: () => ({ ...now.state.options.source, list: async () => now.state.listed }),
})

async function shareContents(before: NamedState, after: NamedState, context: DatasetContext) {
  const [old, now] = [await sideOf(before, context), await sideOf(after, context)]
  if (old === undefined || now === undefined || old.state.key !== now.state.key) return undefined
  if ((old.unchanged === undefined) !== (now.unchanged === undefined)) return undefined
  const { key, options } = now.state
  const excluded = [old, now].map(({ state }) => new Set(state.quarantined.map(({ id }) => id)))
  const [cache, unchanged] = await Promise.all([
    openCache(options, key, context),
    now.unchanged === undefined ? commonFiles(old, now) : now.unchanged(),
  ])
  if (unchanged === undefined) return undefined
  // Without the cache, because a scan of some files would overwrite it.
  const { cache: _, ...uncached } = context
  const read = async ({ state, prepare }: Side, entries: readonly SourceEntry[]) => {
    if (entries.length > 0) await prepare?.(entries.map(({ path }) => path))
    return scan(entries, options, state.schema, undefined, uncached, { named: state.named, isPart: true })
  }

  const rows = new CommonRows()
  /** Files whose rows are not known. */
  const unknown = new Set<string>()
  const naming: (readonly [path: string, kept: CachedRows])[] = []
  const hasNamed = now.state.named !== undefined
  let mayShareClash = false
  unchanged.visit((path, id) => {
    mayShareClash ||= mayClash(path)
    const kept = cache?.find(path, id)
    if (kept !== undefined && hasNamed && namesFiles(kept)) naming.push([path, kept])
    else if (kept === undefined || !rows.add(kept)) unknown.add(path)
  })
  // Reading a whole state tells that no sample names a file.
  if (hasNamed && naming.length === 0) return undefined
  for (const [index, [path, kept]] of naming.entries()) {
    if (index % filesPerTurn === 0) context.signal.throwIfAborted()
    // A sample file that is the same may name a file that is not.
    const isCommon = (await haveTheirFiles(kept, old.state.named!)) && (await haveTheirFiles(kept, now.state.named!))
    if (!isCommon || !rows.add(kept)) unknown.add(path)
  }
  const sampleFilesIn = async (files: UnchangedFiles): Promise<readonly SourceEntry[]> => {
    const listed = unknown.size === 0 ? [] : await files.source([...unknown]).list(context)
    return [...samplesIn(listed).values()].filter(({ path }) => unknown.has(path))
  }
  const unread = hasNamed ? [] : await sampleFilesIn(unchanged)
  rows.addRead((await read(now, unread)).rows.table)
  const sharedPaths = () => {
    const paths = unread.map(({ path }) => path)
    unchanged.visit((path) => {
      if (!unknown.has(path)) paths.push(path)
    })
    return paths
  }
  const common = new Set(now.unchanged === undefined ? sharedPaths() : [])

  /** Of shared rows, by id. */
  const numbers = rows.byId()
  if (numbers.size < rows.size) return undefined
  const targets: boolean[] = []
  const contents: DatasetContents[] = []
  for (const [index, side] of [old, now].entries()) {
    const differing = [...side.files.values()].filter(({ path }) => !common.has(path))
    // Read in both states, because their files may differ.
    if (hasNamed && side.unchanged !== undefined && unknown.size > 0) {
      const files = await side.unchanged()
      if (files === undefined) return undefined
      differing.push(...(await sampleFilesIn(files)))
    }
    const clashes = () => clashing([...sharedPaths().map((path) => ({ path })), ...differing])
    if ((mayShareClash || differing.some(({ path }) => mayClash(path))) && clashes().length > 0) return undefined
    const found = await read(side, differing)
    if (found.rows.some(({ id }) => numbers.has(id))) return undefined
    const isExcluded = ({ id }: ScannedRow) => excluded[index]!.has(id)
    const used = found.rows.filter((row) => !isExcluded(row))
    const own = contentsOf({ ...found, rows: used }, options, side.state.schema, uncached)
    // Rows of shared files that only the other state excludes.
    const others = rows
      .withPaths([...excluded[1 - index]!].flatMap(numberIn(numbers)), (take) =>
        unchanged.visit((path, id) => take(path, cache?.find(path, id))),
      )
      .filter((row) => !isExcluded(row))
    const all = others.length === 0 ? own.rows : [...own.rows, ...others.map(describedRow)].sort(byId)
    contents.push({ ...own, rows: all })
    targets.push([...used, ...others].some(({ targetKey }) => targetKey !== undefined))
  }
  for (const ids of excluded) for (const id of ids) numbers.delete(id)
  const [first, second] = contents as [DatasetContents, DatasetContents]
  const hasTarget =
    options.target === undefined || [...numbers.values()].some((number) => rows.row(number).targetKey !== undefined)
  for (const [index, { rows: own }] of [first, second].entries())
    if (numbers.size + own.length === 0 || !(hasTarget || targets[index]!)) return undefined
  return { before: first, after: second, shared: sharedRows(rows, numbers) }
}

function namesFiles({ table, start, end }: CachedRows): boolean {
  for (let index = start; index < end; index += 1) if (table.files(index) !== undefined) return true
  return false
}

const byId = (one: DescribedRow, other: DescribedRow) => (one.id < other.id ? -1 : 1)

const numberIn = (numbers: ReadonlyMap<string, number>) => (id: string) => numbers.get(id) ?? []

function sharedRows(rows: CommonRows, numbers: ReadonlyMap<string, number>): SharedRows {
  const labels = new Map<string, number>()
  const kinds = new Map<ScannedRow['slices'], number>()
  const add = <K>(counts: Map<K, number>, key: K, count = 1) => counts.set(key, (counts.get(key) ?? 0) + count)
  for (const number of numbers.values()) {
    const { label, slices } = rows.row(number)
    if (label !== undefined) add(labels, label)
    add(kinds, slices)
  }
  const slices = new Map<string, number>()
  for (const [values, count] of kinds)
    for (const [kind, value] of Object.entries(values)) add(slices, `${kind}=${value}`, count)
  const identity = (id: string) => {
    const number = numbers.get(id)
    return number === undefined ? undefined : identityOfRow(rows.row(number))
  }
  return { size: numbers.size, labels, slices, identity }
}
