import { SheikhError } from '../../core/index.js'
import type { Source, SourceSample } from '../dataset-types.js'

export interface AsyncSamplesOptions {
  /** Names the samples in errors, and in the ids of samples without one. */
  readonly name: string
  /**
   * The version of the data. Raise it whenever the samples change. Without one, `sheikh why` cannot tell that a dataset is
   * the same. @default none
   */
  readonly version?: string | undefined
}

const samplesPerBatch = 512

/**
 * A source of samples from any asynchronous or synchronous iterable: rows of a database, pages of an API.
 *
 * `open` is called each time that the samples are read, in training too, and must return the same samples again:
 * otherwise the run ends in `dataset-changed`. Samples are read as a stream, and their position is their number.
 *
 * @throws `invalid-options` for an empty name, or one with `/`.
 *
 * @example
 * ```ts
 * import { asyncSamples, Dataset } from 'sheikh-freemium'
 *
 * async function* tickets() {
 *   for (let id = 1; id <= 3; id += 1) yield { id: String(id), text: `ticket ${id}`, label: 'open' }
 * }
 * const source = asyncSamples(tickets, { name: 'tickets', version: '2026-11-30' })
 * const dataset = new Dataset({ source, input: 'text', target: 'label' })
 * ```
 */
export function asyncSamples(
  open: (signal: AbortSignal) => AsyncIterable<unknown> | Iterable<unknown>,
  { name, version }: AsyncSamplesOptions,
): Source {
  if (name === '' || name.includes('/') || name.includes('\\'))
    throw new SheikhError(
      'invalid-options',
      `Cannot name samples ${JSON.stringify(name)}: the name is empty or has a slash. Use one such as "tickets".`,
    )
  return {
    contract: 1,
    name: 'async-samples',
    ...(version !== undefined && { version }),
    describe: () => ({ name }),
    async list({ signal }) {
      signal.throwIfAborted()
      // The size is not known, so the samples are read as a stream, apart from other files.
      return [{ path: name, sizeBytes: Number.POSITIVE_INFINITY, read: (context) => batches(open, context.signal) }]
    },
  }
}

async function* batches(
  open: (signal: AbortSignal) => AsyncIterable<unknown> | Iterable<unknown>,
  signal: AbortSignal,
): AsyncIterable<readonly SourceSample[]> {
  let batch: SourceSample[] = []
  let number = 0
  for await (const value of open(signal)) {
    number += 1
    batch.push({ value, position: `sample ${number}` })
    if (batch.length < samplesPerBatch) continue
    yield batch
    batch = []
    signal.throwIfAborted()
  }
  yield batch
}
