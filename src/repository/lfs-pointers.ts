import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, callContext, isSheikhError } from '../core/index.js'
import { lfsPointerAt } from '../store/index.js'
import { configurationIn } from './compose.js'
import { type EnvironmentVariables, openGit } from './git/index.js'
import { lfsStorage, objectIn } from './lfs/index.js'

/** Files of a project that the checkout has as Git LFS pointers. */
export interface LfsPointers {
  readonly data: PointerCount
  /** Files of base models. */
  readonly models: PointerCount
}

export interface PointerCount {
  readonly files: number
  /** Of the files that the pointers stand for. */
  readonly sizeBytes: number
  /** Files that are not in the store of this clone either. */
  readonly missing: number
  readonly missingBytes: number
  /** Some of them, below the project's folder. */
  readonly examples: readonly string[]
}

const mostExamples = 3

/** Looks for pointers in the folders that a run reads. Fetches nothing. @returns `undefined` outside a Git repository. */
export async function lfsPointersIn(
  root: string,
  { environment, ...parts }: Partial<CallContext> & { readonly environment?: EnvironmentVariables | undefined } = {},
): Promise<LfsPointers | undefined> {
  const context = callContext(parts)
  const git = await openGit(root, context, environment === undefined ? {} : { environment }).catch((error: unknown) => {
    if (isSheikhError(error, 'repository-invalid')) return undefined
    throw error
  })
  if (git === undefined) return undefined
  const objects = join(await lfsStorage(git), 'objects')
  // A configuration that cannot be read is reported by other commands.
  const configuration = await configurationIn(root, context).catch(() => undefined)
  const samples = configuration?.dataset.samples?.directory ?? 'dataset'
  const base = configuration?.training.llama?.base
  const data = ['dataset', ...(samples === 'dataset' || samples.startsWith('dataset/') ? [] : [samples])]
  return {
    data: await count(root, data, objects, context),
    models: await count(root, base === undefined ? [] : [base], objects, context),
  }
}

async function count(
  root: string,
  folders: readonly string[],
  objects: string,
  { signal }: CallContext,
): Promise<PointerCount> {
  let [files, sizeBytes, missing, missingBytes] = [0, 0, 0, 0]
  const examples: string[] = []
  const waiting = [...folders]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    signal.throwIfAborted()
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((): Dirent[] => [])
    for (const entry of entries) {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) waiting.push(path)
      const pointer = entry.isFile() ? await readablePointer(join(root, path)) : undefined
      if (pointer === undefined) continue
      const { oid, sizeBytes: size = 0 } = pointer
      files += 1
      sizeBytes += size
      const stored = await lstat(objectIn(objects, oid)).catch(() => undefined)
      if (stored?.isFile() && stored.size === size) continue
      missing += 1
      missingBytes += size
      if (examples.length < mostExamples) examples.push(path)
    }
  }
  return { files, sizeBytes, missing, missingBytes, examples }
}

// A file that cannot be read is reported when a run reads it.
const readablePointer = (path: string) => lfsPointerAt(path).catch(() => undefined)
