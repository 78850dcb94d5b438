import { expect, it } from 'vitest'
import { commit, edit, sheikh, sheikhJson, tinyProject, write } from './harness.js'

// A trainer that always answers "fruit", so that nothing waits for a training.
const config = `import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
const stage = (parts) => ({ contract: 1, version: '1', describe: () => null, ...parts })
export default {
  trainer: {
    contract: 1, name: 'mine', version: '1', targets: 'labels', describe: () => null,
    fit: async ({ directory, seed, training }) => {
      await writeFile(join(directory, 'words.json'), '{"answer":"fruit"}')
      return { weights: { path: directory }, record: { trainer: { name: 'mine', version: '1', describe: null }, seed, trainingDigest: training.digest, lossCurve: [] } }
    },
    load: async ({ digest }) => ({ digest, predict: async (inputs) => inputs.map(() => ({ kind: 'label', label: 'fruit' })), [Symbol.asyncDispose]: async () => {} }),
  },
  stages: [
    stage({ name: 'measure-the-weights', reads: ['candidate'], writes: 'sizes', run: async () => ({ value: { files: 1 } }) }),
    stage({ name: 'tell', reads: ['verdict', 'sizes'], run: async () => ({ value: 'told' }) }),
  ],
}
`

it('plan, why, report and their JSON know the stages of the host, and what they returned', async () => {
  const folder = await tinyProject()
  await write(folder, 'sheikh.config.mjs', config)
  await edit(folder, 'mlops/pipeline.yaml', (text) => text.replace('accuracy_threshold: 0.15', 'beats_majority: true'))
  await commit(folder)
  const plan = await sheikh(folder, ['plan'])
  expect(plan.out, plan.err).toMatch(/\n {2}train +run .*\n {2}measure-the-weights unknown .*\n {2}evaluate /)
  const { json } = await sheikhJson(folder, 'plan')
  expect(json.stages.map(({ stage, action }: { stage: string; action: string }) => [stage, action])).toEqual([
    ['validate', 'run'],
    ['train', 'run'],
    ['measure-the-weights', 'unknown'],
    ['evaluate', 'run'],
    ['gate', 'run'],
    ['tell', 'run'],
    ['release', 'run'],
  ])
  await sheikh(folder, ['run'])
  expect((await sheikh(folder, ['why', 'measure-the-weights'])).out).toMatch(/^measure-the-weights: cached, kept from /)
  expect((await sheikhJson(folder, 'why', 'tell')).json).toMatchObject({ stage: 'tell', action: 'run' })
  const report = await sheikhJson(folder, 'report')
  expect(report.json.stages).toContainEqual(expect.objectContaining({ name: 'tell', value: 'told' }))
  expect((await sheikh(folder, ['report'])).out).toContain('"files":1')
})
