import type { SourceSample } from '../dataset-types.js'
import { limitsOf } from './limits.js'
import { readParquet } from './parquet/read-parquet.js'
import { readSamples } from './read-samples.js'
import { sampleFormatOf } from './sample-format.js'

/** Reads the samples in the bytes of a file, in batches. @throws `dataset-invalid` for a file that cannot be read. */
export function readBytes(
  path: string,
  bytes: Uint8Array,
  maximumSampleBytes?: number,
): AsyncIterable<readonly SourceSample[]> {
  const limits = limitsOf({ maximumSampleBytes })
  if (sampleFormatOf(path) !== 'parquet') return readSamples(path, chunksOf(bytes), limits)
  const read = async (start: number, length: number) => bytes.subarray(start, start + length)
  return readParquet({ path, read, sizeBytes: bytes.length, limits, signal: new AbortController().signal })
}

async function* chunksOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
