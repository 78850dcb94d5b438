import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../../../store/index.js'
import { durableFiles } from './durable-files.js'
import { loadLibrary } from './isomorphic-git.js'

/**
 * A repository with the branch `main`. HEAD is written last: a folder without one is no repository, and the next call
 * completes what a crash interrupted. (The library writes HEAD before its settings are corrected, and nothing at all
 * where a file `config` exists.)
 */
export async function initIsomorphic(directory: string, platform: NodeJS.Platform): Promise<void> {
  const folder = join(directory, '.git')
  for (const name of ['hooks', 'info', 'objects/info', 'objects/pack', 'refs/heads', 'refs/tags'])
    await makeDirectory(join(folder, name))
  const config = join(folder, 'config')
  if (!existsSync(config)) await writeFileAtomic(config, '[core]\n\trepositoryformatversion = 0\n')
  // What `git init` finds out about the file system.
  const settings = {
    'core.bare': false,
    'core.logallrefupdates': true,
    'core.filemode': platform !== 'win32',
    'core.symlinks': platform === 'win32' ? false : undefined,
    'core.ignorecase': existsSync(join(folder, 'CONFIG')) || undefined,
  }
  const library = await loadLibrary()
  const fs = durableFiles(folder)
  for (const [path, value] of Object.entries(settings)) await library.setConfig({ fs, dir: directory, path, value })
  await writeFileAtomic(join(folder, 'HEAD'), 'ref: refs/heads/main\n')
}
