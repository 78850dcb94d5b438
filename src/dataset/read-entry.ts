import { type CallContext, canonicalJson, type Digest, digestBytes } from '../core/index.js'
import type { Row } from '../model/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { SourceEntry, SourceSample } from './dataset-types.js'
import type { FileDigests, NamedFiles } from './files/named-files.js'
import { hashText } from './hash-text.js'
import { type DatasetIssue, issuesOf, maximumIssues } from './issues.js'
import { type InexactNumber, inexactProblem, isTextMember } from './json-text.js'
import { namedId, type PartsPass, projectRow, rowText, Unprojectable } from './row-projection.js'
import type { ScannedRow } from './row-table.js'
import { digestSample, digestWithFiles, FallbackIds } from './sample-identity.js'
import type { SampleSchema } from './schema/sample-schema.js'
import { sampleBatches } from './sources/sample-batches.js'

/** A sample that was read, validated and projected. */
export interface ReadRow {
  readonly scanned: ScannedRow
  readonly row: Row<unknown, unknown>
  /** The sample as it was read. */
  readonly sample: unknown
  /** Length of the row's canonical text. */
  readonly textLength: number
}

export interface EntryOptions {
  readonly options: AnyDatasetOptions
  readonly schema: SampleSchema
  /** Receives what is wrong with the samples. Reading stops when there are 100. */
  readonly issues: DatasetIssue[]
  readonly pass: PartsPass
  /** Absent: samples name no files. */
  readonly named: NamedFiles | undefined
}

const maximumLabelLength = 256
const none: readonly InexactNumber[] = []

/**
 * Reads, validates and projects the samples of one file, in batches. If parts are made by a pass, a batch is read while the one
 * before it is projected.
 */
export async function* readEntry(
  entry: SourceEntry,
  given: EntryOptions,
  context: CallContext,
): AsyncIterable<readonly ReadRow[]> {
  const { issues } = given
  const ids = new FallbackIds(composed(entry.path))
  let before: Promise<ReadBatch> | undefined
  try {
    for await (const batch of sampleBatches(entry, context)) {
      context.signal.throwIfAborted()
      if (issues.length >= maximumIssues) return
      const next = readBatch(batch, { ...given, path: entry.path, ids, after: before })
      // Awaited below, unless the batch before it fails.
      next.catch(() => {})
      if (before !== undefined) yield take(await before)
      before = given.pass.makesParts ? next : undefined
      // Two batches in memory would only keep more young objects alive.
      if (before === undefined) yield take(await next)
    }
    if (before !== undefined) yield take(await before)
  } catch (error) {
    const found = issuesOf(error)
    if (found === undefined) throw error
    issues.push(...found)
  }

  function take({ rows, problems }: ReadBatch): readonly ReadRow[] {
    issues.push(...problems)
    return rows
  }
}

/** A checkout on macOS may decompose names. Ids and slices must not depend on that. */
const composed = (path: string) => path.normalize('NFC')

interface ReadBatch {
  readonly rows: readonly ReadRow[]
  readonly problems: readonly DatasetIssue[]
}

interface BatchOptions extends Omit<EntryOptions, 'issues'> {
  readonly path: string
  readonly ids: FallbackIds
  /** Ids without a name are counted in the order of the file. */
  readonly after: Promise<unknown> | undefined
}

async function readBatch(
  batch: readonly SourceSample[],
  { options, schema, pass, named, path, ids, after }: BatchOptions,
): Promise<ReadBatch> {
  const textMembers = textMembersOf(options)
  const rows: ReadRow[] = []
  const problems: { readonly index: number; readonly issue: DatasetIssue }[] = []
  const valid: {
    readonly value: unknown
    readonly sample: unknown
    readonly position: string
    readonly index: number
  }[] = []
  for (let index = 0; index < batch.length; index += 1) {
    const { value, position, inexact = none, problem } = batch[index]!
    const report = (message: string) => problems.push({ index, issue: { path, position, message } })
    if (problems.length >= maximumIssues) break
    if (problem !== undefined) {
      report(problem)
      continue
    }
    if (inexact.length > 0) {
      const rounded = inexact.filter((number) => !isTextMember(number, textMembers))
      rounded.map(inexactProblem).forEach(report)
      if (rounded.length > 0) continue
    }
    const checked = schema.check(value)
    const result = checked instanceof Promise ? await checked : checked
    if ('problems' in result)
      for (const wrong of result.problems) report(inexact.length === 0 ? wrong : `${wrong}; ${asText(inexact)}`)
    else valid.push({ value, sample: result.value, position, index })
  }
  const made = await pass.makeAll(
    valid.map(({ sample }) => sample),
    (at) => ({ path, position: valid[at]!.position, ...namedId(options, valid[at]!.sample, valid[at]!.value) }),
  )
  const files = named && (await Promise.all(valid.map(({ value }) => named.digestsOf(value))))
  await after
  const place = composed(path)
  for (let at = 0; at < valid.length; at += 1) {
    const { value, sample, position, index } = valid[at]!
    const digests = files?.[at]
    if (isProblems(digests)) {
      for (const message of digests) problems.push({ index, issue: { path, position, message } })
      continue
    }
    try {
      const written = digestSample(value)
      const fallback = () => ids.next(position, written)
      const row = projectRow(options, sample, value, { path: place, fallback }, made?.[at], digests)
      const text = rowText(row)
      const digest = digestBytes(text)
      const scanned = scannedOf(row, digest, digestWithFiles(written, digests) ?? digest, { path, position })
      rows.push({ scanned, row, sample: value, textLength: text.length })
    } catch (error) {
      if (!(error instanceof Unprojectable)) throw error
      problems.push({ index, issue: { path, position, message: error.message } })
    }
  }
  problems.sort((left, right) => left.index - right.index)
  return { rows, problems: problems.map(({ issue }) => issue) }
}

/** Whether files cannot be used. */
export const isProblems = (found: FileDigests | readonly string[] | undefined): found is readonly string[] =>
  Array.isArray(found)

/** The fields that are read as text. */
const textMembersOf = ({ id = 'id', group }: AnyDatasetOptions): readonly string[] =>
  [id, group].filter((part) => typeof part === 'string')

const asText = (numbers: readonly InexactNumber[]) =>
  `the number at ${numbers.map(({ pointer }) => pointer).join(', ')} is read as text, to keep its digits`

function scannedOf(
  row: Row<unknown, unknown>,
  digest: Digest,
  sampleDigest: Digest,
  { path, position }: { readonly path: string; readonly position: string },
): ScannedRow {
  const { id, input, target, group, slices, files } = row
  const label = typeof target === 'string' && target.length <= maximumLabelLength ? target : undefined
  const targetKey = target === undefined ? target : keyOf(target)
  // Two paths may lead to copies of one file.
  const inputKey = keyOf(fileOf(row) ?? input)
  const scanned = { id, digest, sampleDigest, path, position, group, label, slices, inputKey, targetKey }
  return files === undefined ? scanned : { ...scanned, files }
}

/** The digest of the file that is the input of a row: its input is a path that the sample names. */
export function fileOf({ input, files }: Pick<Row<unknown, unknown>, 'input' | 'files'>): Digest | undefined {
  return files !== undefined && typeof input === 'string' && Object.hasOwn(files, input) ? files[input] : undefined
}

// 53 bits are enough, because the keys are only used for warnings.
const keyOf = (value: unknown) => hashText(typeof value === 'string' ? `"${value}` : canonicalJson(value))
