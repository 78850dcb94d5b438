import { describe, expect, it } from 'vitest'
import { digestBytes } from '../../src/core/index.js'
import { addToPinnedSet, Dataset, memorySamples, pinnedSet } from '../../src/dataset/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, noRegression, qualityGate } from '../../src/gate/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Trainer } from '../../src/trainer/index.js'
import { pinned, poison, samples, world } from './harness.js'

/** A trainer whose models tell how many inputs they were asked, by their digest. */
function counting(): { readonly trainer: Trainer<string, string>; readonly asked: number[] } {
  const asked: number[] = []
  const trainer = fakeTrainer()
  return {
    asked,
    trainer: {
      ...trainer,
      async load(weights, context) {
        const model = await trainer.load(weights, context)
        return {
          digest: model.digest,
          predict(inputs, call) {
            asked.push(inputs.length)
            return model.predict(inputs, call)
          },
          [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
        }
      },
    },
  }
}
const total = (asked: number[]) => asked.splice(0).reduce((sum, count) => sum + count, 0)
const prompt = (content: string) => async () => [
  { path: 'prompts/inference/system.txt', content, digest: digestBytes(content) },
]

describe('answers are kept', () => {
  const items = pinned.items.length

  it('the released model is not asked again, whatever the gate asks of its answers', async () => {
    const { pipeline } = world()
    const { trainer, asked } = counting()
    await pipeline(samples, { trainer }).run()
    expect(total(asked)).toBe(items)
    // Another candidate, the same baseline.
    await pipeline(poison('fig'), { trainer }).run()
    expect(total(asked)).toBe(items)
    // Another gate: neither of the two is asked anything.
    const gate = qualityGate([
      atLeast(accuracy(), 0.15),
      noRegression({ ...accuracy(), name: 'other' }, { margin: 0.3 }),
    ])
    await pipeline(poison('fig'), { trainer, gate }).run()
    expect(total(asked)).toBe(0)
  })

  it('an item more is one question more', async () => {
    const { pipeline } = world()
    const { trainer, asked } = counting()
    await pipeline(samples, { trainer }).run()
    total(asked)
    const all = new Dataset({ source: memorySamples(samples), input: 'text', target: 'label' })
    const pinnedIds = new Set(pinned.items.map(({ id }) => id))
    const { id } = samples.find((sample) => !pinnedIds.has(sample.id))!
    const more = addToPinnedSet(pinned, [id], await all.identities())
    const dataset = new Dataset({
      source: memorySamples(samples),
      input: 'text',
      target: 'label',
      evaluation: pinnedSet(more),
    })
    const result = await pipeline(samples, { trainer, dataset }).run()
    // The candidate is trained on one sample less; where that gives the same model it is up to date and asked nothing.
    expect(['up-to-date', 'released', 'held', 'awaiting-approval']).toContain(result.status)
    const questions = total(asked)
    expect(questions === 0 || questions === items + 1 + 1).toBe(true)
  })

  it('an edited inference prompt is another model to ask', async () => {
    const { pipeline } = world()
    const { trainer, asked } = counting()
    await pipeline(samples, { trainer, payload: prompt('be brief') }).run()
    expect(total(asked)).toBe(items)
    await pipeline(samples, { trainer, payload: prompt('be kind') }).run()
    // The candidate has another prompt; the baseline is as it was.
    expect(total(asked)).toBe(items)
  })

  it('the same model with another file beside it is released, and asked nothing', async () => {
    const { pipeline } = world()
    const { trainer, asked } = counting()
    const schema = (content: string) => async () => [
      { path: 'sheikh/schema.json', content, digest: digestBytes(content) },
    ]
    await pipeline(samples, { trainer, payload: schema('{}') }).run()
    total(asked)
    const result = await pipeline(samples, { trainer, payload: schema('{ }') }).run()
    expect(result).toMatchObject({ status: 'released', release: { version: '0.2.0' } })
    expect(total(asked)).toBe(0)
  })
})
