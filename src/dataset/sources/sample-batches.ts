import type { CallContext } from '../../core/index.js'
import type { SourceEntry, SourceSample } from '../dataset-types.js'
import { type DatasetIssue, issuesError, maximumIssues } from '../issues.js'

/** A larger batch, such as a list in memory, is handed on in parts, so that the event loop gets turns between them. */
const mostPerBatch = 1_000

/** The samples of an entry, in batches. */
export async function* sampleBatches(entry: SourceEntry, context: CallContext): AsyncIterable<readonly SourceSample[]> {
  const read = entry.read(context)
  if (Symbol.asyncIterator in read) {
    yield* read
    return
  }
  const all = await read
  if (all.length <= mostPerBatch) yield all
  else for (let at = 0; at < all.length; at += mostPerBatch) yield all.slice(at, at + mostPerBatch)
}

/**
 * The first samples of an entry.
 *
 * @param maximum number of samples. @default all
 * @throws `dataset-invalid` for an entry that cannot be read, with up to 100 issues.
 */
export async function samplesOf(
  entry: SourceEntry,
  context: CallContext,
  maximum = Number.POSITIVE_INFINITY,
): Promise<readonly SourceSample[]> {
  const samples: SourceSample[] = []
  const issues: DatasetIssue[] = []
  for await (const batch of sampleBatches(entry, context)) {
    for (const sample of batch) {
      const { position, problem } = sample
      if (problem !== undefined) issues.push({ path: entry.path, position, message: problem })
      else if (samples.length < maximum) samples.push(sample)
    }
    if (issues.length >= maximumIssues || samples.length >= maximum) break
  }
  if (issues.length > 0) throw issuesError(issues.slice(0, maximumIssues))
  return samples
}
