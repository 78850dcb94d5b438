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
import { openDevice } from '../../src/trainer/tfjs/devices.js'
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
      // Its features are others, so no training starts from it, with the same settings either.
      const alike = tfjsTrainer(textClassifier({ ...settings, characters: false }), { device, thread: 'caller' })
      const request = { training: rowsOf(generated(3, 30, 'd')), seed: 1, base: released }
      for (const other of [trainer, alike])
        await expect(
          other.fit({ ...request, directory: mkdtempSync(join(folder, 'weights-')) }, context),
        ).rejects.toMatchObject({ code: 'invalid-options', message: expect.stringContaining('version 1') })
    }
  })

  /** A release with weights and settings of the caller's. */
  async function release(
    tensors: Readonly<Record<string, readonly [shape: readonly number[], values: Float32Array]>>,
    config: object,
  ) {
    const directory = mkdtempSync(join(folder, 'release-'))
    const named = Object.entries(tensors).map(([name, [shape, values]]) => tensorOfFloat32(name, shape, values))
    await writeSafetensors(join(directory, 'model.safetensors'), named, {}, callContext())
    const all = { architecture: 'text-classifier', formatVersion: 1, ...config }
    writeFileSync(join(directory, 'config.json'), JSON.stringify(all))
    return readWeightsDirectory(directory, callContext())
  }
  const settings = { buckets: 2 ** 8, maximumTokens: 4000, bigrams: true, characters: true }
  /** Three rows. */
  const small = (labels: readonly string[]) => ({
    bias: [[labels.length], new Float32Array(labels.length)] as const,
    weight: [[3, labels.length], new Float32Array(3 * labels.length).fill(1)] as const,
    frequency: [[3], Float32Array.of(0, 1, 1)] as const,
    row: [[settings.buckets], new Float32Array(settings.buckets).fill(2)] as const,
  })

  it.each([3, -1, 0.5, 1e30, Number.NaN, Number.POSITIVE_INFINITY])(
    'loads and starts from no weights whose table has no row %d',
    async (place) => {
      const tensors = small(['a', 'b'])
      tensors.row[1][7] = place
      const base = await release(tensors, { labels: ['a', 'b'], rows: 3, ...settings })
      const trainer = tfjsTrainer(textClassifier({ buckets: 2 ** 8 }), { thread: 'caller' })
      await expect(trainer.load(base, callContext())).rejects.toMatchObject({ code: 'artifact-corrupt' })
      const directory = mkdtempSync(join(folder, 'weights-'))
      await expect(
        trainer.fit({ training: rowsOf(generated(3, 30, 'g')), seed: 1, base, directory }, context),
      ).rejects.toMatchObject({ code: 'artifact-corrupt' })
    },
  )

  it.each([
    { labels: ['a', 'a'] },
    { labels: ['a', 1] },
    { labels: 'ab' },
    { rows: 1e15 },
    { rows: -3 },
    { buckets: 2 ** 40 },
    { characters: 1 },
    { maximumTokens: Number.MAX_VALUE },
  ])('loads no weights with the settings %j', async (wrong) => {
    const weights = await release(small(['a', 'b']), { labels: ['a', 'b'], rows: 3, ...settings, ...wrong })
    const loading = tfjsTrainer(textClassifier(), { thread: 'caller' }).load(weights, callContext())
    await expect(loading).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })

  it('starts from no release that has too many weights with the new labels', () => {
    const labels = Array.from({ length: 10_000 }, (_, index) => String(index))
    const frequency = new Float32Array(7_000)
    const base = {
      config: { labels: ['a', 'b'], rows: frequency.length, ...settings },
      weights: { bias: new Float32Array(2), weight: new Float32Array(14_000), frequency, row: new Float32Array(256) },
    }
    const model = textClassifier(settings)
    expect(() => model.startFrom!(base, { labels, ...settings })).toThrow(
      expect.objectContaining({ code: 'invalid-options' }),
    )
    const some = { labels: labels.slice(0, 100), ...settings }
    expect(model.startFrom!(base, some)['weight']).toHaveLength(700_000)
  })

  it('answers long texts of many labels in little memory, each as if it were alone', async () => {
    const labels = Array.from({ length: 5_000 }, (_, index) => `label ${index}`)
    const tensors = small(labels)
    const random = seededRandom('many labels')
    for (const values of [tensors.weight[1], tensors.bias[1]])
      for (const at of values.keys()) values[at] = random.normal()
    const weights = await release(tensors, { labels, rows: 3, ...settings })
    await using model = await tfjsTrainer(textClassifier(), { thread: 'caller' }).load(weights, callContext())
    const device = await openDevice('wasm', callContext())
    const heapBytes = () =>
      device.use(() => (device.tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength)
    // A long text has 256 features at most: 1,280,000 products, so three texts are computed at once.
    const long = (first: number) => Array.from({ length: 900 }, (_, word) => `w${first + word}`).join(' ')
    const texts = ['', long(0), 'x', ...Array.from({ length: 60 }, (_, index) => long(index * 1_000)), '']
    const before = heapBytes()
    const together = await model.predict(texts, callContext())
    // All at once, the products took 2 × 330 MB.
    expect(heapBytes() - before).toBeLessThan(2 ** 28)
    for (const index of [0, 1, 2, 3, 7, 62, 63])
      expect((await model.predict([texts[index]!], callContext()))[0]).toEqual(together[index])
  })

  it('computes a text alone in parts if its features times the labels are many', async () => {
    const labels = Array.from({ length: 20_000 }, (_, index) => `label ${index}`)
    const tensors = small(labels)
    const random = seededRandom('parts')
    for (const at of tensors.weight[1].keys()) tensors.weight[1][at] = random.normal()
    for (const bucket of tensors.row[1].keys()) tensors.row[1][bucket] = bucket % 3
    const weights = await release(tensors, { labels, rows: 3, ...settings })
    await using model = await tfjsTrainer(textClassifier(), { thread: 'caller' }).load(weights, callContext())
    const text = Array.from({ length: 900 }, (_, word) => `w${word}`).join(' ')
    const { indices, values } = textFeatures(text, settings)
    expect(indices.length * labels.length).toBeGreaterThan(2 ** 22)
    const known = Array.from(indices, (bucket, at) => [bucket % 3, values[at]!] as const).filter(([row]) => row > 0)
    const length = Math.sqrt(known.reduce((sum, [, value]) => sum + value * value, 0))
    const logits = labels.map((_, label) =>
      known.reduce((sum, [row, value]) => sum + (value / length) * tensors.weight[1][row * labels.length + label]!, 0),
    )
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
    const [answer] = await model.predict([text], callContext())
    const { probabilities } = answer as never as { probabilities: Record<string, number> }
    const ratios = labels.map((name, label) => probabilities[name]! / (Math.exp(logits[label]!) / total))
    expect(Math.min(...ratios)).toBeGreaterThan(0.999)
    expect(Math.max(...ratios)).toBeLessThan(1.001)
  })

  it.each(['wasm', 'js'] as const)(
    'learns from texts of any kind, to the same bytes in any order of labels, on %s',
    async (device) => {
      const inputs = [
        '',
        ' ',
        'a',
        '?',
        '😀',
        '😀😀',
        '\ud800',
        'שלום עולם',
        'مرحبا بالعالم',
        '日本語',
        'हिन्दी',
        'x'.repeat(9_000),
      ]
      const rows = inputs.flatMap((input, index) => [
        { id: `a${index}`, input, target: '__proto__' },
        { id: `b${index}`, input: `${input} two`, target: 'a label with one sample'.slice(index === 0 ? 0 : 8) },
      ])
      const trainer = tfjsTrainer(textClassifier({ epochs: 2, buckets: 2 ** 10 }), { device, thread: 'caller' })
      const trained = () =>
        trainer.fit({ training: rowsOf(rows), seed: 1, directory: mkdtempSync(join(folder, 'weights-')) }, context)
      const { weights } = await trained()
      expect((await trained()).weights.digest).toBe(weights.digest)
      await using model = await trainer.load(weights, callContext())
      for (const answer of await model.predict(inputs, callContext())) {
        const { label, probabilities } = answer as never as { label: string; probabilities: Record<string, number> }
        const values = Object.values(probabilities)
        expect(Object.keys(probabilities).sort()).toEqual(['__proto__', 'a label with one sample', 'with one sample'])
        expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4)
        expect(Object.entries(probabilities).find(([name]) => name === label)![1]).toBe(Math.max(...values))
      }
    },
  )

  it.each([{ weightDecay: 1 / 3 }, { weightDecay: 2 }, { weightDecay: 0.5, learningRate: 2 }])(
    'refuses a decay that leaves nothing of the weights, or turns their sign: %j',
    (options) => {
      expect(() => textClassifier(options)).toThrow(
        expect.objectContaining({ code: 'invalid-options', message: expect.stringContaining('it must be below 0.') }),
      )
    },
  )

  it.each([1e10, 1e38, 1e39, 1e300])(
    'never releases weights that are not finite, at the learning rate %d',
    async (learningRate) => {
      const trainer = tfjsTrainer(textClassifier({ learningRate, buckets: 2 ** 8 }), { thread: 'caller' })
      const directory = mkdtempSync(join(folder, 'weights-'))
      const fitted = await trainer
        .fit({ training: rowsOf(generated(3, 60, 'h')), seed: 1, directory }, context)
        .catch((error: unknown) => error)
      if (learningRate > 1e38) expect(fitted).toMatchObject({ code: 'train-diverged' })
      else expect(fitted).toHaveProperty('weights')
    },
  )
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

  it('continues from its state after any step, with the best weights that it kept', async () => {
    const loop = { epochs: 1, batchSize: 1, learningRate: 1, weightDecay: 0.3 }
    const request = { config: { labels, ...settings }, examples: listed(examples) }
    const opened = () => textLearner(request, loop, callContext())
    const take = async (learner: ReturnType<typeof opened>, first: number, end: number) => {
      for (let step = first; step < end; step += 1) {
        await learner.takeStep([[examples[step]!]], step + 1, 1)
        if (step === 5) learner.keepBest()
      }
      return learner.state()
    }
    const whole = opened()
    await whole.begin()
    const wanted = structuredClone(await take(whole, 0, 30))
    for (const stop of [1, 5, 6, 7, 17, 29]) {
      const before = opened()
      await before.begin()
      const after = opened()
      after.resume(structuredClone(await take(before, 0, stop)))
      expect(await take(after, stop, 30)).toEqual(wanted)
      expect(await after.weights()).toEqual(await whole.weights())
    }
  })

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
