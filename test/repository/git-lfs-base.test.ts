// Base models with pointers of Git LFS: the digest is that of the files, and trainings read the files.
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { readWeightsDirectory } from '../../src/model/index.js'
import { compose, wholeFoldersOf } from '../../src/repository/compose.js'
import { withTokenCounter } from '../../src/repository/count-tokens.js'
import { llamaTrainer } from '../../src/trainer/tfjs/index.js'
import { makeBase } from '../trainer/llama/base.js'
import { git, temporaryFolder } from './harness.js'
import { oidOf, pointerTo, startLfs } from './lfs-server.js'
import { project } from './project.js'

const context = callContext()
const fitContext = { ...context, progress() {} }
const base = await makeBase(temporaryFolder())
const names = readdirSync(base.directory)
const contents = new Map(names.map((name) => [name, readFileSync(join(base.directory, name))]))
const work = (root: string) => join(root, '.sheikh/work')

/** A project whose base model is there as pointers, except the files that `isFile` names, and a server with the files. */
async function pointing(model: string, isFile = (name: string): boolean => name === 'tokenizer_config.json') {
  const made = await project({ 'sheikh.config.mjs': 'export default {}\n' })
  const server = await startLfs([...contents.values()])
  git(made.root, 'config', 'lfs.url', `${server.url}/ns/data.git/info/lfs`)
  for (const [name, content] of contents) made.put(`models/base/${name}`, isFile(name) ? content : pointerTo(content))
  made.put(
    'mlops/training/config.yaml',
    `model: { architecture: llama, base: models/base${model}, answer: { kind: choice, choices: [fruit, vehicle] } }
training: { num_train_epochs: 1, per_device_train_batch_size: 40, bf16: false, optim: adamw_torch }
`,
  )
  await made.commit('A base in Git LFS')
  return { ...made, server }
}

const composed = (root: string) => compose({ root, shared: root, environment: process.env } as never, context)

/** Folders of fetched files that are left. */
const left = (root: string) =>
  existsSync(work(root))
    ? readdirSync(work(root), { recursive: true }).filter((path) => /lfs.+safetensors/.test(`${path}`))
    : []

it('a run trains on the files of a base, and is up to date in a checkout with the files', async () => {
  const { root, put, commit, repository, server } = await pointing(`, base_digest: "${base.digest}"`)
  const result = await (await repository.pipeline()).run()
  expect(result.status).toBe('released')
  expect(server.asked.length).toBeGreaterThanOrEqual(names.length - 1)
  expect(left(root)).toEqual([])
  // The checkout is as it was, and the objects too.
  const weights = contents.get('model.safetensors')!
  expect(readFileSync(join(root, 'models/base/model.safetensors'), 'utf8')).toBe(pointerTo(weights))
  const oid = oidOf(weights)
  expect(readFileSync(join(root, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid)).equals(weights)).toBe(true)
  const asked = server.asked.length
  for (const [name, content] of contents) put(`models/base/${name}`, content)
  await commit('Files')
  expect((await (await repository.pipeline()).run()).status).toBe('up-to-date')
  expect(server.asked.length).toBe(asked)
})

it('the digest of a base is known without its files, and another one is an error before a download', async () => {
  const { root, repository, server } = await pointing('')
  await expect(repository.pipeline().then((pipeline) => pipeline.run())).rejects.toMatchObject({
    code: 'invalid-config',
    message: expect.stringContaining(base.digest),
  })
  await expect(
    llamaTrainer({
      base: {
        ...wholeFoldersOf(await composed(root)),
        directory: join(root, 'models/base'),
        digest: `sha256:${'0'.repeat(64)}`,
      },
    }).fit({} as never, fitContext),
  ).rejects.toMatchObject({ code: 'artifact-corrupt' })
  expect(server.asked).toEqual([])
})

it('adapters are trained and loaded with a base of pointers, as with the files', async () => {
  const { root } = await pointing(`, base_digest: "${base.digest}"`, () => false)
  const settings = { lora: { rank: 2, merge: false }, epochs: 1, checkpoints: false, seed: 1 } as const
  const { largeFiles, store } = await composed(root)
  const pointed = { ...base, directory: join(root, 'models/base'), ...wholeFoldersOf({ largeFiles, store }) }
  const rows = {
    size: 2,
    digest: `sha256:${'2'.repeat(64)}`,
    async *[Symbol.asyncIterator]() {
      yield { id: 'a', input: 'apple', target: 'fruit', slices: {} }
      yield { id: 'b', input: 'train', target: 'vehicle', slices: {} }
    },
  }
  const trained = async (of: typeof base, directory = temporaryFolder()) =>
    (await llamaTrainer({ ...settings, base: of }).fit({ training: rows, seed: 's', directory } as never, fitContext))
      .weights
  const expected = await trained({ ...base, name: 'models/base' })
  const weights = await trained({ ...pointed, name: 'models/base' })
  expect(weights.digest).toBe(expected.digest)
  for (const thread of ['own', 'caller'] as const) {
    const answer = { kind: 'choice', choices: ['fruit', 'vehicle'] } as const
    const load = (of: typeof base) =>
      llamaTrainer({ ...settings, base: of, answer, thread }).load(weights, { ...context, thread })
    const plain = await load(base)
    const model = await load(pointed)
    expect(left(root).length).toBeGreaterThan(0)
    expect(await model.predict(['apple'], context)).toEqual(await plain.predict(['apple'], context))
    await plain[Symbol.asyncDispose]()
    await model[Symbol.asyncDispose]()
    expect(left(root)).toEqual([])
  }
})

it('tokens are counted with a tokenizer of pointers', async () => {
  const { root } = await pointing(`, base_digest: "${base.digest}"`, () => false)
  const composition = await composed(root)
  const { quality } = await withTokenCounter(root, composition.configuration, wholeFoldersOf(composition), context)
  const { counter, maximumTokens } = quality.tokenLimit as {
    counter: import('../../src/dataset/index.js').TokenCounter
    maximumTokens: number
  }
  expect(maximumTokens).toBe(65)
  expect((await (await counter.open(context)).count('an apple', 'fruit'))?.prompt).toBeGreaterThan(1)
  expect(await counter.digest(context)).toMatch(/^sha256:/)
  expect(left(root)).toEqual([])
})

it('a file of a base that cannot be fetched, or a pointer with an extension, is an error with its path', async () => {
  const { root, put } = await pointing('', () => false)
  const gone = pointerTo('gone')
  const directory = join(root, 'models/base')
  const digestOf = async (pointer: string) => {
    const whole = temporaryFolder()
    cpSync(base.directory, whole, { recursive: true })
    writeFileSync(join(whole, 'model.safetensors'), pointer === gone ? 'gone' : '')
    return (await readWeightsDirectory(whole, context)).digest
  }
  const { largeFiles, store } = await composed(root)
  const trained = async (pointer: string) => {
    put('models/base/model.safetensors', pointer)
    const settings = { directory, name: 'models/base', digest: await digestOf(pointer) }
    await llamaTrainer({ base: { ...settings, ...wholeFoldersOf({ largeFiles, store }) } }).fit({} as never, fitContext)
  }
  await expect(trained(gone)).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringMatching(/"models\/base\/model\.safetensors" from Git LFS.*answered 404/),
  })
  expect(left(root)).toEqual([])
  await expect(trained(`${gone}ext-0-x sha256:1\n`)).rejects.toMatchObject({
    code: 'artifact-corrupt',
    message: expect.stringMatching(/model\.safetensors.*Git LFS pointer.*git lfs pull/),
  })
})
