import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { textFeatures } from '../../src/model/text-features.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'
import { type Examples, keepExamples, listed, sizeOf } from '../../src/trainer/tfjs/examples.js'
import { textClassifier } from '../../src/trainer/tfjs/index.js'
import { probeModel } from '../../src/trainer/tfjs/probe-model.js'
import type { TextExample } from '../../src/trainer/tfjs/text-rows.js'
import { trainLoop } from '../../src/trainer/tfjs/train-loop.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'sheikh-examples-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

it('examples are read back as they were given, in any order, from memory and from disk', async () => {
  const example = fc.record({
    label: anyText(),
    indices: fc.int32Array(),
    values: fc.float32Array(),
    rest: fc.jsonValue(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(example, { maxLength: 4 }), { maxLength: 6 }),
      fc.integer({ min: 0, max: 2000 }),
      async (parts, mostBytes) => {
        const below = folder()
        const kept = keepExamples(below, mostBytes)
        for (const part of parts) await kept.add(part)
        const all = parts.flat()
        expect(kept.size).toBe(all.length)
        const order = seededRandom(1).shuffle(Int32Array.from(all.keys()))
        expect(await kept.read(order)).toEqual([...order].map((number) => all[number]))
        await kept.close()
        expect(readdirSync(below)).toEqual([])
      },
    ),
    { numRuns: rounds(60) },
  )
})

it('a file of examples has no name while it is used, so that a crash leaves nothing', async () => {
  const below = folder()
  const kept = keepExamples<string>(below, 0)
  await kept.add(['a', 'b'])
  expect(readdirSync(below)).toEqual([])
  expect(await kept.read([1, 0, 1])).toEqual(['b', 'a', 'b'])
  await kept.close()
})

it('a training of no example is refused', async () => {
  const device = await openDevice('js', callContext())
  const request = { config: { labels: ['a', 'b'] }, examples: listed<TextExample>([]), seed: 1 }
  const training = trainLoop(device, textClassifier(), request, { ...callContext(), progress() {} })
  await expect(training).rejects.toMatchObject({ code: 'dataset-invalid' })
})

it('what a value takes grows with it', () => {
  expect(sizeOf({ a: 'x'.repeat(100), b: new Float32Array(25) })).toBeGreaterThan(300)
  expect(sizeOf(null)).toBeLessThan(sizeOf({}))
})

it('a training learns the same from memory and from disk, and reads a step ahead', async () => {
  const model = probeModel({ epochs: 2, batchSize: 4, learningRate: 0.02, weightDecay: 0 })
  const device = await openDevice('wasm', callContext())
  const settings = { buckets: 2 ** 8, maximumTokens: 10, bigrams: false }
  const all = Array.from({ length: 21 }, (_, index): TextExample => {
    const label = index % 2 === 0 ? 'fruit' : 'vehicle'
    return { ...textFeatures(`${label} number ${index}`, settings), label }
  })
  const config = { labels: ['fruit', 'vehicle'], ...settings }
  const asked: number[][] = []
  const train = async (examples: Examples<TextExample>) => {
    const watched: Examples<TextExample> = {
      size: examples.size,
      read(numbers) {
        asked.push([...numbers])
        return examples.read(numbers)
      },
    }
    const context = { ...callContext(), progress: () => void asked.push([]) }
    return trainLoop(device, model, { config, examples: watched, seed: 1 }, context)
  }
  const fromMemory = await train(listed(all))
  const reads = asked.splice(0)
  const kept = keepExamples<TextExample>(folder(), 100)
  for (const example of all) await kept.add([example])
  expect(await train(kept)).toEqual(fromMemory)
  expect(asked).toEqual(reads)
  await kept.close()
  // Of 12 steps each is read once, all of an epoch's examples among them; an empty entry is the report of a step.
  expect(reads.filter(({ length }) => length > 0)).toHaveLength(12)
  expect(reads.slice(0, 6).flat().length).toBeGreaterThan(2 * 4)
  expect(reads.slice(0, 3).map(({ length }) => length)).toEqual([4, 4, 0])
})
