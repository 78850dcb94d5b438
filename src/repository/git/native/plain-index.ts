import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../../store/index.js'

// gitformat-index(5): a header, then per entry 40 bytes of stat data, the object's name, flags and the path.
const headerBytes = 12
const modeAt = 24
const statBytes = 40
const assumedUnchanged = 0x8000
const extended = 0x4000

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
  if (bytes.length < headerBytes + oidBytes) return false
  // Version 4 shortens paths.
  if (bytes.toString('latin1', 0, 4) !== 'DIRC' || ![2, 3].includes(bytes.readUInt32BE(4))) return false
  const end = bytes.length - oidBytes
  let at = headerBytes
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    const flagsAt = at + statBytes + oidBytes
    if (flagsAt + 2 > end) return false
    // Regular files are 0o100…, links 0o120000; a submodule is 0o160000, a folder that is left out 0o040000.
    const kind = bytes.readUInt32BE(at + modeAt) >> 12
    const flags = bytes.readUInt16BE(flagsAt)
    if ((kind !== 0o10 && kind !== 0o12) || (flags & (assumedUnchanged | extended)) !== 0) return false
    const pathEnd = bytes.indexOf(0, flagsAt + 2)
    if (pathEnd < 0) return false
    // One to eight NUL bytes fill the entry up to a multiple of eight.
    at += (Math.floor((pathEnd - at) / 8) + 1) * 8
  }
  // An extension in small letters is one that a reader must understand: the rest of a split index, or a sparse one.
  while (at + 8 <= end) {
    if (/^[a-z]/.test(bytes.toString('latin1', at, at + 4))) return false
    at += 8 + bytes.readUInt32BE(at + 4)
  }
  return at === end
}
