import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { directoryStore } from '../../src/store/directory/index.js'
import { commit, project, start, write } from './harness.js'

/** A project with three candidates. @param epochs of each of them. */
export async function projectWithCandidates(epochs?: number): Promise<string> {
  const root = await project()
  const training = epochs === undefined ? '' : `training: { epochs: ${epochs} }\n`
  const candidates = 'candidates: { slow: { learning_rate: 0.5 }, seeded: { seed: 7 } }\n'
  await write(root, 'mlops/training/config.yaml', training + candidates)
  await commit(root, 'three candidates')
  return root
}

/** Runs the project. @returns what of the run's record is the same wherever candidates are trained. */
export async function runOf(
  root: string,
  parts: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const { code, out, err } = await start(root, ['run', '--json', ...parts], { env }).ended
  expect(code, err).toBe(0)
  const { runId } = JSON.parse(out) as { readonly runId: string }
  const { bundle, candidate, candidates, stages } = (await directoryStore(join(root, '.sheikh')).runs.read(runId)) as {
    readonly [name: string]: unknown
    readonly stages: readonly { readonly durationMs: number }[]
  }
  return { bundle, candidate, candidates, stages: stages.map(({ durationMs: _, ...stage }) => stage) }
}

/** The trainings whose results the store has. */
export async function trainingsIn(root: string): Promise<number> {
  const keys = join(root, '.sheikh/keys')
  const files = await readdir(keys, { recursive: true, withFileTypes: true }).catch(() => [])
  const texts = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
  )
  return texts.filter((text) => text.includes('"train-candidate"')).length
}
