import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext, digestJson, isSheikhError } from '../../src/core/index.js'
import {
  type Evaluation,
  type Predictions,
  readEvaluation,
  readPredictions,
  rememberingModel,
  writeEvaluation,
  writePredictions,
} from '../../src/evaluation/index.js'
import { type Prediction, readSafetensors, type Tensor, tensorOf, writeSafetensors } from '../../src/model/index.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'

const context = callContext()
const directory = mkdtempSync(join(tmpdir(), 'evaluation-'))
afterAll(() => rmSync(directory, { recursive: true }))
const path = join(directory, 'evaluation.safetensors')
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

const name = fc.oneof(anyText(), fc.constantFrom('__proto__', 'constructor', '', 'ü', '0'))
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0 || 0)
const prediction: fc.Arbitrary<Prediction | null> = fc.oneof(
  fc.constant(null),
  fc.record({ kind: fc.constant('label' as const), label: name }),
  fc.record({
    kind: fc.constant('label' as const),
    label: name,
    probabilities: fc
      .constantFrom(['a', '__proto__'], ['a', 'b'], [])
      .map((labels) => Object.fromEntries(labels.map((label) => [label, 0.5]))),
  }),
  fc.record({ kind: fc.constant('number' as const), value: finite }),
  fc.record({ kind: fc.constant('text' as const), text: name }),
  fc.record({ kind: fc.constant('vector' as const), values: fc.array(finite, { maxLength: 3 }) }),
)

const evaluations: fc.Arbitrary<Evaluation> = fc.integer({ min: 1, max: 400 }).chain((length) => {
  const column = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: length, maxLength: length })
  const ids = Array.from({ length }, (_, index) => `item ${index}`)
  return fc.record({
    formatVersion: fc.constant(1 as const),
    modelDigest: fc.constant(digestJson('model')),
    evaluationDigest: fc.constant(digestJson('set')),
    ids: fc.constant(ids),
    groups: fc.oneof(fc.constant(ids), column(name)),
    slices: fc.dictionary(name, column(fc.option(name)), { maxKeys: 3 }),
    targets: column(fc.jsonValue({ maxDepth: 1 }) as fc.Arbitrary<never>),
    predictions: column(prediction),
    outcomes: column(fc.constantFrom('ok' as const, 'error' as const, 'timeout' as const)),
    metrics: fc.constant([
      {
        name: 'm',
        direction: 'higher-is-better' as const,
        kind: 'ratio' as const,
        range: [0, Number.POSITIVE_INFINITY] as const,
        scores: ids.map((_, index) => (index % 3 === 0 ? null : index / 7)),
        weights: ids.map((_, index) => (index % 3 === 0 ? null : index)),
        value: 0.25,
      },
    ]),
  })
})

describe('an evaluation in a file', () => {
  it('is read back as it was, whatever its names and answers', async () => {
    await fc.assert(
      fc.asyncProperty(evaluations, async (evaluation) => {
        await writeEvaluation(path, evaluation, context)
        expect(plain(await readEvaluation(path, context))).toEqual(plain(evaluation))
      }),
      { numRuns: rounds(60) },
    )
  })

  it('is the same bytes each time', async () => {
    const [evaluation] = fc.sample(evaluations, { numRuns: 1, seed: 7 })
    const first = await writeEvaluation(path, evaluation!, context)
    expect(await writeEvaluation(path, await readEvaluation(path, context), context)).toBe(first)
  })

  const damages: readonly (readonly [string, (tensor: Tensor) => Tensor | undefined])[] = [
    ['a column is missing', (tensor) => (tensor.name === 'outcomes.codes' ? undefined : tensor)],
    [
      'a column is shorter',
      (tensor) =>
        tensor.name === 'metrics.0.scores' ? tensorOf(tensor.name, 'F64', [2], new Float64Array(2)) : tensor,
    ],
    [
      'a column is of another dtype',
      (tensor) =>
        tensor.name === 'metrics.0.scores' ? tensorOf(tensor.name, 'F32', [5], new Float32Array(5)) : tensor,
    ],
    [
      'a code names nothing',
      (tensor) => (tensor.name === 'targets.codes' ? { ...tensor, data: tensor.data.map(() => 255) } : tensor),
    ],
    [
      'texts overlap',
      (tensor) => (tensor.name === 'ids.ends' ? { ...tensor, data: tensor.data.slice().reverse() } : tensor),
    ],
    [
      'an outcome is none',
      (tensor) => (tensor.name === 'outcomes.names.utf8' ? { ...tensor, data: tensor.data.map(() => 120) } : tensor),
    ],
    [
      'a prediction is none',
      (tensor) =>
        tensor.name === 'predictions.said.names.utf8' ? { ...tensor, data: tensor.data.map(() => 49) } : tensor,
    ],
  ]
  it.each(damages)('is refused where %s', async (_, damage) => {
    const [sample] = fc.sample(
      evaluations.filter(({ ids, groups }) => ids.length === 5 && groups === ids),
      { numRuns: 1, seed: 1 },
    )
    await writeEvaluation(path, sample!, context)
    const { tensors, metadata } = await readSafetensors(path, context)
    await writeSafetensors(
      path,
      tensors.flatMap((tensor) => damage(tensor) ?? []),
      { metadata },
      context,
    )
    await expect(readEvaluation(path, context)).rejects.toSatisfy((error) => isSheikhError(error, 'artifact-corrupt'))
  })

  it.each(['{}', 'null', '[]', 'not JSON', '{"modelDigest":1}'])('is refused where its head is %s', async (head) => {
    await writeSafetensors(path, [], { metadata: { format: 'sheikh-evaluation-1', head } }, context)
    await expect(readEvaluation(path, context)).rejects.toSatisfy((error) => isSheikhError(error, 'artifact-corrupt'))
  })
})

describe('a model that remembers', () => {
  const model = (asked: string[]) => async () => ({
    digest: digestJson('model'),
    async predict(inputs: readonly string[]) {
      asked.push(...inputs)
      return inputs.map((input): Prediction => ({ kind: 'text', text: input.toUpperCase() }))
    },
    async [Symbol.asyncDispose]() {},
  })
  const said = (answers: readonly Prediction[]) => answers.map((answer) => (answer as { text: string }).text)
  const kept = async (answers: Predictions) => {
    await writePredictions(path, answers, context)
    return readPredictions(path, context)
  }

  it('is asked each input once, and not loaded where it has answered all', async () => {
    const asked: string[] = []
    const first = await rememberingModel(model(asked), undefined)
    await first.predict(['a', 'b'], context)
    await first.predict(['c'], context)
    const known = await kept(first.answers())

    const again = await rememberingModel(async () => {
      throw new Error('loaded for nothing')
    }, known)
    expect(again.digest).toBe(first.digest)
    expect(said(await again.predict(['a', 'b', 'c'], context))).toEqual(['A', 'B', 'C'])
    expect(again.asked).toBe(0)

    const more = await rememberingModel(model(asked), known)
    expect(said(await more.predict(['c', 'new', 'a'], context))).toEqual(['C', 'NEW', 'A'])
    expect(more.asked).toBe(1)
    expect(asked).toEqual(['a', 'b', 'c', 'new'])
    expect((await kept(more.answers())).predictions.length).toBe(3)
  })

  it('whose answers are too few is an error', async () => {
    const load = async () => ({ ...(await model([])()), predict: async () => [] })
    const remembering = await rememberingModel<string>(load, undefined)
    await expect(remembering.predict(['a'], context)).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('does not take a damaged file', async () => {
    const answers = {
      modelDigest: digestJson('model'),
      inputs: new Uint8Array(32),
      predictions: (await rememberingModel(model([]), undefined)).answers().predictions,
    }
    await expect(writePredictions(path, answers, context)).rejects.toMatchObject({ code: 'invalid-options' })
    await writeSafetensors(path, [], { metadata: { format: 'sheikh-predictions-1', model: digestJson(1) } }, context)
    await expect(readPredictions(path, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})
