import { isSheikhError, SheikhError } from '../core/index.js'

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'There is no space left on the device. Free some and run again',
  EDQUOT: 'The disk quota is used up. Free some of it and run again',
  EROFS: 'The file system is read-only. Make it writable and run again',
  EIO: 'The device reported an I/O error. Check the disk and run again',
  EACCES: 'Permission was denied. Give this user the right and run again',
  EPERM: 'The operation is not permitted. Use a local file system and a folder that this user owns, and run again',
  EMFILE: 'This process has too many open files. Raise the limit (ulimit -n) and run again',
  ENFILE: 'The system has too many open files. Close some and run again',
  EBUSY: 'Another program is using it. Close that program and run again',
  ETXTBSY: 'Another program is using it. Close that program and run again',
  EFBIG: 'The file is too large for the file system or for a limit (ulimit -f). Raise the limit and run again',
  ENAMETOOLONG: 'The path is too long for the file system. Move the project to a shorter path and run again',
  ELOOP: 'A symbolic link leads back to itself. Remove the link and run again',
  EISDIR: 'A folder of this name exists, but a file is needed. Move the folder away and run again',
  ENOTDIR: 'A part of the path is a file, but a folder is needed. Move the file away and run again',
  EEXIST: 'Something of this name exists that was not expected. Move it away and run again',
  ENOTEMPTY: 'The folder is not empty. Move its content away and run again',
  ENOENT: 'It disappeared while it was used. Make sure that no other program removes it and run again',
  EXDEV: 'The folder spans two file systems. Keep it on one and run again',
  ESTALE: 'The file server lost its handle. Mount the file system again and run again',
  ENODEV: 'The device is gone. Attach it and run again',
  ENXIO: 'The device is gone. Attach it and run again',
  EINVAL: 'The file system refuses the operation. Use a local file system and run again',
}
const otherRemedy = 'Check the disk and the file system and run again'

/** Errors of the storage itself, whatever the program asked of it. */
const faults = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ESTALE', 'ENODEV'])

/**
 * The error for a failed file operation: `storage-failed`, retryable, with `path` and `errno` in its facts, if the
 * operating system reported it; the error itself if it is anything else.
 */
export function storageFailed(action: string, path: string, error: unknown): unknown {
  const errno = errnoOf(error)
  if (errno === undefined || isSheikhError(error)) return error
  // An errno that is not listed may be the network's, unless the error names a file.
  const isOfFile = remedies[errno] !== undefined || (/^E[A-Z0-9]+$/.test(errno) && 'path' in (error as Error))
  if (!isOfFile) return error
  return new SheikhError(
    'storage-failed',
    `Cannot ${action} ${JSON.stringify(path)} (${errno}): ${remedies[errno] ?? otherRemedy}; what was kept before is intact.`,
    { facts: { path, errno }, cause: error, retryable: true },
  )
}

/** Whether an error, of host code too, is a fault of the storage and not of the code: a full disk, a missing right. */
export function isStorageFault(error: unknown): boolean {
  return !isSheikhError(error) && faults.has(errnoOf(error) ?? '')
}

/** How many causes of causes are looked at. */
const mostCauses = 10

/** The fault of the storage that an error is, or that caused it; `undefined` if there is none. */
export function storageFaultOf(error: unknown): NodeJS.ErrnoException | undefined {
  let found = error
  for (let depth = 0; depth < mostCauses && found instanceof Error; depth += 1) {
    if (isStorageFault(found)) return found
    found = found.cause
  }
  return undefined
}

/** The code that the operating system gave an error, also within a `storage-failed` that `storageFailed` made of it: `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  if (isSheikhError(error)) return error.facts['errno'] as string | undefined
  const code = (error as { code?: unknown } | null)?.code
  return error instanceof Error && typeof code === 'string' ? code : undefined
}

/** Whether an error says that there is nothing of that name. */
export function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}
