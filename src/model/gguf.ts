import { type PlainFile, readAt } from '../store/index.js'

/** Size in bytes of each metadata type, by number. 8 is a string, 9 an array. */
const valueBytes = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8]
/** Far above real headers: a vocabulary of 256,000 tokens has 10 MB. */
const maximumHeaderBytes = 512 << 20
const maximumDimensions = 4

/**
 * Explains why a file is not a complete GGUF model; `undefined` if it is one. Reads the metadata and the list of
 * tensors, and compares the offset of the last tensor with the file size.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function ggufProblem(file: PlainFile): Promise<string | undefined> {
  const reader = headerReader(file)
  try {
    if ((await reader.bytes(4)).toString('latin1') !== 'GGUF') return 'is not a GGUF model'
    const version = (await reader.bytes(4)).readUInt32LE(0)
    if (version !== 2 && version !== 3)
      return `is a GGUF model of version ${version}, but only versions 2 and 3 can be checked`
    const tensors = await reader.count()
    const entries = await reader.count()
    let alignment = 32
    for (let index = 0; index < entries; index += 1) {
      const key = (await reader.text()).toString('utf8')
      const type = (await reader.bytes(4)).readUInt32LE(0)
      const value = await reader.value(type)
      if (key === 'general.alignment' && value?.length === 4) alignment = value.readUInt32LE(0)
    }
    let lastOffset = 0
    for (let index = 0; index < tensors; index += 1) {
      await reader.text()
      const dimensions = (await reader.bytes(4)).readUInt32LE(0)
      if (dimensions > maximumDimensions) throw new Damaged()
      await reader.bytes(8 * dimensions + 4)
      lastOffset = Math.max(lastOffset, await reader.count())
    }
    const dataStart = Math.ceil(reader.position() / alignment) * alignment
    if (tensors > 0 && dataStart + lastOffset >= file.sizeBytes) return 'is a truncated GGUF model'
    return undefined
  } catch (error) {
    if (error instanceof Damaged) return 'is a GGUF model whose header is damaged or truncated'
    throw error
  }
}

class Damaged extends Error {}

function headerReader(file: PlainFile) {
  let position = 0
  let windowStart = 0
  let window = Buffer.alloc(0)
  const reader = {
    position: () => position,
    async bytes(count: number): Promise<Buffer> {
      if (position + count > Math.min(file.sizeBytes, maximumHeaderBytes)) throw new Damaged()
      if (position < windowStart || position + count > windowStart + window.length) {
        windowStart = position
        window = Buffer.alloc(Math.min(Math.max(count, 1 << 20), file.sizeBytes - position))
        await readAt(file, position, window)
      }
      const found = window.subarray(position - windowStart, position - windowStart + count)
      position += count
      return found
    },
    async count(): Promise<number> {
      const value = (await reader.bytes(8)).readBigUInt64LE(0)
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Damaged()
      return Number(value)
    },
    async text(): Promise<Buffer> {
      return reader.bytes(await reader.count())
    },
    async value(type: number, depth = 0): Promise<Buffer | undefined> {
      const size = valueBytes[type]
      if (size !== undefined) return reader.bytes(size)
      if (type === 8) return reader.text()
      if (type !== 9 || depth > 2) throw new Damaged()
      const itemType = (await reader.bytes(4)).readUInt32LE(0)
      const items = await reader.count()
      const itemBytes = valueBytes[itemType]
      if (itemBytes !== undefined) await reader.bytes(itemBytes * items)
      else for (let index = 0; index < items; index += 1) await reader.value(itemType, depth + 1)
      return undefined
    },
  }
  return reader
}
