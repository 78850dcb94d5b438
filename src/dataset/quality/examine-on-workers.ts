import type { CallContext, Digest } from '../../core/index.js'
import type { JobResult } from '../../execute/index.js'
import {
  checkShardOptions,
  discard,
  inOrder,
  openResult,
  type ShardOptions,
  withInput,
} from '../../execute/shards/index.js'
import type { Store } from '../../store/index.js'
import { type DataCheckInput, dataCheckKindName, partsOfDataCheck } from './data-check-kind.js'
import type { ExaminedRows, RowBlock, RowExamination } from './examine-rows.js'
import { packBlock, readFacts } from './facts-file.js'

/** A shard with more bytes than this ends with its block, so that a few shards fit in memory. */
const mostBytes = 16 << 20

/** The workers of a data check. */
export interface DataCheckWorkers extends ShardOptions {
  /** The store of the workers. */
  readonly store: Store
}

/** Examines rows on workers, in shards, with the facts that `examineHere` finds. */
export function examineOnWorkers(workers: DataCheckWorkers): RowExamination {
  const { executor, store, rowsPerShard = 4096, parallel = 16 } = workers
  checkShardOptions('check data on workers', workers)
  return async function* (blocks, { settings, counter }, context) {
    const input: DataCheckInput = { settings, expected: await partsOfDataCheck(settings, counter, context) }
    const made: Digest[] = []
    const examine = ({ places, bytes }: Shard, within: CallContext): Promise<ExaminedRows> =>
      withInput(
        store,
        bytes,
        async (rows) => {
          const job = { kind: dataCheckKindName, input, objects: { rows } }
          const run = () => executor.run<DataCheckInput, null>(job, within)
          const open = (folder: string, { job }: JobResult<null>) =>
            readFacts(folder, { job, rows: places.length }, within)
          const { result, opened } = await openResult(store, run, 'facts', open, within)
          made.push(result.objects['facts']!)
          return { places, facts: opened }
        },
        within,
      )
    yield* inOrder(shardsOf(blocks, rowsPerShard), parallel, examine, context)
    // A check that ends early leaves them for the next one.
    for (const facts of made) await discard(store, facts, context)
  }
}

interface Shard {
  readonly places: readonly number[]
  readonly bytes: Uint8Array
}

async function* shardsOf(blocks: AsyncIterable<RowBlock>, rowsPerShard: number): AsyncGenerator<Shard> {
  let [places, lines, size] = [[] as number[], [] as Buffer[], 0]
  for await (const block of blocks) {
    const line = packBlock(block.rows)
    for (const place of block.places) places.push(place)
    lines.push(line)
    size += line.length
    if (places.length < rowsPerShard && size < mostBytes) continue
    yield { places, bytes: Buffer.concat(lines) }
    ;[places, lines, size] = [[], [], 0]
  }
  if (places.length > 0) yield { places, bytes: Buffer.concat(lines) }
}
