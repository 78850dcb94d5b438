import { SheikhError } from '../core/index.js'

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'There is no space left on the device. Free some and run again',
  EDQUOT: 'The disk quota is used up. Free some of it and run again',
  EROFS: 'The file system is read-only. Make it writable and run again',
  EIO: 'The device reported an I/O error. Check the disk and run again',
  EACCES: 'Permission was denied. Give this user the right and run again',
  EPERM: 'The operation is not permitted. Use a local file system and a folder that this user owns, and run again',
  EMFILE: 'This process has too many open files. Raise the limit (ulimit -n) and run again',
  ENFILE: 'The system has too many open files. Close some and run again',
}

/**
 * What a failed file operation is thrown as: `storage-failed`, retryable, with `path` and `errno` in its facts, where the
 * fault is the storage's; the error itself where it is anything else.
 */
export function storageFailed(action: string, path: string, error: unknown): unknown {
  const errno = errnoOf(error)
  const remedy = errno === undefined ? undefined : remedies[errno]
  if (remedy === undefined) return error
  return new SheikhError(
    'storage-failed',
    `Cannot ${action} ${JSON.stringify(path)} (${errno}): ${remedy}; what was kept before is intact.`,
    { facts: { path, errno }, cause: error, retryable: true },
  )
}

/** The code that the operating system gave an error: `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return error instanceof Error && typeof code === 'string' ? code : undefined
}

/** Whether an error says that there is nothing of that name. */
export function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}
