import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { spawnNode } from '../crash/spawn-node.js'
import { itInFull } from '../in-full.js'

const program = join(import.meta.dirname, 'search-program.ts')
const search = async (folder: string, killAt: number) =>
  spawnNode(['--import', 'tsx', '--conditions=sheikh-source', program, folder, `${killAt}`])
const newFolder = () => mkdtemp(join(tmpdir(), 'sheikh-tune-'))

// tune.test.ts shows in the process that a study continues.
itInFull('continues after kill -9, with the same result', async () => {
  const whole = await search(await newFolder(), 0)
  expect(whole.output).toMatch(/^\{"trainings":10,/)
  const folder = await newFolder()
  // Twice: also a study that continued is killed.
  for (const killAt of [4, 3]) expect((await search(folder, killAt)).signal).toBe('SIGKILL')
  const { output } = await search(folder, 0)
  const expected = JSON.parse(whole.output) as { trainings: number }
  const actual = JSON.parse(output) as { trainings: number }
  expect({ ...actual, trainings: 0 }).toEqual({ ...expected, trainings: 0 })
  // Up to three of the killed trainings in each attempt begin again.
  expect(actual.trainings).toBeLessThanOrEqual(9)
  expect(actual.trainings).toBeGreaterThanOrEqual(4)
})
