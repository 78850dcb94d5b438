import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { callContext, type Log } from '../../../src/core/index.js'
import { type Prediction, type Rows, readWeightsDirectory, type WeightsDirectory } from '../../../src/model/index.js'
import { createHandler } from '../../../src/serve/index.js'
import type { LoadContext, Trainer } from '../../../src/trainer/index.js'
import { llamaTrainer, type TfjsModel, textClassifier, tfjsTrainer } from '../../../src/trainer/tfjs/index.js'
import { packPredictions, unpackPredictions } from '../../../src/trainer/tfjs/thread/packed-predictions.js'
import { samples, world } from '../../pipeline/harness.js'
import { isWhole } from '../../whole.js'
import { makeBase } from '../llama/base.js'
import { build as hostModel } from './host-model.mjs'

let work: string
let hostWeights: WeightsDirectory
let textWeights: WeightsDirectory
const classifier = textClassifier({ epochs: 2, buckets: 2 ** 8 })
beforeAll(async () => {
  // Below the project, so that packages are found.
  work = await mkdtemp(join(resolve(import.meta.dirname, '../../..'), 'node_modules/.sheikh-model-thread-'))
  hostWeights = await train(hostModel({}))
  textWeights = await train(classifier)
})
afterAll(() => rm(work, { recursive: true, force: true }))

const rows: Rows<string, string> = {
  size: 12,
  digest: `sha256:${'0'.repeat(64)}`,
  async *[Symbol.asyncIterator]() {
    for (let index = 0; index < 12; index += 1) {
      const [word, target] = index % 2 === 0 ? ['apple', 'fruit'] : ['bus', 'vehicle']
      yield { id: String(index), input: `${word} ${index}`, target, slices: {} }
    }
  },
}

async function train<Example>(model: TfjsModel<string, string, Example>): Promise<WeightsDirectory> {
  const directory = await mkdtemp(join(work, 'weights-'))
  const request = { training: rows, seed: 1, directory }
  const { weights } = await tfjsTrainer(model).fit(request, { ...callContext(), progress() {} })
  return weights
}

const load = <T>(trainer: Trainer<string, T>, weights: WeightsDirectory, thread: LoadContext['thread'] = 'own') =>
  trainer.load(weights, { ...callContext(), thread })

/** A host's model in a thread, and what it logs. */
async function hostInThread(options: Parameters<typeof hostModel>[0] = {}) {
  const said: string[] = []
  const log: Log = { debug() {}, info() {}, warn: (message) => void said.push(message) }
  const model = await load(tfjsTrainer(hostModel(options)), hostWeights)
  onTestFinished(() => model[Symbol.asyncDispose]())
  const predict = (inputs: readonly string[], signal?: AbortSignal) =>
    model.predict(inputs, callContext({ log, signal }))
  return { model, said, predict }
}

const threadsIn = async (path: string) => [...new Set((await readFile(path, 'utf8')).trim().split('\n').map(Number))]

describe('a model in a thread of its own', () => {
  it('predicts the same as on the caller’s thread', async () => {
    const base = await makeBase(work)
    const llama = await readWeightsDirectory(base.directory, callContext())
    const cases: readonly [Trainer<string, string>, WeightsDirectory][] = [
      [tfjsTrainer(classifier), textWeights],
      [tfjsTrainer(classifier, { device: 'js' }), textWeights],
      [tfjsTrainer(hostModel({})), hostWeights],
      [llamaTrainer({ base, answer: { kind: 'text', maximumNewTokens: 5 } }), llama],
      [llamaTrainer({ base, answer: { kind: 'choice', choices: ['fruit', 'vehicle'] } }), llama],
      [llamaTrainer({ base, answer: { kind: 'likelihood' } }), llama],
    ]
    const inputs = Array.from({ length: 3 }, (_, index) => `apple or bus ${index}`)
    for (const [trainer, weights] of cases) {
      await using own = await load(trainer, weights)
      await using caller = await load(trainer, weights, 'caller')
      expect(own.digest).toBe(caller.digest)
      expect(own.labels).toEqual(caller.labels)
      expect(await own.predict(inputs, callContext())).toEqual(await caller.predict(inputs, callContext()))
      expect(await own.predict([], callContext())).toEqual([])
    }
  })

  it('predicts there only if the caller and the trainer allow it', async () => {
    const predictLog = join(work, 'threads')
    const threadsOf = async (options: { readonly thread?: 'caller' }, thread?: LoadContext['thread']) => {
      await using model = await load(tfjsTrainer(hostModel({ predictLog }), options), hostWeights, thread)
      await model.predict(['apple'], callContext())
      const threads = await threadsIn(predictLog)
      await rm(predictLog)
      return threads
    }
    expect(await threadsOf({}, 'own')).not.toContain(threadId)
    expect(await threadsOf({}, 'caller')).toEqual([threadId])
    expect(await threadsOf({ thread: 'caller' }, 'own')).toEqual([threadId])
  })

  it('throws what the model throws, and continues', async () => {
    const { predict, said } = await hostInThread()
    await expect(predict(['apple', 'throw'])).rejects.toThrow('the model is at fault')
    expect(await predict(['apple'])).toHaveLength(1)
    expect(said).toEqual([])
  })

  it('whose thread ends during a batch predicts it in a new one', async () => {
    const { predict, said } = await hostInThread({ once: join(work, 'once') })
    expect(await predict(['apple', 'exit once'])).toHaveLength(2)
    expect(said).toEqual(['The thread of the model ended. Another one is started.'])
    expect(await predict(['apple'])).toHaveLength(1)
    expect(said).toHaveLength(1)
  })

  it('whose thread ends again fails the batch with an error to retry, and answers the next batch', async () => {
    const { predict } = await hostInThread()
    const predictions = [predict(['exit']), predict(['apple'])]
    await expect(predictions[0]).rejects.toMatchObject({
      code: 'stage-failed',
      retryable: true,
      message: expect.stringContaining('exit code 3'),
    })
    expect(await predictions[1]).toHaveLength(1)
  })

  it('starts few threads if each of them ends', async () => {
    const { predict, said } = await hostInThread()
    const signal = AbortSignal.timeout(isWhole ? 2000 : 600)
    while (!signal.aborted)
      await predict(['exit'], signal).catch((error: unknown) => {
        if (error !== signal.reason) expect(error).toMatchObject({ code: 'stage-failed' })
      })
    // In 2 s without pauses there are about a hundred. With them the sixth waits for more than the rest of the time.
    expect(said.length).toBeLessThanOrEqual(6)
  })

  it('that does not react to an abort is ended, and the next batch is answered', async () => {
    const predictLog = join(work, 'hanging')
    const { predict, said } = await hostInThread({ predictLog })
    const controller = new AbortController()
    const hanging = predict(['hang'], controller.signal)
    const next = predict(['apple'])
    await vi.waitFor(() => readFile(predictLog), { timeout: 60_000 })
    controller.abort('enough')
    await expect(hanging).rejects.toBe('enough')
    expect(await next).toHaveLength(1)
    expect(said).toHaveLength(1)
    await expect(predict(['apple'], AbortSignal.abort('at once'))).rejects.toBe('at once')
  })

  it('is loaded again only from the files of the release', async () => {
    const weights = await train(hostModel({}))
    await using model = await load(tfjsTrainer(hostModel({})), weights)
    await appendFile(join(weights.path, 'config.json'), ' ')
    await expect(model.predict(['exit'], callContext())).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })

  it('refuses inputs that cannot be sent, and predicts nothing after it is disposed', async () => {
    const { model } = await hostInThread()
    await expect(model.predict([(() => 1) as never], callContext())).rejects.toMatchObject({ code: 'invalid-options' })
    await model[Symbol.asyncDispose]()
    await expect(model.predict(['apple'], callContext())).rejects.toThrow('disposed')
  })

  it('answers the requests of a server', async () => {
    const predictLog = join(work, 'served')
    const there = world()
    await there.pipeline(samples, { trainer: tfjsTrainer(hostModel({})) }).run()
    const trainer = tfjsTrainer(hostModel({ predictLog }))
    await using handler = await createHandler({ registry: there.releaser, trainer })
    const request = new Request('http://localhost/v1/predict', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: ['apple'] }),
    })
    expect((await handler(request)).status).toBe(200)
    expect(await threadsIn(predictLog)).not.toContain(threadId)
  })
})

describe('packed predictions', () => {
  it.each<readonly [string, readonly Prediction[]]>([
    ['none', []],
    ['labels', [labelled(0.25), labelled(0.75)]],
    ['one without probabilities', [labelled(0.25), { kind: 'label', label: 'a' }]],
    ['other labels', [labelled(0.25), { kind: 'label', label: 'c', probabilities: { c: 1 } }]],
    ['another order', [labelled(0.25), { kind: 'label', label: 'b', probabilities: { b: 0.5, a: 0.5 } }]],
    ['a label without a probability', [{ kind: 'label', label: 'c', probabilities: { a: 1 } }]],
    ['numbers', [{ kind: 'number', value: 1 }]],
  ])('are unpacked as they were: %s', (_, predictions) => {
    const unpacked = unpackPredictions(structuredClone(packPredictions(predictions)))
    expect(unpacked).toEqual(predictions)
    expect(JSON.stringify(unpacked)).toBe(JSON.stringify(predictions))
  })
})

function labelled(a: number): Prediction {
  return { kind: 'label', label: a > 0.5 ? 'a' : 'b', probabilities: { a, b: 1 - a } }
}
