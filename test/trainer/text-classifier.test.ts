import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import {
  type Rows,
  readWeightsDirectory,
  type TextFeatures,
  tensorOfFloat32,
  textFeatures,
  writeSafetensors,
} from '../../src/model/index.js'
import { listed } from '../../src/trainer/tfjs/examples.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { textLearner } from '../../src/trainer/tfjs/text-learner.js'
import { countTexts, rowsFor, type TextExample } from '../../src/trainer/tfjs/text-rows.js'
import { sparseProducts } from '../../src/trainer/tfjs/wasm/sparse-module.js'

const folder = mkdtempSync(join(tmpdir(), 'sheikh-text-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const context = { ...callContext(), progress() {} }

/** Texts of several classes: a word of the class among words of all classes. */
function generated(classes: number, texts: number, seed: string) {
  const random = seededRandom(seed)
  const words = Array.from({ length: 60 }, (_, index) => `common${index}`)
  return Array.from({ length: texts }, (_, index) => {
    const target = `class ${index % classes}`
    const others = Array.from({ length: 4 }, () => words[random.below(words.length)]!)
    return { id: `${seed}-${index}`, input: [...others, `topic${'abcdefghij'[index % classes]}word`].join(' '), target }
  })
}
const rowsOf = (rows: ReturnType<typeof generated>): Rows<string, string> => ({
  size: rows.length,
  digest: `sha256:${'3'.repeat(64)}`,
  async *[Symbol.asyncIterator]() {
    for (const row of rows) yield { ...row, slices: {} }
  },
})
const accuracyOf = async (options: Parameters<typeof textClassifier>[0], items: ReturnType<typeof generated>) => {
  const trainer = tfjsTrainer(textClassifier(options), { thread: 'caller' })
  const directory = mkdtempSync(join(folder, 'weights-'))
  const { weights } = await trainer.fit({ training: rowsOf(generated(10, 300, 'a')), seed: 1, directory }, context)
  await using model = await trainer.load(weights, callContext())
  const found = await model.predict(
    items.map(({ input }) => input),
    callContext(),
  )
  return found.filter((one, index) => one.kind === 'label' && one.label === items[index]!.target).length / items.length
}

describe('the text classifier', () => {
  it('gives the same bytes on wasm and js', async () => {
    const digests = await Promise.all(
      (['wasm', 'js'] as const).map(async (device) => {
        const trainer = tfjsTrainer(textClassifier({ epochs: 2, buckets: 2 ** 12 }), { device, thread: 'caller' })
        const directory = mkdtempSync(join(folder, 'weights-'))
        const request = { training: rowsOf(generated(10, 100, 'same')), seed: 1, directory }
        return (await trainer.fit(request, context)).weights.digest
      }),
    )
    expect(digests[0]).toBe(digests[1])
  })

  it('tells ten classes apart, and knows a word by its parts', async () => {
    const others = generated(10, 100, 'b')
    expect(await accuracyOf({}, others)).toBe(1)
    // Other endings than any that it was trained on.
    const inflected = others.map((one) => ({ ...one, input: one.input.replace('word', 'words') }))
    expect(await accuracyOf({}, inflected)).toBeGreaterThan(0.95)
    expect(await accuracyOf({ characters: false }, inflected)).toBeLessThan(0.5)
  })

  it('answers an empty text, and a text of unknown words, by the bias alone', async () => {
    const trainer = tfjsTrainer(textClassifier({ epochs: 1 }), { thread: 'caller' })
    const directory = mkdtempSync(join(folder, 'weights-'))
    const { weights } = await trainer.fit({ training: rowsOf(generated(3, 60, 'c')), seed: 1, directory }, context)
    await using model = await trainer.load(weights, callContext())
    const [empty, unknown] = await model.predict(['', 'xyzzy'], callContext())
    expect(unknown).toEqual(empty)
    expect(Object.values((empty as never as { probabilities: Record<string, number> }).probabilities)).not.toContain(
      Number.NaN,
    )
  })

  it('predicts with a release of version 1 what it always did', async () => {
    const settings = { buckets: 2 ** 8, maximumTokens: 100, bigrams: true }
    const labels = ['a', 'b', 'c']
    const random = seededRandom('version 1')
    const bias = Float32Array.from(labels, () => random.normal())
    const weight = Float32Array.from({ length: settings.buckets * labels.length }, () => random.normal())
    const directory = mkdtempSync(join(folder, 'version-1-'))
    const tensors = [tensorOfFloat32('bias', [3], bias), tensorOfFloat32('weight', [settings.buckets, 3], weight)]
    await writeSafetensors(join(directory, 'model.safetensors'), tensors, {}, callContext())
    const config = { architecture: 'text-classifier', formatVersion: 1, labels, ...settings }
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
    const released = await readWeightsDirectory(directory, callContext())
    for (const device of ['wasm', 'js'] as const) {
      const trainer = tfjsTrainer(textClassifier(), { device, thread: 'caller' })
      await using model = await trainer.load(released, callContext())
      for (const text of ['', 'one two two three', 'Ünïcode 日本語 €5!']) {
        const { indices, values } = textFeatures(text, settings)
        const logits = labels.map((_, label) =>
          indices.reduce((sum, bucket, at) => sum + values[at]! * weight[bucket * 3 + label]!, bias[label]!),
        )
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
        const [answer] = await model.predict([text], callContext())
        const { probabilities } = answer as never as { probabilities: Record<string, number> }
        for (const [label, name] of labels.entries())
          expect(probabilities[name]).toBeCloseTo(Math.exp(logits[label]!) / total, 5)
      }
      // Its features are others, so no training starts from it.
      const request = { training: rowsOf(generated(3, 30, 'd')), seed: 1, base: released }
      await expect(
        trainer.fit({ ...request, directory: mkdtempSync(join(folder, 'weights-')) }, context),
      ).rejects.toMatchObject({ code: 'invalid-options' })
    }
  })
})

describe('its learner', () => {
  const settings = { buckets: 2 ** 8, maximumTokens: 100, bigrams: true, characters: true }
  const examples = generated(5, 40, 'e').map(
    ({ input, target }): TextExample => ({ ...textFeatures(input, settings), label: target }),
  )
  const labels = [...new Set(examples.map(({ label }) => label))].sort()

  it.each([{}, { weightDecay: 0.05 }, { weightDecay: 0.3 }, { maximumGradientNorm: 0.5 }])(
    'takes the steps of dense gradient descent with weight decay on all weights: %j',
    async (changes) => {
      const loop = { epochs: 1, batchSize: 1, learningRate: 1, weightDecay: 0, ...changes }
      const request = { config: { labels, ...settings }, examples: listed(examples) }
      const learner = textLearner(request, loop, callContext())
      await learner.begin()
      const state = await learner.state()
      const [rowOf, frequency] = [state['row']!.values, state['frequency']!.values]
      // In double precision and with every weight.
      const weight = Array.from(frequency, () => labels.map(() => 0))
      const bias = labels.map(() => 0)
      for (const [index, example] of examples.entries()) {
        const text = known(example, rowOf, frequency)
        const logits = bias.map((value, label) => text.reduce((sum, [row, x]) => sum + x * weight[row]![label]!, value))
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
        const target = labels.indexOf(example.label)
        const errors = logits.map((logit, label) => Math.exp(logit) / total - (label === target ? 1 : 0))
        const loss = await learner.takeStep([[example]], index + 1, 1)
        expect(loss).toBeCloseTo(Math.log(total) - logits[target]!, 4)
        const norm = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) * 2)
        const rate = Math.min(1, (loop.maximumGradientNorm ?? Number.POSITIVE_INFINITY) / norm)
        for (const row of weight) for (const label of labels.keys()) row[label]! *= 1 - loop.weightDecay
        for (const label of labels.keys()) {
          bias[label]! -= rate * 0.1 * errors[label]!
          for (const [row, x] of text) weight[row]![label]! -= rate * x * errors[label]!
        }
      }
      const found = (await learner.weights())['weight']!
      for (const [at, value] of weight.flat().entries()) expect(found[at]).toBeCloseTo(value, 4)
    },
  )

  /** [row, value] of the features that have a row, of length 1. */
  function known({ indices, values }: TextFeatures, rowOf: Float32Array, frequency: Float32Array) {
    const pairs = Array.from(indices, (bucket, at): [number, number] => {
      const row = rowOf[bucket]!
      return [row, values[at]! * frequency[row]!]
    }).filter(([row]) => row !== 0)
    const length = Math.sqrt(pairs.reduce((sum, [, value]) => sum + value * value, 0))
    return pairs.map(([row, value]): [number, number] => [row, value / length])
  }

  it('gives a row to buckets of two texts or more, and to fewer if there are many labels', async () => {
    const counts = await countTexts(listed(examples), settings.buckets, new AbortController().signal)
    const few = rowsFor(counts, { texts: 40, labels: 5, known: undefined })
    expect(few.frequency.length).toBe(1 + counts.filter((count) => count >= 2).length)
    for (const [bucket, count] of counts.entries()) expect(few.rowOf[bucket]! > 0).toBe(count >= 2)
    const many = rowsFor(counts, { texts: 40, labels: 2 ** 24 / 10, known: undefined })
    expect(many.frequency.length).toBe(10)
    const none = rowsFor(counts, { texts: 40, labels: 2 ** 24, known: undefined })
    expect(none.frequency.length).toBe(1)
    const kept = Math.min(...[...counts].filter((_, bucket) => many.rowOf[bucket]! > 0))
    expect([...counts].filter((count) => count > kept).length).toBeLessThan(10)
    const again = rowsFor(counts, { texts: 40, labels: 5, known: many })
    expect(again.frequency.slice(0, many.frequency.length)).toEqual(many.frequency)
    expect(new Set(again.rowOf).size).toBe(again.frequency.length)
  })

  it('multiplies as written, each operation rounded to float32', () => {
    const random = seededRandom('products')
    for (const [rows, width, count] of [
      [1, 4, 1],
      [5, 8, 0],
      [7, 152, 20],
    ] as const) {
      const rowsAt = (rows + 1) * width * 4
      const { memory, gather, scatter } = sparseProducts(rowsAt + count * 8)
      const vector = new Float32Array(memory.buffer, 0, width)
      const table = new Float32Array(memory.buffer, width * 4, rows * width)
      const chosen = new Int32Array(memory.buffer, rowsAt, count)
      const values = new Float32Array(memory.buffer, rowsAt + count * 4, count)
      for (const part of [vector, table, values]) for (const at of part.keys()) part[at] = random.normal()
      for (const at of chosen.keys()) chosen[at] = random.below(rows)
      const wanted = { vector: vector.slice(), table: table.slice() }
      const each = (act: (column: number, cell: number, times: number) => void, factor: number) => {
        for (const [at, row] of chosen.entries())
          for (let column = 0; column < width; column += 1)
            act(column, row * width + column, Math.fround(values[at]! * factor))
      }
      each((column, cell, times) => {
        wanted.vector[column]! += Math.fround(times * wanted.table[cell]!)
      }, Math.fround(0.3))
      gather(0, width * 4, rowsAt, rowsAt + count * 4, count, width * 4, 0.3)
      expect(vector).toEqual(wanted.vector)
      each((column, cell, times) => {
        wanted.table[cell]! += Math.fround(times * wanted.vector[column]!)
      }, Math.fround(-2.7))
      scatter(0, width * 4, rowsAt, rowsAt + count * 4, count, width * 4, -2.7)
      expect(table).toEqual(wanted.table)
    }
  })
})
