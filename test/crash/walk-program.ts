import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import type { Release } from '../../src/releaser/index.js'
import { compileRooms } from './compile.js'

const rooms = [
  'core',
  'statistics',
  'store',
  'model',
  'dataset',
  'evaluation',
  'trainer',
  'gate',
  'releaser',
  'pipeline',
  'testing',
]

/** Compiles the rooms before the tests of a file. @returns the arguments of Node that start `walk-run.mjs` on a folder. */
export function walkProgram(name: string): (folder: string, step: string) => readonly string[] {
  let base = ''
  beforeAll(async () => {
    base = await mkdtemp(join(resolve(import.meta.dirname, '../..'), `node_modules/.sheikh-${name}-`))
    await compileRooms(rooms, join(base, 'rooms'))
  })
  afterAll(() => rm(base, { recursive: true, force: true }))
  return (folder, step) => [resolve(import.meta.dirname, 'walk-run.mjs'), join(base, 'rooms'), folder, step]
}

/** The releases that the program made in a folder, newest first. */
export async function releasesIn(folder: string) {
  const context = callContext()
  const registry = directoryRegistry(join(folder, 'releases'))
  const history: Release[] = []
  for await (const release of registry.history(context)) history.push(release)
  return { registry, history, current: await registry.current('latest', context) }
}
