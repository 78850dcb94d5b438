import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'tsup'

const sources = fileURLToPath(new URL('../../src/', import.meta.url))
/** Loaded by name. */
const others = ['testing/fake-trainer']

/**
 * Bundles rooms of `src` below `target`, an entry for each index: a process that is started a hundred times, once for each
 * write at which it may die, should not wait for a compiler each time, nor open two hundred modules.
 */
export async function compileRooms(rooms: readonly string[], target: string): Promise<void> {
  const entry: Record<string, string> = {}
  // As in the package: started by its file, from the chunks beside it.
  if (rooms.includes('pipeline')) entry['crash-project'] = fileURLToPath(new URL('crash-project.ts', import.meta.url))
  if (rooms.includes('trainer')) entry['training-thread'] = join(sources, 'trainer/tfjs/thread/training-thread.ts')
  for (const room of rooms)
    for (const path of await readdir(join(sources, room), { recursive: true })) {
      const name = join(room, path).replace(/\.ts$/, '')
      if (path.endsWith('index.ts') || others.includes(name)) entry[name] = join(sources, room, path)
    }
  await build({
    ...{ entry, outDir: target, format: 'esm', target: 'node20', platform: 'node', splitting: true },
    ...{ config: false, silent: true, clean: false, dts: false },
  })
  await writeFile(join(target, 'package.json'), '{"type":"module"}')
}
