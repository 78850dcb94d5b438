import { createHash } from 'node:crypto'

// gitformat-index(5): a header, then per entry 40 bytes of stat data, the object's name, flags and the path; at the end the SHA-1
// of all that.
const headerBytes = 12
const mtimeAt = 8
const sizeAt = 36
const flagsAt = 60
const extended = 0x4000
const oidBytes = 20

/**
 * Git compares a file with an entry of the index by size and whole seconds. A file that changed twice in one second may
 * therefore look unchanged, so Git reads every file whose entry is not older than the index. Once the index is written
 * anew, every entry is older. So the size of such entries becomes 0 before, and Git reads the file.
 *
 * @param bytes an index of version 2 or 3, which is changed in place. @param sinceSeconds when the index before this one
 * was written.
 * @see the file racy-git.txt in Git's documentation
 */
export function markRacyEntries(bytes: Buffer, sinceSeconds: number): void {
  let isChanged = false
  let at = headerBytes
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    if (bytes.readUInt32BE(at + mtimeAt) >= sinceSeconds) {
      bytes.writeUInt32BE(0, at + sizeAt)
      isChanged = true
    }
    const pathAt = at + flagsAt + ((bytes.readUInt16BE(at + flagsAt) & extended) === 0 ? 2 : 4)
    // One to eight NUL bytes fill the entry up to a multiple of eight.
    at += (Math.floor((bytes.indexOf(0, pathAt) - at) / 8) + 1) * 8
  }
  if (isChanged)
    createHash('sha1')
      .update(bytes.subarray(0, -oidBytes))
      .digest()
      .copy(bytes, bytes.length - oidBytes)
}
