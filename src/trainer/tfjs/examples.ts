import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { storageFailed } from '../../store/index.js'

/** Examples by number, 0 to `size` − 1, in any order. */
export interface Examples<Example> {
  readonly size: number
  read(numbers: Iterable<number>): Promise<readonly Example[]>
}

export interface KeptExamples<Example> extends Examples<Example> {
  /** Plain values and typed arrays: what a structured clone keeps. */
  add(examples: readonly Example[]): Promise<void>
  close(): Promise<void>
}

export const listed = <Example>(examples: readonly Example[]): Examples<Example> => ({
  size: examples.length,
  read: async (numbers) => Array.from(numbers, (number) => examples[number]!),
})

/** More than this is on disk. It decides nothing of the result. */
const memoryBytes = 2 ** 28

/**
 * Keeps examples in memory as long as they are few, then all of them in a file that has no name, so that nothing is left of
 * it after a crash.
 *
 * @param folder where the file is made: on the disk that has room for the weights.
 * @throws `storage-failed` where the disk is full, for one.
 */
export function keepExamples<Example>(folder: string, mostBytes = memoryBytes): KeptExamples<Example> {
  let few: Example[] = []
  let sizeBytes = 0
  let file: FileHandle | undefined
  /** Where each ends in the file. */
  const ends: number[] = []
  const path = join(folder, `.examples-${randomUUID()}`)

  async function spill(examples: readonly Example[]): Promise<void> {
    const written = examples.map((example) => serialize(example))
    for (const { length } of written) ends.push((ends.at(-1) ?? 0) + length)
    await file!.appendFile(Buffer.concat(written))
  }

  return {
    get size() {
      return file === undefined ? few.length : ends.length
    },

    async add(examples) {
      try {
        if (file !== undefined) return await spill(examples)
        for (const example of examples) {
          few.push(example)
          sizeBytes += sizeOf(example)
        }
        if (sizeBytes <= mostBytes) return
        file = await open(path, 'wx+')
        await unlink(path)
        for (let first = 0; first < few.length; first += 256) await spill(few.slice(first, first + 256))
        few = []
      } catch (error) {
        throw storageFailed('keep the examples in', path, error)
      }
    },

    async read(numbers) {
      const from = file
      if (from === undefined) return Array.from(numbers, (number) => few[number]!)
      return Promise.all(
        Array.from(numbers, async (number) => {
          const start = ends[number - 1] ?? 0
          const bytes = Buffer.allocUnsafeSlow(ends[number]! - start)
          const { bytesRead } = await from.read(bytes, 0, bytes.length, start)
          if (bytesRead !== bytes.length)
            throw storageFailed('read', path, new Error(`it ends at ${start + bytesRead}`))
          return deserialize(bytes) as Example
        }),
      )
    },

    async close() {
      const closing = file
      file = undefined
      few = []
      await closing?.close()
    },
  }
}

/** About what a value takes. */
export function sizeOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength + 96
  if (typeof value === 'string') return 2 * value.length + 16
  if (typeof value !== 'object' || value === null) return 8
  return Object.values(value).reduce((total: number, part) => total + sizeOf(part), 32)
}
