// Samples that are not in a dataset, projected as if they were.
import { type CallContext, inParallel, SheikhError } from '../core/index.js'
import type { Row } from '../model/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import { type LoadedOptions, openFiles } from './dataset-state.js'
import type { ExaminedSample } from './dataset-types.js'
import type { FoundFiles } from './files/file-place.js'
import type { DatasetIssue } from './issues.js'
import { type EntryOptions, isProblems, type ReadRow, readEntry } from './read-entry.js'
import { openPartsPass, projectRow, rowText, Unprojectable } from './row-projection.js'
import { digestSample, FallbackIds } from './sample-identity.js'
import { readConcurrency } from './scan.js'

interface ProjectedSamples {
  readonly rows: readonly Row<unknown, never>[]
  /** The files that the samples name. Absent: samples name no files. */
  readonly files: FoundFiles | undefined
}

/** @throws as `Dataset.project`. */
export async function projectSamples(
  samples: readonly unknown[],
  { target: _target, ...given }: AnyDatasetOptions,
  context: CallContext,
): Promise<ProjectedSamples> {
  const options = given as AnyDatasetOptions
  const seen = new Set<string>()
  const ids = new FallbackIds('pool')
  const place = (index: number) => ({ path: '', position: String(index + 1) })
  const pass = openPartsPass(options, context)
  const made = await pass.makeAll(samples, place).finally(() => pass.close())
  const named = await openFiles(options, context)
  const files = named && (await inParallel(samples, readConcurrency, (sample) => named.digestsOf(sample)))
  const rows = samples.map((sample, index) => {
    const position = String(index + 1)
    const wrong = (fact: string) =>
      new SheikhError('dataset-invalid', `Cannot use the sample ${position}: ${fact}. Correct it.`, {
        facts: { position: index + 1 },
      })
    const digests = files?.[index]
    if (isProblems(digests)) throw wrong(digests.join('; '))
    const unnamed = { path: 'pool', fallback: () => ids.next(position, digestSample(sample)) }
    try {
      const row = projectRow(options, sample, sample, unnamed, made?.[index], digests)
      rowText(row)
      if (seen.has(row.id)) throw wrong(`its id "${row.id}" appears twice`)
      seen.add(row.id)
      return row as Row<unknown, never>
    } catch (error) {
      if (error instanceof Unprojectable) throw wrong(error.message)
      throw error
    }
  })
  return { rows, files: named?.found }
}

/** As `Dataset.examine`. */
export async function examineSamples(
  samples: readonly unknown[],
  { options, schema }: Pick<LoadedOptions, 'options' | 'schema'>,
  context: CallContext,
): Promise<readonly ExaminedSample<unknown, unknown>[]> {
  const examined: ExaminedSample<unknown, unknown>[] = []
  const pass = openPartsPass(options, context)
  const given = { options, schema, pass, named: await openFiles(options, context) }
  try {
    for (const value of samples) examined.push(await examineOne(value, given, context))
  } finally {
    pass.close()
  }
  return examined
}

async function examineOne(
  value: unknown,
  given: Omit<EntryOptions, 'issues'>,
  context: CallContext,
): Promise<ExaminedSample<unknown, unknown>> {
  context.signal.throwIfAborted()
  const entry = { path: 'sample', read: async () => [{ value, position: '' }] }
  const issues: DatasetIssue[] = []
  let read: ReadRow | undefined
  for await (const [first] of readEntry(entry, { ...given, issues }, context)) read = first
  return read === undefined
    ? { problem: issues.map(({ message }) => message).join('; ') }
    : { row: read.row, sampleDigest: read.scanned.sampleDigest }
}
