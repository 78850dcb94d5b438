// A command reads and evaluates the configuration once.
import { cpSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { madeOnce } from '../made-once.js'
import { commit, copy, sheikh, tinyProject, write } from './harness.js'

// A trainer that always answers "fruit", so that nothing waits for a training.
const config = `import { writeFileSync } from 'node:fs'
globalThis.configurationEvaluations += 1
export default {
  trainer: {
    contract: 1, name: 'mine', version: '1', targets: 'labels', describe: () => null,
    fit: async ({ directory, seed, training }) => (writeFileSync(directory + '/words.json', '{}'), {
      weights: { path: directory },
      record: { trainer: { name: 'mine', version: '1', describe: null }, seed, trainingDigest: training.digest, lossCurve: [] },
    }),
    load: async ({ digest }) => ({ digest, predict: async (inputs) => inputs.map(() => ({ kind: 'label', label: 'fruit' })), [Symbol.asyncDispose]: async () => {} }),
  },
}
`
const counts = globalThis as unknown as { configurationEvaluations: number }
const { open } = fs
let reads: number

beforeEach(() => {
  counts.configurationEvaluations = 0
  reads = 0
  const counted = (path: unknown, ...rest: readonly unknown[]) => {
    if (String(path).endsWith('mlops/pipeline.yaml')) reads += 1
    return (open as (...all: readonly unknown[]) => Promise<unknown>)(path, ...rest)
  }
  fs.open = counted as typeof open
  syncBuiltinESMExports()
})
afterEach(() => {
  fs.open = open
  syncBuiltinESMExports()
})

const configured = () =>
  madeOnce('configuration-reads', async (folder) => {
    cpSync(await tinyProject(), folder, { recursive: true })
    await write(folder, 'sheikh.config.mjs', config)
    await commit(folder)
  })

it.each([
  ['run', '--report', 'report.md'],
  ['run', '--if-triggered'],
  ['triggers'],
  ['report'],
  ['status'],
  ['plan'],
  ['gc', '--keep-last', '3'],
  ['history'],
])('sheikh %s', async (...argv) => {
  const folder = await copy(await configured())
  if (argv[0] === 'report') await sheikh(folder, ['run'])
  Object.assign(counts, { configurationEvaluations: 0 })
  reads = 0
  const { code, err } = await sheikh(folder, argv)
  expect([0, 2, 3], err).toContain(code)
  expect({ evaluations: counts.configurationEvaluations, reads }).toEqual({ evaluations: 1, reads: 1 })
})
