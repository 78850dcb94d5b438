import { statSync } from 'node:fs'
import nodeModule from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/** From Node 22.1 on: https://nodejs.org/api/module.html#moduleenablecompilecachecachedir */
type WithCompileCache = { readonly enableCompileCache?: (directory: string) => unknown }

/**
 * Lets Node keep the compiled code of modules that are loaded from now on, for the next command. Does nothing without a folder of
 * caches, or if NODE_COMPILE_CACHE already names a place. A folder that cannot be written to is no error.
 *
 * The folder belongs to the user. In the default of Node, the folder of temporary files, anyone could place code. A program of root
 * with the HOME of a user, as under sudo, keeps nothing: the user could change what root executes, and could not write the files.
 *
 * @returns the folder for compiled code, if this version of Node keeps none.
 */
export function keepCompiledCode({
  XDG_CACHE_HOME,
  LOCALAPPDATA,
  HOME,
  NODE_DISABLE_COMPILE_CACHE,
  NODE_COMPILE_CACHE,
}: Readonly<NodeJS.ProcessEnv>): string | undefined {
  const { enableCompileCache } = nodeModule as WithCompileCache
  const canKeep = enableCompileCache !== undefined
  if (!canKeep && NODE_DISABLE_COMPILE_CACHE) return undefined
  if (!canKeep && NODE_COMPILE_CACHE) return resolve(NODE_COMPILE_CACHE)
  const caches = XDG_CACHE_HOME || LOCALAPPDATA || (HOME && join(HOME, '.cache'))
  if (!caches || !isAbsolute(caches) || !isOwn(caches)) return undefined
  const folder = join(caches, 'sheikh-freemium', 'compiled')
  if (!canKeep) return folder
  enableCompileCache(folder)
  return undefined
}

/** Whether the folder belongs to the user of this process. A folder that does not exist is made by this process. */
function isOwn(folder: string): boolean {
  const userId = process.geteuid?.()
  for (let path = folder; userId !== undefined; path = dirname(path)) {
    try {
      return statSync(path).uid === userId
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false
    }
  }
  return true
}
