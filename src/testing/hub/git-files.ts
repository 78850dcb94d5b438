import files from 'node:fs/promises'

/**
 * The file system for isomorphic-git, which calls `readFile()` without a path at every command, to see whether a promise
 * comes back. Node rejects that promise, and to make the error takes longer than to read a small file.
 */
export const fs = {
  promises: {
    ...files,
    readFile: (...[path, options]: Partial<Parameters<typeof files.readFile>>) =>
      path === undefined ? Promise.resolve() : files.readFile(path, options),
  },
}
