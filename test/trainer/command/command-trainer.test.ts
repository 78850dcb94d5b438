import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext, digestBytes, type Log } from '../../../src/core/index.js'
import { Dataset, memorySamples } from '../../../src/dataset/index.js'
import type { Model } from '../../../src/model/index.js'
import { readWeightsDirectory } from '../../../src/model/index.js'
import { loadRelease } from '../../../src/releaser/index.js'
import { trainerContract } from '../../../src/testing/trainer-contract.js'
import { type CommandTrainerOptions, commandTrainer } from '../../../src/trainer/command/index.js'
import type { FitContext, TrainProgress } from '../../../src/trainer/index.js'
import { itInFull } from '../../in-full.js'
import { world } from '../../pipeline/harness.js'
import { allGone, pidsIn, program, rows } from './first-word.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-command-'))
  cpSync(join(import.meta.dirname, program), join(folder, program))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const trainer = (options: Partial<CommandTrainerOptions> = {}) =>
  commandTrainer({
    fit: [process.execPath, program, 'fit'],
    predict: [process.execPath, program, 'predict'],
    directory: folder,
    inputs: [program],
    targets: 'labels',
    ...options,
  })

describe('a program that trains and predicts', () => trainerContract(it, async () => trainer({ warmStart: true })))

it('does not say that a program can start from a base, unless it is told to', () => {
  expect(trainer().warmStart).toBe(undefined)
  // What a program can is no part of what it makes: the key of what was trained stays.
  expect(trainer({ warmStart: true }).describe()).toEqual(trainer().describe())
})

async function train(options: Partial<CommandTrainerOptions> = {}, parts: Partial<FitContext> = {}) {
  const directory = join(folder, 'weights')
  await mkdir(directory, { recursive: true })
  const context: FitContext = { ...callContext(parts), progress: parts.progress ?? (() => {}) }
  return trainer(options).fit({ training: rows, seed: 7, directory }, context)
}

async function loaded(work: (model: Model) => Promise<void>, options: Partial<CommandTrainerOptions> = {}) {
  const { weights } = await train(options)
  await using model = await trainer(options).load(weights, callContext())
  await work(model)
}

const logTo = (lines: string[]): Log => {
  const add = (message: string) => lines.push(message)
  return { debug: add, info: add, warn: add }
}

describe('training', () => {
  it('records what it printed: progress, environment, loss curve; and logs the rest, without secrets', async () => {
    const [reports, lines]: [TrainProgress[], string[]] = [[], []]
    const { record, weights } = await train(
      { env: ['MY_TOKEN'], environment: { ...process.env, MY_TOKEN: 'hush-hush-hush' } },
      { progress: (report) => reports.push(report), log: logTo(lines) },
    )
    expect(reports.map(({ step }) => step)).toContain(2)
    expect(record.lossCurve).toEqual([
      [1, 0.5],
      [2, 0.25],
    ])
    expect(record.environment).toEqual({ packages: { 'first-word': '1.2.3' }, device: { name: 'paper' } })
    expect(lines.join('\n')).toContain('training on 4 rows, seed 7')
    expect(lines.join('\n')).not.toContain('hush')
    expect(weights.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
    expect(await readdir(weights.path)).toEqual(['config.json', 'model.safetensors'])
  })

  it('passes only the variables that are named', async () => {
    const lines: string[] = []
    await train({ environment: { ...process.env, MY_TOKEN: 'hush-hush-hush' } }, { log: logTo(lines) })
    expect(lines.join('\n')).toContain('token none')
  })

  it('has the bytes of its inputs in its key, and their names in its description', async () => {
    const before = JSON.stringify(trainer().describe())
    expect(JSON.stringify(trainer({ inputs: [] }).describe())).toBe(before)
    await writeFile(join(folder, program), `${await readFile(join(folder, program), 'utf8')}\n// edited`)
    expect(JSON.stringify(trainer().describe())).not.toBe(before)
    expect(() => trainer({ inputs: ['uv.lock'] }).describe()).toThrow(/Cannot find the input "uv.lock"/)
  })

  const faults = [
    ['crash', 'stage-failed', /exit code 3[\s\S]*Traceback: no such tensor/],
    ['kill', 'stage-failed', /killed by SIGKILL\. Most likely memory ran out/],
    ['nan', 'train-diverged', /step 2 is not finite/],
    ['infinite', 'train-diverged', /not finite/],
    ['nothing', 'artifact-corrupt', /wrote no weights/],
    ['pickle', 'artifact-corrupt', /"model\.pt" has the extension of a pickle/],
  ] as const
  for (const [fault, code, message] of faults)
    it(`that ends in "${fault}" is ${code}, and leaves nothing`, async () => {
      await expect(train({ config: { fault } })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      })
      expect(await readdir(join(folder, 'weights'))).toEqual([])
    })

  it('is ended with all that it started when it is aborted, though it will not hear', async () => {
    const pidFile = join(folder, 'pids.json')
    const aborting = new AbortController()
    const fitting = train({ config: { fault: 'hang', pidFile }, graceMs: 100 }, { signal: aborting.signal })
    const reason = { why: 'enough' }
    const failed = expect(fitting).rejects.toBe(reason)
    const pids = await pidsIn(pidFile)
    aborting.abort(reason)
    await failed
    await allGone(pids)
    expect(await readdir(join(folder, 'weights'))).toEqual([])
  })

  it('is ended at its time limit', async () => {
    const pidFile = join(folder, 'pids.json')
    await expect(train({ config: { fault: 'hang', pidFile }, graceMs: 100, timeLimitMs: 800 })).rejects.toMatchObject({
      code: 'stage-failed',
      message: expect.stringMatching(/longer than 800 ms/),
    })
    await allGone(await pidsIn(pidFile))
  })

  it('does not begin without room on the disk', async () => {
    await expect(train({ minimumFreeBytes: 2 ** 60 })).rejects.toMatchObject({ code: 'storage-failed' })
  })

  it('says which program is not there', async () => {
    await expect(train({ fit: ['no-such-program'] })).rejects.toMatchObject({
      code: 'missing-peer',
      message: expect.stringMatching(/the program is not on the PATH/),
    })
  })
})

describe('predicting', () => {
  it('goes in batches, in order, and one question waits for the other', () =>
    loaded(
      async (model) => {
        const ask = (...words: string[]) => model.predict(words, callContext())
        const [first, second] = await Promise.all([ask('apple', 'car', 'pear'), ask('bus')])
        expect(first.map((prediction) => prediction.kind === 'label' && prediction.label)).toEqual([
          'fruit',
          'vehicle',
          'fruit',
        ])
        expect(second).toMatchObject([{ label: 'vehicle', probabilities: { fruit: 0, vehicle: 1 } }])
        expect(model.labels).toEqual(['fruit', 'vehicle'])
      },
      { batchSize: 2 },
    ))

  it('has an error of one batch, of plain kind, and goes on', () =>
    loaded(async (model) => {
      await expect(model.predict(['error'], callContext())).rejects.toThrow('this input is too long')
      expect(await model.predict(['bus'], callContext())).toMatchObject([{ label: 'vehicle' }])
    }))

  it.each([
    ['few', /returned 0 predictions for 1 inputs/],
    ['odd', /"guess"\} is not a prediction/],
    ['nan', /not finite/],
  ])('refuses an answer with %s', (input, message) =>
    loaded(async (model) => {
      await expect(model.predict([input], callContext())).rejects.toMatchObject({
        code: 'evaluation-invalid',
        message: expect.stringMatching(message),
      })
    }),
  )

  it('ends in a typed error when the program does, and is begun again', () =>
    loaded(async (model) => {
      await expect(model.predict(['crash'], callContext())).rejects.toMatchObject({
        code: 'stage-failed',
        message: expect.stringMatching(/exit code 4[\s\S]*asked about 1/),
      })
      expect(await model.predict(['bus'], callContext())).toMatchObject([{ label: 'vehicle' }])
    }))

  it('asks again about a batch over which the program was killed, and logs that it was started again', async () => {
    const { weights } = await train()
    await using model = await trainer({ config: { killedFile: join(folder, 'killed') } }).load(weights, callContext())
    const lines: string[] = []
    const answers = await model.predict(['bus', 'kill once'], callContext({ log: logTo(lines) }))
    expect(answers).toMatchObject([{ label: 'vehicle' }, { kind: 'label' }])
    expect(lines.filter((line) => line.includes('Another one is started'))).toHaveLength(1)
  })

  it('starts a program that ends after each batch for each batch', () =>
    loaded(
      async (model) => {
        for (let batch = 0; batch < 3; batch += 1)
          expect(await model.predict(['bus'], callContext())).toMatchObject([{ label: 'vehicle' }])
      },
      { config: { batches: 1 } },
    ))

  it('times out as an item does, is stopped by a signal, and is begun again', () =>
    loaded(
      async (model) => {
        await expect(model.predict(['hang'], callContext())).rejects.toMatchObject({ name: 'TimeoutError' })
        const aborting = new AbortController()
        const reason = { why: 'enough' }
        const asked = expect(model.predict(['hang'], callContext({ signal: aborting.signal }))).rejects.toBe(reason)
        aborting.abort(reason)
        await asked
        expect(await model.predict(['bus'], callContext())).toMatchObject([{ label: 'vehicle' }])
      },
      { predictLimitMs: 1000, graceMs: 100 },
    ))

  it('is another model after an edit of the program, and none where the weights have changed', async () => {
    const { weights } = await train()
    const digest = async () => {
      await using model = await trainer().load(weights, callContext())
      return model.digest
    }
    const before = await digest()
    expect(await digest()).toBe(before)
    await writeFile(join(folder, program), `${await readFile(join(folder, program), 'utf8')}\n// edited`)
    expect(await digest()).not.toBe(before)
    await writeFile(join(weights.path, 'config.json'), '{}')
    await expect(digest()).rejects.toMatchObject({ code: 'artifact-corrupt' })
    const own = await readWeightsDirectory(weights.path, callContext())
    await expect(trainer().load(own, callContext())).rejects.toThrow(/Cannot load the weights: the architecture/)
  })
})

describe('options', () => {
  it.each([
    [{ fit: [''] as never }, 'fit'],
    [{ timeLimitMs: 0 }, 'timeLimitMs'],
    [{ batchSize: 1.5 }, 'batchSize'],
    [{ env: ['A=B'] }, 'env'],
    [{ secrets: ['my-secret-key'], config: { key: 'my-secret-key' } }, 'secrets'],
  ])('%j is refused', (options, option) => {
    expect(() => trainer(options)).toThrow(expect.objectContaining({ code: 'invalid-options', facts: { option } }))
  })
})

it('loads weights from the folder of their bundle, with prompts beside them', async () => {
  const { pipeline, releaser } = world()
  const payload = async () => [{ path: 'prompts/a.txt', content: 'a', digest: digestBytes('a') }]
  expect(await pipeline(undefined, { trainer: trainer(), payload }).run()).toMatchObject({ status: 'released' })
  await using model = await loadRelease(releaser, { trainer: trainer() })
  expect(await model.predict(['apple 1'])).toMatchObject([{ label: 'fruit' }])
})

itInFull('renders chats with the chat template that the program wrote', async () => {
  const { weights } = await train()
  await loaded(async (model) => expect(model.chatPrompt).toBeUndefined())
  const template = '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}'
  await writeFile(join(weights.path, 'tokenizer_config.json'), JSON.stringify({ chat_template: template }))
  await using model = await trainer().load(await readWeightsDirectory(weights.path, callContext()), callContext())
  expect(await model.chatPrompt!([{ role: 'user', content: 'apple {{ 1 }}' }])).toBe('user: apple {{ 1 }}\n')
})

describe('files that samples name', () => {
  it('are given to the program: their digests by path with each row, and the folder in both requests', async () => {
    const script = join(folder, 'files.mjs')
    await writeFile(
      script,
      `import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
const { kind, paths } = JSON.parse(readFileSync(process.env.SHEIKH_REQUEST, 'utf8'))
const read = (path) => readFileSync(join(paths.files, path), 'utf8')
if (kind === 'fit') {
  const rows = readFileSync(paths.training, 'utf8').trim().split('\\n').map((line) => JSON.parse(line))
  const known = rows.map(({ input, files }) => [input, read(input), files[input]])
  const tensor = Buffer.alloc(4)
  const header = Buffer.from(JSON.stringify({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }).padEnd(72))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  writeFileSync(join(paths.weights, 'model.safetensors'), Buffer.concat([length, header, tensor]))
  writeFileSync(join(paths.weights, 'config.json'), JSON.stringify({ known }))
} else {
  console.log(JSON.stringify({ ready: true, labels: ['one'] }))
  for await (const line of createInterface({ input: process.stdin })) {
    const { inputs } = JSON.parse(line)
    console.log(JSON.stringify({ predictions: inputs.map((input) => ({ kind: 'text', text: read(input) })) }))
  }
}
`,
    )
    const texts = { 'notes/a.txt': 'first', 'notes/b.txt': 'second' }
    await mkdir(join(folder, 'data/notes'), { recursive: true })
    for (const [path, text] of Object.entries(texts)) await writeFile(join(folder, 'data', path), text)
    const dataset = new Dataset({
      source: memorySamples(Object.keys(texts).map((note) => ({ id: note, note, label: 'one' }))),
      input: 'note',
      target: 'label',
      files: { directory: join(folder, 'data'), fields: ['note'] },
    })
    const { filesDirectory } = dataset
    expect(filesDirectory).toBe(join(folder, 'data'))
    const directory = join(folder, 'weights')
    await mkdir(directory)
    const options = { fit: [process.execPath, script], predict: [process.execPath, script], inputs: [script] } as const
    const context = { ...callContext(), filesDirectory }
    const { weights } = await trainer(options).fit(
      { training: (await dataset.contents()).whole() as never, seed: 1, directory },
      { ...context, progress: () => {} },
    )
    expect(JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'))).toEqual({
      known: Object.entries(texts).map(([path, text]) => [path, text, digestBytes(text)]),
    })
    await using model = await trainer(options).load(weights, context)
    expect(await model.predict(['notes/b.txt'], callContext())).toEqual([{ kind: 'text', text: 'second' }])
  })
})
