import { type CallContext, canonicalJson, digestBytes } from '../core/index.js'
import type { Row } from '../model/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { SourceEntry } from './dataset-types.js'
import { hashText } from './hash-text.js'
import { type DatasetIssue, issuesOf, maximumIssues } from './issues.js'
import { type InexactNumber, inexactProblem, isTextMember } from './json-text.js'
import { projectRow, rowText, Unprojectable } from './row-projection.js'
import type { ScannedRow } from './row-table.js'
import { digestSample, FallbackIds } from './sample-identity.js'
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
}

const maximumLabelLength = 256

/** Reads, validates and projects the samples of one file, in batches. */
export async function* readEntry(
  entry: SourceEntry,
  { options, schema, issues }: EntryOptions,
  context: CallContext,
): AsyncIterable<readonly ReadRow[]> {
  const { path } = entry
  const ids = new FallbackIds(path)
  const textMembers = textMembersOf(options)
  try {
    for await (const batch of sampleBatches(entry, context)) {
      context.signal.throwIfAborted()
      const rows: ReadRow[] = []
      for (const { value, position, inexact = [], problem } of batch) {
        const report = (message: string) => issues.push({ path, position, message })
        if (issues.length >= maximumIssues) return
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
        else {
          try {
            const sampleDigest = digestSample(value)
            const row = projectRow(options, result.value, value, {
              path,
              fallback: () => ids.next(position, sampleDigest),
            })
            const text = rowText(row)
            const digest = digestBytes(text)
            const scanned = scannedOf(row, { digest, sampleDigest: sampleDigest ?? digest, path, position })
            rows.push({ scanned, row, sample: value, textLength: text.length })
          } catch (error) {
            if (!(error instanceof Unprojectable)) throw error
            report(error.message)
          }
        }
      }
      yield rows
    }
  } catch (error) {
    const found = issuesOf(error)
    if (found === undefined) throw error
    issues.push(...found)
  }
}

/** The fields that are read as text. */
const textMembersOf = ({ id = 'id', group }: AnyDatasetOptions): readonly string[] =>
  [id, group].filter((part) => typeof part === 'string')

const asText = (numbers: readonly InexactNumber[]) =>
  `the number at ${numbers.map(({ pointer }) => pointer).join(', ')} is read as text, to keep its digits`

function scannedOf(
  row: Row<unknown, unknown>,
  place: Pick<ScannedRow, 'digest' | 'sampleDigest' | 'path' | 'position'>,
): ScannedRow {
  const { id, input, target, group, slices } = row
  const label = typeof target === 'string' && target.length <= maximumLabelLength ? target : undefined
  return {
    id,
    ...place,
    group,
    label,
    slices,
    inputKey: keyOf(input),
    targetKey: target === undefined ? target : keyOf(target),
  }
}

// 53 bits are enough, because the keys are only used for warnings.
const keyOf = (value: unknown) => hashText(typeof value === 'string' ? `"${value}` : canonicalJson(value))
