// The examples of each replica, as directories of the store: what the model learned about them all, and parts of a few mebibytes.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { CallContext, Digest, JsonObject, Random } from '../../../core/index.js'
import { makeDirectory, storageFailed } from '../../../store/index.js'
import { sizeOf } from '../examples.js'
import type { ValuesPlace } from './weight-files.js'

/** Examples of all replicas together that wait in memory. */
const waitingBytes = 2 ** 24
const configFile = 'config.json'

export interface ExampleShards<Example> {
  /** Examples of all replicas. */
  readonly size: number
  add(examples: readonly Example[]): Promise<void>
  /** Stores the shards, in the order of the replicas. */
  put(config: JsonObject, context: CallContext): Promise<readonly Digest[]>
}

/**
 * Deals examples out like cards: of as many successive examples as there are replicas, each replica gets one. So shards differ by
 * at most one example, and rows that are sorted by class give each replica its share of every class.
 */
export function exampleShards<Example>(
  { store, folder, training }: ValuesPlace,
  replicas: number,
  random: Random,
): ExampleShards<Example> {
  const numbers = Array.from({ length: replicas }, (_, replica) => replica)
  const waiting = numbers.map((): Example[] => [])
  const parts = numbers.map(() => 0)
  const folderOf = (replica: number) => join(folder, 'shards', String(replica))
  let order: number[] = []
  let size = 0
  let bytes = 0

  async function write(): Promise<void> {
    for (const replica of numbers) {
      const examples = waiting[replica]!
      if (examples.length === 0) continue
      await makeDirectory(folderOf(replica))
      parts[replica]! += 1
      const path = join(folderOf(replica), `part-${String(parts[replica]).padStart(9, '0')}`)
      try {
        await writeFile(path, serialize({ training, replica, examples }))
      } catch (error) {
        throw storageFailed('keep the examples in', path, error)
      }
      waiting[replica] = []
    }
    bytes = 0
  }

  return {
    get size() {
      return size
    },
    async add(examples) {
      for (const example of examples) {
        if (order.length === 0) order = random.shuffle([...numbers])
        waiting[order.pop()!]!.push(example)
        size += 1
        bytes += sizeOf(example)
      }
      if (bytes >= waitingBytes) await write()
    },
    async put(config, context) {
      await write()
      const digests: Digest[] = []
      for (const replica of numbers) {
        await writeFile(join(folderOf(replica), configFile), JSON.stringify({ training, replica, config }))
        digests.push(await store.objects.putDirectory(folderOf(replica), context))
      }
      return digests
    },
  }
}

/** @param directory a shard that was read from the store, which verified its bytes. */
export async function readShard<Example>(
  directory: string,
  keep: (examples: readonly Example[]) => Promise<void>,
): Promise<JsonObject> {
  const names = (await readdir(directory)).filter((name) => name !== configFile).sort()
  for (const name of names) await keep(deserialize(await readFile(join(directory, name))).examples as Example[])
  return (JSON.parse(await readFile(join(directory, configFile), 'utf8')) as { readonly config: JsonObject }).config
}
