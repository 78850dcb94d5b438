import { isSheikhError, type JsonObject, messageOf } from '../core/index.js'
import { readAt, withPlainFile } from '../store/index.js'

/** Far above real files: the index of a model of 91,000 tensors has 9 MB. */
const maximumBytes = 32 << 20
/** Same limit as `canonicalJson`, deeper than any valid document. A 32 MB document of `[` would need gigabytes. */
const maximumDepth = 512

/** Reads a JSON object from a file. Returns a description of the problem if that fails. */
export async function readSmallJson(path: string): Promise<JsonObject | string> {
  const bytes = await readSmallFile(path)
  if (typeof bytes === 'string') return bytes
  if (depthOf(bytes) > maximumDepth) return `is nested more than ${maximumDepth} levels deep`
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
    return 'is not a JSON object'
  } catch (error) {
    return `is not JSON (${messageOf(error)})`
  }
}

async function readSmallFile(path: string): Promise<Uint8Array | string> {
  try {
    return await withPlainFile(path, async (file) => {
      if (file.sizeBytes > maximumBytes) return `has more than ${maximumBytes} bytes`
      const content = new Uint8Array(file.sizeBytes)
      await readAt(file, 0, content)
      return content
    })
  } catch (error) {
    if (isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'not-found')) return messageOf(error)
    throw error
  }
}

// Brackets inside strings do not count. The result is irrelevant if the text is not JSON.
function depthOf(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (quoted) {
      if (byte === 0x5c) at += 1
      else if (byte === 0x22) quoted = false
    } else if (byte === 0x22) quoted = true
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > deepest) deepest = depth
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return deepest
}
