import { link, mkdir, open, rename, rm, rmdir, utimes } from 'node:fs/promises'

/**
 * The calls that change files, as in `node:fs/promises`. A store and a registry in a folder write through them, so that a test
 * can stop one at any write, or lose what was never flushed. Reads go to the disk directly.
 */
export interface FileSystem {
  readonly link: typeof link
  readonly mkdir: typeof mkdir
  readonly open: typeof open
  readonly rename: typeof rename
  readonly rm: typeof rm
  readonly rmdir: typeof rmdir
  readonly utimes: typeof utimes
}

/** The disk. */
export const nodeFileSystem: FileSystem = { link, mkdir, open, rename, rm, rmdir, utimes }
