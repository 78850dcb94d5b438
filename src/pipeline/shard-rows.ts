// The rows of an evaluation set in parts. Each part is an object of the store, in which a row is a line of JSON.
import { defaultBatchSize } from '../evaluation/index.js'
import type { Row } from '../model/index.js'

type AnyRow = Row<unknown, unknown>

/** A shard with more bytes than this ends with its batch, so that a few shards fit in memory. */
const mostBytes = 16 << 20

export interface ShardOfRows {
  readonly rows: readonly AnyRow[]
  /** What a worker needs: ids and inputs. */
  readonly bytes: Uint8Array
}

/** Divides rows, always between two batches of a model: a prediction may depend on the other rows of its batch. */
export async function* shardsOf(rows: AsyncIterable<AnyRow>, rowsPerShard: number): AsyncGenerator<ShardOfRows> {
  let part: AnyRow[] = []
  let lines: Buffer[] = []
  let bytes = 0
  for await (const row of rows) {
    const line = Buffer.from(`${JSON.stringify([row.id, row.input])}\n`)
    part.push(row)
    lines.push(line)
    bytes += line.length
    if (part.length % defaultBatchSize > 0 || (part.length < rowsPerShard && bytes < mostBytes)) continue
    yield { rows: part, bytes: Buffer.concat(lines) }
    part = []
    lines = []
    bytes = 0
  }
  if (part.length > 0) yield { rows: part, bytes: Buffer.concat(lines) }
}

/** The ids and inputs of a shard. */
export function* rowsInShard(bytes: Uint8Array): Generator<AnyRow> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let start = 0
  while (start < text.length) {
    const end = text.indexOf('\n', start)
    const [id, input] = JSON.parse(text.toString('utf8', start, end)) as [string, unknown]
    yield { id, input, slices: {} }
    start = end + 1
  }
}
