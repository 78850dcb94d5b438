import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RunResult } from '../../src/pipeline/index.js'
import { openRepository } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { project, quickTrainer, sample } from './project.js'

interface Ran {
  readonly result: RunResult
  /** Whether the weights were there already. */
  readonly trained: boolean | undefined
  readonly warnings: readonly string[]
}

async function run(root: string, options = {}): Promise<Ran> {
  const pipeline = await (await openRepository(root)).pipeline()
  let trained: boolean | undefined
  const warnings: string[] = []
  pipeline.on('stage-end', ({ stage, cached }) => {
    if (stage === 'train') trained = !cached
  })
  pipeline.on('warning', ({ message }) => warnings.push(message))
  const result = await pipeline.run(options)
  return { result, trained, warnings }
}

type Files = Readonly<Record<string, unknown>>

/** What a commit of these files leads to after a first release. */
async function afterChange(files: Files, { fresh, start = {} }: { readonly fresh: boolean; readonly start?: Files }) {
  const made = await project(start, { isReleased: true })
  for (const [path, content] of Object.entries(files)) made.put(path, content)
  await made.commit()
  // Another machine has the repository and the registry only.
  if (fresh) rmSync(join(made.root, '.sheikh'), { recursive: true })
  const planned = (await made.repository.plan()).stages.find(({ stage }) => stage === 'train')
  return { ...made, planned, ...(await run(made.root)) }
}

const inference = { 'prompts/inference/ask.txt': 'What could {{ text }} be?\n' }
const moreData = { 'dataset/samples/all/50.json': sample(50) }

describe.each([
  ['on the same machine', false],
  ['on a fresh machine', true],
])('a change, %s,', (_, fresh) => {
  // Of these, a fresh machine decides as the first one does.
  const test = fresh ? itInFull : it

  it('of an inference prompt is judged and released without training', async () => {
    const { result, trained, planned } = await afterChange(inference, { fresh })
    expect(result).toMatchObject({ status: 'released', release: { version: '0.2.0' } })
    expect(trained).toBe(false)
    expect(planned?.action).toBe('cached')
    if (fresh) expect(planned?.reason).toBe('the release 0.1.0 contains these weights')
  })

  test('of the training data trains', async () => {
    const { result, trained, planned } = await afterChange(moreData, { fresh })
    expect(result.status).toMatch(/released|up-to-date/)
    expect([trained, planned?.action]).toEqual([true, 'run'])
  })

  itInFull('of a training prompt trains', async () => {
    const start = {
      'dataset/config.yaml': 'projection: { id: id, input: prompts/training/ask.txt, target: label }\n',
      'prompts/training/ask.txt': '{{ text }}\n',
    }
    const { trained } = await afterChange({ 'prompts/training/ask.txt': '{{ text }}!\n' }, { fresh, start })
    expect(trained).toBe(true)
  })

  test('of the gate alone trains and releases nothing', async () => {
    const rules = { 'mlops/validation/rules.yaml': 'validation: { accuracy_threshold: 0.2, weight_integrity: true }\n' }
    const { result, trained } = await afterChange(rules, { fresh })
    expect([result.status, trained]).toEqual(['up-to-date', false])
  })
})

describe('the weights of a release', () => {
  it('are trained again if somebody asks for that', async () => {
    const made = await project({}, { isReleased: true })
    rmSync(join(made.root, '.sheikh'), { recursive: true })
    expect(await run(made.root, { retrain: true })).toMatchObject({ trained: true, result: { status: 'up-to-date' } })
  })

  it('are kept in the store, so that they are fetched once', async () => {
    const { repository, put, commit } = await afterChange(inference, { fresh: true })
    put('prompts/inference/ask.txt', 'Again: {{ text }}\n')
    await commit()
    const { stages } = await repository.plan()
    expect(stages.find(({ stage }) => stage === 'train')).toMatchObject({
      action: 'cached',
      reason: expect.stringMatching(/^trained in the run /),
    })
  })

  it('are not used if they are damaged', async () => {
    const made = await project({}, { isReleased: true })
    made.put('prompts/inference/ask.txt', 'Changed: {{ text }}\n')
    await made.commit()
    rmSync(join(made.root, '.sheikh'), { recursive: true })
    const bundles = join(made.root, 'releases/bundles')
    writeFileSync(
      join(bundles, readdirSync(bundles)[0]!, 'config.json'),
      '{"architecture":"first-word","labels":[],"words":{}}',
    )
    const pipeline = await made.repository.pipeline()
    const ended: boolean[] = []
    const warnings: string[] = []
    pipeline.on('stage-end', ({ stage, cached }) => stage === 'train' && ended.push(cached))
    pipeline.on('warning', ({ message }) => warnings.push(message))
    await pipeline.run().catch(() => undefined)
    expect(ended).toEqual([false])
    expect(warnings.join()).toContain('The weights of the release 0.1.0 cannot be used')
  })

  itInFull('are not used if the release is withdrawn', async () => {
    const made = await project({}, { isReleased: true })
    made.put('dataset/samples/all/50.json', { ...sample(50), text: 'pear 50' })
    await made.commit()
    expect(await run(made.root)).toMatchObject({ result: { status: 'released' }, trained: true })
    await (await made.repository.pipeline()).rollback({ reason: 'Wrong', by: 'Me' })
    made.put('prompts/inference/ask.txt', 'Changed: {{ text }}\n')
    await made.commit()
    rmSync(join(made.root, '.sheikh'), { recursive: true })
    expect((await run(made.root)).trained).toBe(true)
  })

  itInFull('are not used if a stage of the host changed them after the training', async () => {
    const stage = `
      const quantise = {
        contract: 1, name: 'quantise', version: '1', describe: () => null, reads: ['candidate'], writes: 'candidate',
        run: async ({ candidate }, { directory }) => {
          const { cp, appendFile } = await import('node:fs/promises')
          await cp(candidate.files, directory, { recursive: true })
          await appendFile(directory + '/config.json', ' ')
          return { value: null, files: directory }
        },
      }
    `
    const trainer = quickTrainer.replace('export default {', `${stage}\nexport default { stages: [quantise],`)
    const { result, trained } = await afterChange(inference, { fresh: true, start: { 'sheikh.config.mjs': trainer } })
    expect([result.status, trained]).toEqual(['released', true])
  })
})
