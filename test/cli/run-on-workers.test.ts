import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { directoryStore } from '../../src/store/directory/index.js'
import { commit, project, sheikh, start, write } from './harness.js'

interface RunFile {
  readonly stages: readonly { readonly name: string; readonly key: string; readonly cached: boolean }[]
  readonly evaluations: unknown
}

async function runOf(root: string, ...parts: readonly string[]) {
  const { code, out, err } = await start(root, ['run', '--json', ...parts]).ended
  expect(code, err).toBe(0)
  const { runId } = JSON.parse(out) as { readonly runId: string }
  const run = (await directoryStore(join(root, '.sheikh')).runs.read(runId)) as unknown as RunFile
  const { key, cached } = run.stages.find(({ name }) => name === 'evaluate')!
  return { key, cached, evaluations: run.evaluations }
}

/** The jobs of evaluations whose results the store has. */
async function jobsIn(root: string): Promise<number> {
  const folder = join(root, '.sheikh/keys')
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((file) => file.isFile())
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')))
  return texts.filter((text) => text.includes('"evaluate-rows"')).length
}

it('sheikh run --workers evaluates in processes, with the key and the digests of one', async () => {
  const [one, two] = [await project(), await project()]
  const expected = await runOf(one)
  expect(expected.cached).toBe(false)
  expect(await runOf(two, '--workers', '2')).toEqual(expected)
  expect([await jobsIn(one), await jobsIn(two)]).toEqual([0, 1])
})

it('sheikh run --workers refuses a pipeline that sheikh.config.ts makes', async () => {
  const root = await project()
  await write(root, 'sheikh.config.ts', 'export default { pipeline: { run() {}, plan() {} } }\n')
  await commit(root, 'own pipeline')
  const { code, err } = await sheikh(root, ['run', '--workers', '2'])
  expect(err).toContain('Cannot evaluate on workers: sheikh.config.ts makes the pipeline.')
  expect(code).toBe(1)
})
