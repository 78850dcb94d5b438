import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { directoryStore } from '../../src/store/directory/index.js'
import { commit, project, start, write } from './harness.js'

const training = 'candidates: { slow: { learning_rate: 0.5 }, seeded: { seed: 7 } }\n'

async function runOf(root: string, ...parts: readonly string[]) {
  await write(root, 'mlops/training/config.yaml', training)
  await commit(root, 'three candidates')
  const { code, out, err } = await start(root, ['run', '--json', ...parts]).ended
  expect(code, err).toBe(0)
  const { runId } = JSON.parse(out) as { readonly runId: string }
  const { bundle, candidate, candidates, stages } = (await directoryStore(join(root, '.sheikh')).runs.read(runId)) as {
    readonly [name: string]: unknown
    readonly stages: readonly { readonly durationMs: number }[]
  }
  return { bundle, candidate, candidates, stages: stages.map(({ durationMs: _, ...stage }) => stage) }
}

/** The trainings whose results the store has. */
async function jobsIn(root: string): Promise<number> {
  const files = await readdir(join(root, '.sheikh/keys'), { recursive: true, withFileTypes: true })
  const texts = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
  )
  return texts.filter((text) => text.includes('"train-candidate"')).length
}

it('sheikh run --workers trains candidates at once, with the bytes of one process', async () => {
  const [one, two] = [await project(), await project()]
  const expected = await runOf(one)
  expect(expected.candidates).toHaveLength(3)
  expect(await runOf(two, '--workers', '2')).toEqual(expected)
  expect([await jobsIn(one), await jobsIn(two)]).toEqual([0, 3])
})
