import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../../store/index.js'

// gitformat-index(5): a header, then per entry 40 bytes of stat data, the object's name, flags and the path.
const headerBytes = 12
const modeAt = 24
const statBytes = 40
const assumedUnchanged = 0x8000
const extended = 0x4000
/** The path's length in the flags; this value for a path that is as long or longer. */
const longPath = 0xfff

/**
 * Whether `git status` compares every entry of the index: nobody has flagged one, and none is a submodule. False also for
 * an index in a format that is not read here.
 *
 * @param directory the folder of the index. @param oidBytes 20 or 32.
 */
export async function isPlainIndex(directory: string, oidBytes: number): Promise<boolean> {
  let bytes: Buffer
  try {
    bytes = await readFile(join(directory, 'index'))
  } catch (error) {
    // Before the first commit there may be none.
    return errnoOf(error) === 'ENOENT'
  }
  return readPlainIndex(bytes, oidBytes)
}

/** What a reader of an index sees. */
interface IndexVisitor {
  /** @param kind of the file: the first bits of its mode. @param pathAt where its path begins. @param next where the entry ends. */
  entry(at: number, pathAt: number, next: number, kind: number): void
  extension(name: string): void
}

/** The same for the bytes of an index. */
export function readPlainIndex(bytes: Buffer, oidBytes: number, visitor?: IndexVisitor): boolean {
  if (bytes.length < headerBytes + oidBytes) return false
  // Version 4 shortens paths.
  if (bytes.toString('latin1', 0, 4) !== 'DIRC' || ![2, 3].includes(bytes.readUInt32BE(4))) return false
  const end = bytes.length - oidBytes
  let at = headerBytes
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    const flagsAt = at + statBytes + oidBytes
    if (flagsAt + 2 > end) return false
    // Regular files are 0o100…, links 0o120000; a submodule is 0o160000, a folder that is left out 0o040000. The first half of the
    // mode is 0. Calls of the buffer's methods would take most of the time of a hundred thousand entries.
    const kind = (bytes[at + modeAt]! << 12) | (bytes[at + modeAt + 1]! << 4) | (bytes[at + modeAt + 2]! >> 4)
    const flags = (bytes[flagsAt]! << 8) | bytes[flagsAt + 1]!
    if ((kind !== 0o10 && kind !== 0o12) || (flags & (assumedUnchanged | extended)) !== 0) return false
    const length = flags & longPath
    const pathEnd = length === longPath ? bytes.indexOf(0, flagsAt + 2) : flagsAt + 2 + length
    if (pathEnd < 0 || bytes[pathEnd] !== 0) return false
    // One to eight NUL bytes fill the entry up to a multiple of eight.
    const next = at + (Math.floor((pathEnd - at) / 8) + 1) * 8
    visitor?.entry(at, flagsAt + 2, next, kind)
    at = next
  }
  // An extension in small letters is one that a reader must understand: the rest of a split index, or a sparse one.
  while (at + 8 <= end) {
    const name = bytes.toString('latin1', at, at + 4)
    if (/^[a-z]/.test(name)) return false
    visitor?.extension(name)
    at += 8 + bytes.readUInt32BE(at + 4)
  }
  return at === end
}
