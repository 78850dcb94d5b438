// The ONNX file of a released text classifier, checked by onnx and run by onnxruntime with the program of docs/onnx.md.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadMails } from '../../examples/quickstart/mails.js'
import { callContext, seededRandom } from '../../src/core/index.js'
import type { Rows } from '../../src/model/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { askPython } from './python.js'

const folder = mkdtempSync(join(tmpdir(), 'sheikh-onnx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rowsOf = (rows: readonly { id: string; input: string; target: string }[]): Rows<string, string> => ({
  size: rows.length,
  digest: `sha256:${'2'.repeat(64)}`,
  async *[Symbol.asyncIterator]() {
    for (const row of rows) yield { ...row, slices: {} }
  },
})

interface Answer {
  readonly problem: string | null
  readonly labels: readonly string[]
  readonly names: readonly string[]
  readonly probabilities: readonly (readonly number[])[]
}

/** Letters, digits, signs and controls of many scripts that both Unicode versions know. */
function generatedTexts(): readonly string[] {
  const random = seededRandom(process.env['SEED'] ?? 'onnx')
  const parts = [
    'Ünïcode',
    'İSTANBUL',
    'ΣΊΣΥΦΟΣ',
    '日本語',
    'नमस्ते',
    '𝔘𝔫𝔦',
    '²³',
    '٣',
    '$',
    '€9',
    '!?',
    '👋',
    '-',
    '\u0000',
    '\ud800',
    'a',
  ]
  const joints = [' ', '', '\n', '…']
  const pick = (from: readonly string[]) => from[random.below(from.length)]!
  return Array.from({ length: 300 }, () =>
    Array.from({ length: random.below(40) }, () => pick(parts) + pick(joints)).join(''),
  )
}

it.each([
  [{}, 2],
  [{ bigrams: false, buckets: 2 ** 8, maximumTokens: 20 }, 3],
] as const)('answers as the release does: %o, %i labels', async (options, labels) => {
  const mails = loadMails()
  const rows = mails.map(({ id, text, label }, index) => ({
    ...{ id, input: text },
    target: labels === 3 && index % 5 === 0 ? 'andere "Ä"' : label,
  }))
  const trainer = tfjsTrainer(textClassifier({ epochs: 2, ...options }), { export: ['onnx'] })
  const directory = mkdtempSync(join(folder, 'weights-'))
  const request = { training: rowsOf(rows), seed: 1, directory }
  const { weights } = await trainer.fit(request, { ...callContext(), progress() {} })
  await using model = await trainer.load(weights, callContext())
  const texts = [...mails.slice(0, 500).map(({ text }) => text), '', ...generatedTexts()]
  const predictions = await model.predict(texts, callContext())
  // A lone surrogate has no UTF-8, so JSON carries it as an escape.
  const program = /```python\n(.*?)```/s.exec(
    readFileSync(join(import.meta.dirname, '../../docs/onnx.md'), 'utf8'),
  )![1]!
  writeFileSync(join(folder, 'documented.py'), program)
  const found = askPython('onnx-model.py', { model: join(directory, 'model.onnx'), folder, texts }) as Answer
  expect(found.problem).toBeNull()
  expect(found.names).toEqual(model.labels)
  let largest = 0
  for (const [index, prediction] of predictions.entries()) {
    if (prediction.kind !== 'label') throw new Error('no label')
    expect(found.labels[index]).toBe(prediction.label)
    for (const [place, name] of found.names.entries())
      largest = Math.max(largest, Math.abs(found.probabilities[index]![place]! - prediction.probabilities![name]!))
  }
  console.log(`${texts.length} texts, ${labels} labels: probabilities differ by at most ${largest}`)
  expect(largest).toBeLessThan(1e-5)
})
