import { dirname, join } from 'node:path'
import { isSheikhError, type SheikhError } from '../core/index.js'
import { makeDirectory, makeEmptyFolder, writeFileAtomic } from '../store/index.js'
import { readChoices } from './read-choices.js'
import { partError, readReleases } from './read-releases.js'
import { routes } from './routes.js'
import type { DashboardSource } from './source.js'

export interface Snapshot {
  /** Number of files. */
  readonly files: number
  /** Pages that could not be written, and why. */
  readonly problems: readonly { readonly page: string; readonly message: string }[]
}

const mostRuns = 200
const perPage = 50

/**
 * Writes the pages as they are now: files that a browser opens without a server. They have no script. The newest 200 runs
 * have pages.
 *
 * @param folder must be absent or empty. @throws `invalid-options`, `storage-failed`.
 */
export async function writeSnapshot(source: DashboardSource, folder: string): Promise<Snapshot> {
  await makeEmptyFolder(folder, 'write the dashboard to')
  const ids = (await source.pipeline.runIds()).slice(0, mostRuns)
  const shown: DashboardSource = { ...source, pipeline: { ...source.pipeline, runIds: async () => ids } }
  const answer = routes(shown, { isLive: false })
  const problems: { page: string; message: string }[] = []
  let files = 0
  for (const path of await pathsOf(shown, ids)) {
    try {
      const content = await answer(`/${path}`, new URLSearchParams())
      await makeDirectory(dirname(join(folder, path)))
      await writeFileAtomic(join(folder, path), content!.body)
      files += 1
    } catch (error) {
      if (isSheikhError(error, 'storage-failed')) throw error as SheikhError
      problems.push({ page: path, message: partError(error).message })
    }
  }
  return { files, problems }
}

async function pathsOf(source: DashboardSource, ids: readonly string[]): Promise<readonly string[]> {
  const releases = await readReleases(source).catch(() => [])
  const [, pairs] = await readChoices(source).catch(() => [[], []] as const)
  const entries = await source.pipeline.ledger().catch(() => [])
  return [
    ...['index.html', 'compare.html', 'use.html', 'style.css', 'icon.svg'],
    ...pagesOf('runs', ids),
    ...pagesOf('releases', releases),
    ...pagesOf('ledger', entries),
    ...ids.map((id) => `runs/${id}.html`),
    ...releases.map(({ version }) => `releases/${version}.html`),
    ...pairs.map(({ before, after }) => `compare/${before}/${after}.html`),
  ]
}

const pagesOf = (name: string, all: readonly unknown[]) =>
  Array.from({ length: Math.max(1, Math.ceil(all.length / perPage)) }, (_, index) =>
    index === 0 ? `${name}.html` : `${name}-${index + 1}.html`,
  )
