import { type CallContext, type Digest, digestBytes, digestJson, hexOf } from '../core/index.js'
import type { Row } from '../model/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { SourceEntry } from './dataset-types.js'
import { type DatasetIssue, issuesOf, maximumIssues } from './issues.js'
import { type InexactNumber, inexactProblem, isTextMember } from './json-text.js'
import { projectRow, rowText, Unprojectable } from './row-projection.js'
import { digestSample, FallbackIds } from './sample-identity.js'
import type { SampleSchema } from './schema/sample-schema.js'
import { sampleBatches } from './sources/sample-batches.js'

/** The cached data of a row. */
export interface ScannedRow {
  readonly id: string
  readonly digest: Digest
  /** The digest of the sample as it was read, or of the row if the sample cannot be represented as JSON. */
  readonly sampleDigest: Digest
  readonly path: string
  readonly position: string
  readonly group: string | undefined
  /** The target, if it is text short enough to be a label. */
  readonly label: string | undefined
  readonly slices: Readonly<Record<string, string>>
  /** Equal for equal inputs. */
  readonly inputKey: string
  /** Equal for equal targets; absent without a target. */
  readonly targetKey: string | undefined
}

export interface EntryRead {
  readonly scanned: readonly ScannedRow[]
  readonly rows: ReadonlyMap<string, Row<unknown, unknown>>
  /** The samples with the ids that were asked for, as they were read. */
  readonly samples: ReadonlyMap<string, unknown>
  readonly sizeBytes: number
  readonly issues: readonly DatasetIssue[]
}

const maximumLabelLength = 256

/**
 * Reads, validates and projects the samples of one file.
 *
 * @param keep ids of samples that are returned as they were read. @default none
 */
export async function readEntry(
  entry: SourceEntry,
  options: AnyDatasetOptions,
  schema: SampleSchema,
  context: CallContext,
  keep?: ReadonlySet<string>,
): Promise<EntryRead> {
  const scanned: ScannedRow[] = []
  const rows = new Map<string, Row<unknown, unknown>>()
  const samples = new Map<string, unknown>()
  const issues: DatasetIssue[] = []
  let sizeBytes = 0
  const { path } = entry
  const ids = new FallbackIds(path)
  const textMembers = textMembersOf(options)
  for await (const { value, position, inexact = [], problem } of samplesIn(entry, issues, context)) {
    const report = (message: string) => issues.push({ path, position, message })
    if (problem !== undefined) {
      report(problem)
      continue
    }
    const rounded = inexact.filter((number) => !isTextMember(number, textMembers))
    rounded.map(inexactProblem).forEach(report)
    if (rounded.length > 0) continue
    const checked = schema.check(value)
    const result = checked instanceof Promise ? await checked : checked
    if ('problems' in result)
      for (const problem of result.problems) report(inexact.length === 0 ? problem : `${problem}; ${asText(inexact)}`)
    else {
      try {
        const sampleDigest = digestSample(value)
        const row = projectRow(options, result.value, value, ids.next(position, sampleDigest))
        const text = rowText(row)
        const digest = digestBytes(text)
        scanned.push(scannedOf(row, { digest, sampleDigest: sampleDigest ?? digest, path, position }))
        rows.set(row.id, row)
        if (keep?.has(row.id)) samples.set(row.id, value)
        sizeBytes += 2 * text.length
      } catch (error) {
        if (!(error instanceof Unprojectable)) throw error
        report(error.message)
      }
    }
    if (issues.length >= maximumIssues) break
  }
  return { scanned, rows, samples, sizeBytes, issues }
}

/** The fields that are read as text. */
const textMembersOf = ({ id = 'id', group }: AnyDatasetOptions): readonly string[] =>
  [id, group].filter((part) => typeof part === 'string')

const asText = (numbers: readonly InexactNumber[]) =>
  `the number at ${numbers.map(({ pointer }) => pointer).join(', ')} is read as text, to keep its digits`

async function* samplesIn(entry: SourceEntry, issues: DatasetIssue[], context: CallContext) {
  try {
    for await (const batch of sampleBatches(entry, context)) yield* batch
  } catch (error) {
    const found = issuesOf(error)
    if (found === undefined) throw error
    issues.push(...found)
  }
}

function scannedOf(
  row: Row<unknown, unknown>,
  place: Pick<ScannedRow, 'digest' | 'sampleDigest' | 'path' | 'position'>,
): ScannedRow {
  const { id, input, target, group, slices } = row
  const label = typeof target === 'string' && target.length <= maximumLabelLength ? target : undefined
  const targetKey = target === undefined ? undefined : shortKey(target)
  return { id, ...place, group, label, slices, inputKey: shortKey(input), targetKey }
}

// 64 bits are enough, because the keys are only used for warnings.
const shortKey = (value: unknown) => hexOf(digestJson(value)).slice(0, 16)
