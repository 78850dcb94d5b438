import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { directoryStorage } from '../../src/releaser/directory/directory-storage.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { readBundle, type Version } from '../../src/releaser/index.js'
import { storedRegistry } from '../../src/releaser/stored-registry.js'
import { hostProcesses, nodeFileSystem } from '../../src/store/index.js'
import { temporaryFolder } from '../repository/harness.js'

const context = callContext()

it.each([1, 2, 3])(
  'a release that is published after listing %i of a discard keeps the files that both share',
  async (nth) => {
    const root = temporaryFolder()
    await mkdir(join(root, 'made'))
    await writeFile(join(root, 'made', 'weights.bin'), 'weights')
    const bundle = await readBundle(join(root, 'made'), context)
    const path = join(root, 'registry')
    const other = directoryRegistry(path)
    const prepare = (version: string, runId: string) =>
      other.prepare(
        { bundle, version: version as Version, postPublish: { withdraws: [] }, record: { runId, atMs: 1 } as never },
        context,
      )
    const discarded = await prepare('1.0.0', 'one')
    const published = await prepare('1.1.0', 'two')
    const storage = directoryStorage({ path, processes: hostProcesses, fileSystem: nodeFileSystem })
    let listings = 0
    const list: typeof storage.list = async (...parameters) => {
      const names = await storage.list(...parameters)
      listings += 1
      if (listings === nth) await other.publish(published, context)
      return names
    }
    await storedRegistry({ ...storage, list }, { name: 'directory', describe: () => null }).discard(discarded, context)
    if (listings < nth) await other.publish(published, context)
    const release = await other.open('1.1.0' as Version, join(root, 'opened'), context)
    expect(release.directory).toBe(join(root, 'opened'))
  },
)
