import { open } from 'node:fs/promises'
import { isGzip } from './decode-text.js'
import { isZstd } from './zstd.js'

const bytesToLook = 64 * 1024

/**
 * Whether a `.json` file contains one sample per line: its first line is an object, and another object follows. A packed file
 * is not looked into.
 */
export async function startsWithLines(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const bytes = Buffer.alloc(bytesToLook)
    const { bytesRead } = await file.read(bytes, 0, bytesToLook, 0)
    const start = bytes.subarray(0, bytesRead)
    if (isGzip(start) || isZstd(start)) return false
    const text = start.toString('utf8').replace(/^\uFEFF/, '')
    const [, first, next] = /^\s*(\{[^\r\n]*\})[ \t]*\r?\n\s*(\S)/.exec(text) ?? []
    if (first === undefined || next !== '{') return false
    JSON.parse(first)
    return true
  } catch {
    return false
  } finally {
    await file.close()
  }
}
