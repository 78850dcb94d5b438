import type { TextFeatures } from '../../model/index.js'
import type { Examples } from './examples.js'

export interface TextExample extends TextFeatures {
  readonly label: string
}

/** Buckets of fewer training texts have no row: what one text alone says is seldom true of others. */
const fewestTexts = 2
/** Rows × labels. If there are more, only buckets of more texts have a row. 2²⁴ weights are 64 MiB. */
const mostWeights = 2 ** 24
/** Rows × labels of a training that starts from a release, whose rows all remain. 256 MiB. */
export const mostBaseWeights = 2 ** 26
const examplesAtOnce = 256

/** So that each round of a distributed training does not read all texts again. */
const counted = new WeakMap<Examples<TextExample>, { readonly texts: number; readonly counts: Uint32Array }>()

/** The number of texts that have a feature in each bucket. */
export async function countTexts(
  examples: Examples<TextExample>,
  buckets: number,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const known = counted.get(examples)
  if (known?.texts === examples.size && known.counts.length === buckets) return known.counts
  const counts = new Uint32Array(buckets)
  for (let first = 0; first < examples.size; first += examplesAtOnce) {
    signal.throwIfAborted()
    const length = Math.min(examplesAtOnce, examples.size - first)
    for (const { indices } of await examples.read(Array.from({ length }, (_, place) => first + place)))
      for (const bucket of indices) counts[bucket]! += 1
  }
  counted.set(examples, { texts: examples.size, counts })
  return counts
}

/** Which buckets have a row of weights. */
export interface TextRows {
  /** By bucket: the number of its row, 0 for none. */
  readonly rowOf: Float32Array
  /** By row: the factor of its values. Row 0 has the factor 0. */
  readonly frequency: Float32Array
}

/** Rows of a base come first, and remain as they are. */
export function rowsFor(
  counts: Uint32Array,
  { texts, labels, known }: { readonly texts: number; readonly labels: number; readonly known: TextRows | undefined },
): TextRows {
  const rowOf = known?.rowOf.slice() ?? new Float32Array(counts.length)
  const factors = Array.from(known?.frequency ?? [0])
  const room = Math.max(0, Math.floor(mostWeights / labels) - factors.length)
  const countsOfNew = counts.filter((count, bucket) => count >= fewestTexts && rowOf[bucket] === 0).sort()
  const fewest = room === 0 ? Number.POSITIVE_INFINITY : (countsOfNew.at(-room) ?? fewestTexts)
  // Buckets with as many texts as the last one that has room: the first ones.
  let left = room - countsOfNew.filter((count) => count > fewest).length
  for (const [bucket, count] of counts.entries()) {
    if (count < fewest || rowOf[bucket] !== 0 || (count === fewest && left-- <= 0)) continue
    rowOf[bucket] = factors.length
    factors.push(Math.sqrt(1 + Math.log((1 + texts) / (1 + count))))
  }
  return { rowOf, frequency: Float32Array.from(factors) }
}
