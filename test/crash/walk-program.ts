import { join, resolve } from 'node:path'
import { callContext } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import type { Release } from '../../src/releaser/index.js'
import { builtRooms } from '../built-package.js'
import { type Ended, spawnNode } from './spawn-node.js'

const program = resolve(import.meta.dirname, 'walk-run.mjs')

/** Runs `walk-run.mjs` on a folder, in a process of its own. */
export async function walkRun(
  folder: string,
  step: string,
  environment: Readonly<Record<string, string>> = {},
  parameters: readonly string[] = [],
): Promise<Ended> {
  return spawnNode([...parameters, program, await builtRooms(), folder, step], environment)
}

/** The releases that the program made in a folder, newest first. */
export async function releasesIn(folder: string) {
  const context = callContext()
  const registry = directoryRegistry(join(folder, 'releases'))
  const history: Release[] = []
  for await (const release of registry.history(context)) history.push(release)
  return { registry, history, current: await registry.current('latest', context) }
}
