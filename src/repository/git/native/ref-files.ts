// A file holds what a program would have to be started for, and git writes it whole. Anything unusual is left to git.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The commit in a ref's own file. `undefined`: the ref is packed, symbolic, kept in another format, or does not exist. */
export async function looseRef(commonDirectory: string, ref: string): Promise<string | undefined> {
  if (!/^refs(\/[\w-][\w.-]*)+$/.test(ref)) return undefined
  return /^([0-9a-f]{40}|[0-9a-f]{64})\n$/.exec(await textOf(join(commonDirectory, ref)))?.[1]
}

/** The branch in the file HEAD. `undefined`: HEAD is detached, or the file does not tell, as with reftable. */
export async function branchInHead(directory: string): Promise<string | undefined> {
  const ref = /^ref: (refs\/heads\/.+)\n$/.exec(await textOf(join(directory, 'HEAD')))?.[1]
  return ref === 'refs/heads/.invalid' ? undefined : ref
}

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '')
