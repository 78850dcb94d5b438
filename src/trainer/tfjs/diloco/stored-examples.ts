// The examples of a training, as one directory of the store: what the model learned about them, and parts of a few mebibytes.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { CallContext, Digest, JsonObject } from '../../../core/index.js'
import { makeDirectory, storageFailed } from '../../../store/index.js'
import { sizeOf } from '../examples.js'
import type { ValuesPlace } from './weight-files.js'

/** Examples that wait in memory. */
const waitingBytes = 2 ** 22
const configFile = 'config.json'

export interface StoredExamples<Example> {
  readonly size: number
  add(examples: readonly Example[]): Promise<void>
  put(config: JsonObject, context: CallContext): Promise<Digest>
}

export function storedExamples<Example>({ store, folder, training }: ValuesPlace): StoredExamples<Example> {
  const directory = join(folder, 'examples')
  let waiting: Example[] = []
  let [parts, size, bytes] = [0, 0, 0]

  async function write(): Promise<void> {
    await makeDirectory(directory)
    if (waiting.length === 0) return
    parts += 1
    const path = join(directory, `part-${String(parts).padStart(9, '0')}`)
    try {
      await writeFile(path, serialize({ training, examples: waiting }))
    } catch (error) {
      throw storageFailed('keep the examples in', path, error)
    }
    waiting = []
    bytes = 0
  }

  return {
    get size() {
      return size
    },
    async add(examples) {
      for (const example of examples) {
        waiting.push(example)
        size += 1
        bytes += sizeOf(example)
      }
      if (bytes >= waitingBytes) await write()
    },
    async put(config, context) {
      await write()
      await writeFile(join(directory, configFile), JSON.stringify({ training, config }))
      return store.objects.putDirectory(directory, context)
    },
  }
}

/** @param directory read from the store, which verified its bytes. */
export async function readExamples<Example>(
  directory: string,
  keep: (examples: readonly Example[]) => Promise<void>,
): Promise<JsonObject> {
  const names = (await readdir(directory)).filter((name) => name !== configFile).sort()
  for (const name of names) await keep(deserialize(await readFile(join(directory, name))).examples as Example[])
  return (JSON.parse(await readFile(join(directory, configFile), 'utf8')) as { readonly config: JsonObject }).config
}
