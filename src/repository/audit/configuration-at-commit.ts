import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CallContext } from '../../core/index.js'
import { temporaryFolder } from '../../store/index.js'
import { configurationIn } from '../compose.js'
import type { Configuration } from '../config/index.js'
import { type Git, type TreeEntry, writtenPath } from '../git/index.js'

const maximumBytes = 1_000_000

/**
 * Reads the settings of commits, and nothing else of them. States with the same files are read once.
 *
 * @param project the project's folder below the repository's root; empty if it is the root.
 */
export function configurationReader(
  git: Git,
  project: string,
  context: CallContext,
): (commit: string) => Promise<Configuration> {
  const below = (path: string) => (project === '' ? path : `${project}/${path}`)
  const byCommit = new Map<string, Promise<Configuration>>()
  const byFiles = new Map<string, Promise<Configuration>>()
  const read = async (commit: string): Promise<Configuration> => {
    const tree = await git.tree(commit, [below('mlops'), below('dataset/config.yaml')])
    const files = [...tree.values()].filter(({ path, mode }) => /\.ya?ml$/.test(path) && mode.startsWith('100'))
    const key = files.map(({ path, oid }) => `${oid} ${path}`).join('\n')
    const found = byFiles.get(key) ?? readFiles(git, project, files, context)
    byFiles.set(key, found)
    return found
  }
  return (commit) => {
    const found = byCommit.get(commit) ?? read(commit)
    byCommit.set(commit, found)
    return found
  }
}

async function readFiles(
  git: Git,
  project: string,
  files: readonly TreeEntry[],
  context: CallContext,
): Promise<Configuration> {
  const folder = await temporaryFolder('sheikh-settings-')
  try {
    const places = new Map<string, string[]>()
    for (const { oid, path } of files) places.set(oid, [...(places.get(oid) ?? []), path])
    for await (const { oid, content } of git.readBlobs([...places.keys()], maximumBytes, context))
      for (const path of places.get(oid)!) {
        const file = join(folder, writtenPath(path))
        await mkdir(dirname(file), { recursive: true })
        await writeFile(file, content ?? '')
      }
    return await configurationIn(join(folder, project), context)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
