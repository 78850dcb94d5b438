import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { callContext, digestJson, isSheikhError, type Random } from '../../src/core/index.js'
import {
  type Evaluation,
  readEvaluation,
  readPredictions,
  rememberingModel,
  writeEvaluation,
  writePredictions,
} from '../../src/evaluation/index.js'
import type { Model, Prediction } from '../../src/model/index.js'
import { happens, mutate } from './mutate.js'
import { mutateFile } from './safetensors.fuzz.js'
import { check, type Target } from './target.js'

const context = callContext()
const answers: readonly Prediction[] = [
  { kind: 'label', label: 'a', probabilities: { a: 0.75, b: 0.25 } },
  { kind: 'label', label: 'b' },
  { kind: 'number', value: 1.5 },
  { kind: 'text', text: 'ja ü' },
  { kind: 'vector', values: [1, 2] },
]

/** Evaluations and kept answers: files that a store or a registry may damage. */
export function evaluation(folder: string): Target {
  const path = join(folder, 'evaluation.safetensors')
  return {
    async seeds() {
      const files: Buffer[] = []
      for (const grouped of [false, true]) {
        await writeEvaluation(path, evaluationOf(grouped), context)
        files.push(readFileSync(path))
      }
      const model: Model<number> = {
        digest: digestJson('model'),
        predict: async (inputs) => inputs.map((input) => answers[input]!),
        async [Symbol.asyncDispose]() {},
      }
      const remembering = await rememberingModel(async () => model, undefined)
      await remembering.predict([0, 1, 2, 3, 4], context)
      await writePredictions(path, remembering.answers(), context)
      return [...files, readFileSync(path)]
    },
    mutate: mutateColumns,
    async read(input) {
      writeFileSync(path, input)
      try {
        if (input.includes('sheikh-predictions-1')) {
          const { predictions, inputs } = await readPredictions(path, context)
          check(inputs.length === 32 * predictions.length, 'a digest for each answer')
          checkColumn(predictions, predictions.length)
        } else checkEvaluation(await readEvaluation(path, context))
        return 'read'
      } catch (error) {
        if (isSheikhError(error, 'artifact-corrupt')) return 'refused'
        throw error
      }
    },
  }
}

function evaluationOf(grouped: boolean): Evaluation {
  const ids = answers.map((_, index) => `item ${index}`)
  return {
    formatVersion: 1,
    modelDigest: digestJson('model'),
    evaluationDigest: digestJson('set'),
    ids,
    groups: grouped ? ['x', 'x', 'y', 'y', 'z'] : ids,
    slices: { kind: ['a', null, 'b', 'a', null] },
    targets: ['a', 1, null, { deep: [true] }, 'b'],
    predictions: [...answers.slice(1), null],
    outcomes: ['ok', 'ok', 'timeout', 'error', 'ok'],
    metrics: [
      {
        name: 'f1',
        direction: 'higher-is-better',
        kind: 'ratio',
        range: [0, 1],
        scores: [1, 0, null, null, 0.5],
        weights: [1, 1, null, null, 2],
        value: 0.375,
      },
    ],
  }
}

/** Whatever a file holds, every item can be looked at, and all columns are as long. */
function checkEvaluation({ ids, groups, slices, targets, predictions, outcomes, metrics }: Evaluation): void {
  for (const column of [ids, groups, ...Object.values(slices), targets, predictions, outcomes])
    checkColumn(column, ids.length)
  for (const { scores, weights } of metrics) {
    checkColumn(scores, ids.length)
    if (weights !== undefined) checkColumn(weights, ids.length)
  }
  for (const outcome of outcomes) check(['ok', 'timeout', 'error'].includes(outcome), 'an outcome that there is')
}

function checkColumn(column: Evaluation['targets'] | Evaluation['predictions'], length: number): void {
  check(column.length === length, 'columns of one length')
  check(
    [...column].every((value) => value !== undefined),
    'a value for each item',
  )
}

function mutateColumns(random: Random, seed: Buffer): Buffer {
  if (happens(random, 30)) return mutateFile(random, seed)
  const start = 8 + Number(seed.readBigUInt64LE(0))
  const header = JSON.parse(seed.toString('utf8', 8, start)) as { __metadata__: Record<string, string> }
  const data = Buffer.from(seed.subarray(start))
  // The file is sound then, and what it holds is not.
  const { head } = header.__metadata__
  if (head !== undefined && happens(random, 50)) header.__metadata__['head'] = mutate(random, head)
  for (let flips = random.below(4); flips > 0 && data.length > 0; flips -= 1)
    data[random.below(data.length)] = random.below(256)
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data])
}
