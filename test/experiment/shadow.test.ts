import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { shadowRelease } from '../../src/experiment/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import type { Prediction } from '../../src/model/index.js'
import { loadRelease, type ReleasedModel } from '../../src/releaser/index.js'
import { createHandler } from '../../src/serve/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { poison, samples, world } from '../pipeline/harness.js'

/** 0.1.0, which learned wrong labels of apples, and 0.2.0. */
async function releases() {
  const there = world()
  await there.pipeline(poison('apple')).run()
  await there.pipeline().run({ releaseAs: 'minor' })
  const load = async (version: string) => {
    const model = await loadRelease<string>(there.releaser, { version, trainer: fakeTrainer() })
    onTestFinished(() => model[Symbol.asyncDispose]())
    return model
  }
  return { served: await load('0.1.0'), shadow: await load('0.2.0') }
}

const broken = (model: ReleasedModel<string>, predict: () => Promise<readonly Prediction[]>) => ({ ...model, predict })
const inputs = samples.map(({ text }) => text)

describe('shadowRelease', () => {
  it('compares both releases by the gate on inputs that people corrected', async () => {
    const { served, shadow } = await releases()
    await using pair = shadowRelease({ served, shadow })
    const answers = await pair.model.predict(inputs)
    expect(answers).toEqual(await served.predict(inputs))
    await pair.settled()
    const feedback = memoryFeedback()
    await feedback.append(
      samples.flatMap(({ text, label }, index) => [
        {
          kind: 'prediction' as const,
          id: `p/${index}`,
          timeMs: 0,
          release: { version: '0.1.0', bundle: served.release.bundle },
          input: text,
          prediction: answers[index]!,
        },
        {
          kind: 'feedback' as const,
          id: `f-${index}`,
          prediction: `p/${index}`,
          timeMs: 0,
          source: 'someone',
          content: { kind: 'correction' as const, target: label },
        },
      ]),
      callContext(),
    )
    const report = await pair.report(feedback, { margin: 0.05 })
    expect(report).toMatchObject({ served: '0.1.0', shadow: '0.2.0', answered: 246, labelled: 246, failed: 0 })
    // They differ on the apples alone.
    expect(report.alike).toBe(206)
    expect(report.verdict?.status).toBe('pass')
    expect(report.verdict?.findings[0]).toMatchObject({ kind: 'comparison', status: 'pass' })
  })

  it('never touches the answer of a user: a shadow that fails, hangs or answers too little', async () => {
    const { served, shadow } = await releases()
    const failures = [
      () => Promise.reject(new Error('out of memory')),
      () => {
        throw new Error('at once')
      },
      async () => [],
      () => new Promise<never>(() => {}),
    ]
    for (const predict of failures) {
      const warned: string[] = []
      const log = { debug() {}, info() {}, warn: (message: string) => void warned.push(message) }
      await using pair = shadowRelease({ served, shadow: broken(shadow, predict), timeoutMs: 20 }, { log })
      await using handler = await createHandler({ model: pair.model })
      const response = await handler(
        new Request('http://localhost/v1/predict', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ inputs: ['apple 1'] }),
        }),
      )
      expect(response.status).toBe(200)
      expect(response.headers.get('sheikh-release')).toBe('0.1.0')
      await pair.settled()
      const report = await pair.report(memoryFeedback(), { margin: 0.05 })
      expect(report).toMatchObject({ answered: 0, labelled: 0 })
      expect(report.failed).toBeGreaterThan(0)
      expect(report.verdict).toBeUndefined()
      expect(warned).toHaveLength(1)
    }
  })

  it('does not wait, and leaves out what is too much', async () => {
    const { served, shadow } = await releases()
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const slow = { ...shadow, predict: (given: readonly string[]) => gate.then(() => shadow.predict(given)) }
    await using pair = shadowRelease({ served, shadow: slow, maximumWaiting: 100 })
    for (const input of inputs) await pair.model.predict([input])
    release()
    await pair.settled()
    const { answered, leftOut } = await pair.report(memoryFeedback(), { margin: 0.05 })
    expect(answered + leftOut).toBe(inputs.length)
    expect(leftOut).toBeGreaterThan(0)
  })
})
