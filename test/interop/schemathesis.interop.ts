// Requests that schemathesis derives from /openapi.json, valid and invalid ones, and servers of ours: of a text classifier and
// of a Llama, which really predict.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import { type Rows, readWeightsDirectory, type WeightsDirectory } from '../../src/model/index.js'
import type { Trainer } from '../../src/trainer/index.js'
import { llamaTrainer, textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { releasedModel, serverOf } from '../serve/fixture.js'
import { operationsOf } from '../serve/openapi-document.js'
import { makeBase, tinyConfig } from '../trainer/llama/base.js'
import { python } from './python.js'

// A text that is too long may also make the body too large, which schemathesis does not take for a refusal. A JSON Schema
// cannot say that the shape of a tensor fits its data, nor how many tokens a prompt has.
const settings = `[checks]
negative_data_rejection.expected-statuses = [400, 401, 404, 405, 413, 415, 422]

[[operations]]
include-operation-id = ["modelInfer", "versionInfer"]
checks.positive_data_acceptance.expected-statuses = [200, 400]

[[operations]]
include-operation-id = ["complete", "chat"]
checks.positive_data_acceptance.expected-statuses = [200, 422]
`

const token = 'not-a-real-token'

let below: string
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-schemathesis-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))

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

/** A server of these weights, which a release would have. */
async function serving(trainer: Pick<Trainer<string, never>, 'load'>, weights: WeightsDirectory) {
  const model = await trainer.load(weights, { ...callContext(), thread: 'own' })
  onTestFinished(() => model[Symbol.asyncDispose]())
  const { release } = await releasedModel()
  return serverOf(
    { name: 'mail', token, metrics: true, feedback: { store: memoryFeedback() } },
    {
      ...{ release, digest: model.digest, labels: model.labels },
      predict: (inputs, parts) => model.predict(inputs, callContext(parts)),
      ...(model.generate !== undefined && {
        generate: (prompt, options = {}, parts = {}) => model.generate!(prompt, options, callContext(parts)),
      }),
      ...(model.chatPrompt !== undefined && { chatPrompt: model.chatPrompt.bind(model) }),
      [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
    },
  )
}

async function classifierServer() {
  const trainer = tfjsTrainer(textClassifier({ epochs: 3, buckets: 2 ** 8 }))
  const directory = await mkdtemp(join(below, 'weights-'))
  const { weights } = await trainer.fit({ training: rows, seed: 1, directory }, { ...callContext(), progress() {} })
  return serving(trainer, weights)
}

async function llamaServer() {
  const { directory } = await makeBase(below, { config: { ...tinyConfig, max_position_embeddings: 256 } })
  await writeFile(
    join(directory, 'chat_template.jinja'),
    '{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}{% endfor %}',
  )
  const weights = await readWeightsDirectory(directory, callContext())
  const base = { directory, digest: weights.digest }
  return serving(llamaTrainer({ base, maximumLength: 256, answer: { kind: 'text', maximumNewTokens: 4 } }), weights)
}

describe.each([
  ['a text classifier', classifierServer, ['classify', 'huggingFace'], ['complete', 'chat']],
  ['a Llama', llamaServer, ['complete', 'chat', 'huggingFace'], ['classify']],
] as const)('a server of %s', (_, open, present, absent) => {
  it('answers as its OpenAPI document says', async () => {
    const { url, said } = await open()
    const response = await fetch(`${url}/openapi.json`, { headers: { authorization: `Bearer ${token}` } })
    const ids = operationsOf((await response.json()) as never).map(({ operationId }) => operationId)
    expect(ids).toEqual(
      expect.arrayContaining([...present, 'predict', 'feedback', 'modelInfer', 'invocations', 'models']),
    )
    expect(ids.filter((id) => absent.includes(id as never))).toEqual([])
    // schemathesis keeps its examples in the working directory.
    const folder = mkdtempSync(join(tmpdir(), 'sheikh-schemathesis-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'schemathesis.toml'), settings)
    const { stdout } = await promisify(execFile)(
      join(dirname(python), 'schemathesis'),
      [
        ...['run', `${url}/openapi.json`, '--header', `Authorization: Bearer ${token}`],
        ...['--checks', 'all', '--continue-on-failure', '--max-examples', '50', '--seed', '1'],
        // Feedback is about answers that schemathesis never asked for, so all of it is answered with 404.
        ...['--warnings', 'off'],
      ],
      { cwd: folder, maxBuffer: 2 ** 26 },
    ).catch((error: { readonly stdout: string }) => error)
    // Requests that failed may be long.
    const summary = stdout.split('\n').filter((line) => line.length < 200)
    // Without the document itself.
    const tested = new RegExp(
      `Tested: ${ids.length - 1}\\b[\\s\\S]* (\\d{3,}) generated, \\1 passed, \\d+ skipped[\\s\\S]*No issues found`,
    )
    expect(summary.slice(-120).join('\n')).toMatch(tested)
    expect(said).toEqual([])
  })
})
