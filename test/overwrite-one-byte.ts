import { closeSync, fstatSync, futimesSync, openSync, readSync, writeSync } from 'node:fs'

/** Changes the middle byte of a file. The size stays, and the access and modification times are set back. */
export function overwriteOneByte(path: string): void {
  const file = openSync(path, 'r+')
  const { size, atime, mtime } = fstatSync(file)
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, size >> 1)
  writeSync(file, Buffer.of(byte[0]! ^ 1), 0, 1, size >> 1)
  futimesSync(file, atime, mtime)
  closeSync(file)
}
