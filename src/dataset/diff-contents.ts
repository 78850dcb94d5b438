import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../core/index.js'
import type { Row } from '../model/index.js'
import type { DatasetContents, DescribedRow } from './dataset-types.js'
import { areLabels } from './labels.js'
import type { SharedContents, SharedRows } from './shared-contents.js'

/** What changed between two states of a dataset. JSON. Contains text of samples only if it was asked for. */
export interface DatasetDifference {
  readonly rows: Counts
  /** Sorted by id, as all lists of samples are. */
  readonly added: readonly SampleName[]
  readonly removed: readonly SampleName[]
  /** Samples with the same content under another id, as after a file was renamed. */
  readonly moved: readonly { readonly id: string; readonly previousId: string }[]
  readonly changed: readonly SampleChange[]
  /** Ids of unchanged samples of which a model receives something else: a prompt, a projection or a schema changed. */
  readonly projectedDifferently: readonly string[]
  /** Samples whose label changed, by the labels before and after, most frequent first. */
  readonly relabelled: readonly Relabelled[]
  /** Rows by label. Labels without a difference are included. */
  readonly labels: readonly NamedCounts[]
  /** Rows by slice (`category=billing`). */
  readonly slices: readonly NamedCounts[]
}

export interface Counts {
  readonly before: number
  readonly after: number
}

export interface NamedCounts extends Counts {
  readonly name: string
}

export interface SampleName {
  readonly id: string
  readonly path: string
  readonly label?: string | undefined
}

export interface SampleChange {
  readonly id: string
  readonly path: string
  /** The fields that differ. Absent beyond the first `maximumDetails` samples. */
  readonly fields?: readonly FieldChange[] | undefined
}

export interface FieldChange {
  /**
   * Such as `text`, `meta.author` or `tags[2]`; empty if the sample is not an object. For a file that the sample names and
   * whose content differs, its path; then the values are digests.
   */
  readonly field: string
  /** Absent without `includeText`, and if the field was added. */
  readonly before?: Json | undefined
  /** Absent without `includeText`, and if the field was removed. */
  readonly after?: Json | undefined
}

export interface Relabelled {
  /** Absent: the sample had no label. */
  readonly before?: string | undefined
  /** Absent: the sample has none now. */
  readonly after?: string | undefined
  readonly ids: readonly string[]
}

export interface DiffContentsOptions {
  /** Adds the values of changed fields, which are text of samples. @default false */
  readonly includeText?: boolean | undefined
  /** Changed samples that are read again to compare their fields. @default 1000 */
  readonly maximumDetails?: number | undefined
}

/**
 * Compares two states of a dataset, sample by sample. If targets rarely repeat, they are text and not labels, and are
 * left out.
 *
 * @throws `dataset-changed` if samples changed while they were read.
 */
export async function diffContents(
  before: DatasetContents,
  after: DatasetContents,
  options: DiffContentsOptions = {},
): Promise<DatasetDifference> {
  return diffSharedContents({ before, after, shared: noRows }, options)
}

export const noRows: SharedRows = { size: 0, labels: new Map(), slices: new Map(), identity: () => undefined }

/** The same for states whose shared rows are counted, but not listed. */
export async function diffSharedContents(
  { before, after, shared }: SharedContents,
  { includeText = false, maximumDetails = 1000 }: DiffContentsOptions = {},
): Promise<DatasetDifference> {
  const hasLabels = targetsAreLabels(before.rows, after.rows, shared.labels)
  const [rowsBefore, rowsAfter] = hasLabels ? [before.rows, after.rows] : [before, after].map(withoutLabels)
  const [old, now] = [byId(rowsBefore), byId(rowsAfter)]
  const { added, removed, moved } = separateMoved(
    rowsAfter.filter(({ id }) => !old.has(id)),
    rowsBefore.filter(({ id }) => !now.has(id)),
  )
  const both = rowsAfter.flatMap((row) => {
    const earlier = old.get(row.id)
    return earlier === undefined ? [] : [{ earlier, row }]
  })
  const changed = both.filter(({ earlier, row }) => earlier.sampleDigest !== row.sampleDigest)
  const wanted = new Set(changed.slice(0, maximumDetails).map(({ row }) => row.id))
  const [samplesBefore, samplesAfter] = [await before.samples(wanted), await after.samples(wanted)]
  const [filesBefore, filesAfter] = [await before.files(wanted), await after.files(wanted)]
  return {
    rows: { before: shared.size + rowsBefore.length, after: shared.size + rowsAfter.length },
    added: added.map(nameOf),
    removed: removed.map(nameOf),
    moved,
    changed: changed.map(({ row: { id, path } }) => {
      if (!wanted.has(id)) return { id, path }
      const fields = [
        ...fieldChanges(samplesBefore.get(id), samplesAfter.get(id)),
        ...fileChanges(filesBefore.get(id), filesAfter.get(id)),
      ]
      return { id, path, fields: includeText ? fields : fields.map(({ field }) => ({ field })) }
    }),
    projectedDifferently: both.flatMap(({ earlier, row }) =>
      earlier.sampleDigest === row.sampleDigest && earlier.digest !== row.digest ? [row.id] : [],
    ),
    relabelled: relabelled(both),
    labels: namedCounts(hasLabels ? shared.labels : noRows.labels, rowsBefore, rowsAfter, ({ label }) =>
      label === undefined ? [] : [label],
    ),
    slices: namedCounts(shared.slices, rowsBefore, rowsAfter, ({ slices }) =>
      Object.entries(slices).map(([kind, value]) => `${kind}=${value}`),
    ),
  }
}

type Rows = readonly DescribedRow[]

/** Whether the targets are labels, and no answers in words. */
function targetsAreLabels(before: Rows, after: Rows, shared: SharedRows['labels']): boolean {
  const different = new Set(shared.keys())
  const sizes = [before, after].map((rows) => {
    const labels = rows.flatMap(({ label }) => label ?? [])
    for (const label of labels) different.add(label)
    return labels.length
  })
  // Not the sum of both: in two states, each unchanged answer occurs twice.
  const inBoth = [...shared.values()].reduce((sum, count) => sum + count, 0)
  return areLabels(different.size, inBoth + Math.max(...sizes))
}

const withoutLabels = ({ rows }: DatasetContents) => rows.map(({ label: _, ...row }: DescribedRow): DescribedRow => row)

const byId = (rows: readonly DescribedRow[]) => new Map(rows.map((row) => [row.id, row]))

const nameOf = ({ id, path, label }: DescribedRow): SampleName => ({ id, path, ...(label !== undefined && { label }) })

/** A sample that disappears under one id and appears under another was moved. */
function separateMoved(added: readonly DescribedRow[], removed: readonly DescribedRow[]) {
  const gone = new Map<string, DescribedRow[]>()
  // From the last one, because `pop` takes the last one first.
  for (const row of removed.toReversed()) {
    const same = gone.get(row.sampleDigest)
    if (same === undefined) gone.set(row.sampleDigest, [row])
    else same.push(row)
  }
  const moved: { readonly id: string; readonly previousId: string }[] = []
  const left = new Set(removed)
  const appeared = added.filter((row) => {
    const earlier = gone.get(row.sampleDigest)?.pop()
    if (earlier === undefined) return true
    left.delete(earlier)
    moved.push({ id: row.id, previousId: earlier.id })
    return false
  })
  return { added: appeared, removed: removed.filter((row) => left.has(row)), moved }
}

function relabelled(
  both: readonly { readonly earlier: DescribedRow; readonly row: DescribedRow }[],
): readonly Relabelled[] {
  const found = new Map<string, { before: string | undefined; after: string | undefined; ids: string[] }>()
  for (const { earlier, row } of both) {
    if (earlier.label === row.label) continue
    const key = JSON.stringify([earlier.label ?? null, row.label ?? null])
    const kind = found.get(key) ?? { before: earlier.label, after: row.label, ids: [] }
    kind.ids.push(row.id)
    found.set(key, kind)
  }
  return [...found.values()].sort((one, other) => other.ids.length - one.ids.length)
}

function namedCounts(
  shared: ReadonlyMap<string, number>,
  before: readonly DescribedRow[],
  after: readonly DescribedRow[],
  namesOf: (row: DescribedRow) => readonly string[],
): readonly NamedCounts[] {
  const counts = new Map([...shared].map(([name, count]) => [name, { before: count, after: count }]))
  for (const [side, rows] of [['before', before] as const, ['after', after] as const])
    for (const name of rows.flatMap(namesOf)) {
      const count = counts.get(name) ?? { before: 0, after: 0 }
      count[side] += 1
      counts.set(name, count)
    }
  return [...counts].map(([name, count]) => ({ name, ...count })).sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** Files that are named by both versions of a sample and differ. Others differ by their paths. */
function fileChanges(before: Row['files'] = {}, after: Row['files'] = {}): readonly FieldChange[] {
  return Object.keys(after).flatMap((path) =>
    Object.hasOwn(before, path) && before[path] !== after[path]
      ? [{ field: path, before: before[path] as Json, after: after[path] as Json }]
      : [],
  )
}

/** The parts of two JSON values that differ. Lists of different lengths differ as a whole. */
export function fieldChanges(before: unknown, after: unknown, field = ''): readonly FieldChange[] {
  if (isObject(before) && isObject(after))
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
      const [was, is] = [before, after].map((value) => (Object.hasOwn(value, name) ? value[name] : undefined))
      return fieldChanges(was, is, field === '' ? name : `${field}.${name}`)
    })
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
    return before.flatMap((item, index) => fieldChanges(item, after[index], `${field}[${index}]`))
  if (isDeepStrictEqual(before, after)) return []
  return [{ field, before: before as Json | undefined, after: after as Json | undefined }]
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
