import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { abTest, thumbs, tracked, variantOf } from '../../src/experiment/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import { openHandlers } from '../../src/serve/handler.js'
import { createHandler, serve } from '../../src/serve/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { poison, world } from '../pipeline/harness.js'
import { handTimer, post } from './fixture.js'

/** 0.1.0 calls apples vehicles, 0.2.0 calls them fruit, and a live test gives each to half of the units. */
async function live() {
  const there = world()
  await there.pipeline(poison('apple')).run()
  const pipeline = there.pipeline()
  await pipeline.run({ releaseAs: 'minor' })
  const feedback = memoryFeedback()
  const metric = tracked('right', { kind: 'binary' })
  const test = await abTest({ name: 'mail', control: '0.1.0', treatment: '0.2.0', metric, pipeline, feedback })
  return { test, pipeline, feedback, from: { registry: there.releaser, trainer: fakeTrainer() } }
}
const ask = (unit?: string) =>
  post('/v1/predict', { inputs: ['apple 1'] }, unit === undefined ? {} : { 'sheikh-unit': unit })
const versions = { control: '0.1.0', treatment: '0.2.0' }
const labels = { control: 'vehicle', treatment: 'fruit' }

describe('createHandler with a live test', () => {
  it('gives each unit its release, says so, and logs who saw what', async () => {
    const { test, feedback, from } = await live()
    const handler = await createHandler({ ...from, experiment: { test } })
    for (const unit of Array.from({ length: 30 }, (_, index) => `user-${index}`))
      for (const _ of [1, 2]) {
        const response = await handler(ask(unit))
        const variant = variantOf('mail', unit, 0.5)
        const body = (await response.json()) as { readonly predictions: readonly { readonly label: string }[] }
        expect(response.headers.get('sheikh-release')).toBe(versions[variant])
        expect(response.headers.get('sheikh-variant')).toBe(variant)
        expect(body).toMatchObject({ release: { version: versions[variant] } })
        expect(body.predictions[0]!.label).toBe(labels[variant])
      }
    // Without a unit: the control, outside of the test.
    const outside = await handler(ask())
    expect([outside.headers.get('sheikh-release'), outside.headers.get('sheikh-variant')]).toEqual(['0.1.0', null])
    // Wrong requests show nothing of a variant.
    expect((await handler(post('/v1/predict', { inputs: [] }, { 'sheikh-unit': 'other' }))).status).toBe(422)
    expect((await handler(new Request('http://localhost/healthz'))).status).toBe(200)
    await handler.close()
    expect((await handler(ask('user-1'))).status).toBe(503)
    const { division } = await test.report()
    expect(division.control + division.treatment).toBe(30)
    for await (const entry of feedback.read({}, callContext())) expect(JSON.stringify(entry)).not.toContain('user-')
  })

  it('gives everybody the control when a check finds harm, between two requests', async () => {
    const { test, pipeline, from } = await live()
    const { timer, move } = handTimer()
    const handler = await openHandlers({ ...from, experiment: { test, checkMs: 1000 } }, callContext(), timer)
    onTestFinished(() => handler.close(0))
    for (let index = 0; index < 300; index += 1) {
      const { variant } = await test.expose(`user-${index}`)
      await test.track(`user-${index}`, 'right', variant === 'control' ? 1 : 0)
    }
    const treated = Array.from({ length: 50 }, (_, index) => `user-${index}`).find(
      (unit) => variantOf('mail', unit, 0.5) === 'treatment',
    )
    /** Batches start when the time moves. */
    const release = async () => {
      let isAnswered = false
      const answering = handler(ask(treated)).finally(() => {
        isAnswered = true
      })
      while (!isAnswered) await move(0)
      return (await answering).headers.get('sheikh-release')
    }
    expect(await release()).toBe('0.2.0')
    await move(1000)
    await expect.poll(() => test.state.result).toBe('harm')
    expect(await release()).toBe('0.1.0')
    await expect
      .poll(async () => (await pipeline.history()).find(({ version }) => version === '0.2.0')?.withdrawn)
      .toBeDefined()
  })

  it('takes the unit from a hook, over node:http too', async () => {
    const { test, from } = await live()
    const unit = (request: { header(name: string): string | undefined }) => request.header('cookie')?.split('=')[1]
    const server = await serve({ ...from, port: 0, experiment: { test, unit } })
    onTestFinished(() => server.close(0))
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map(async (user) => {
        const response = await fetch(`${server.url}/v1/predict`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', cookie: `session=${user}` },
          body: JSON.stringify({ inputs: ['apple 1'] }),
        })
        return [response.headers.get('sheikh-variant'), variantOf('mail', user, 0.5)]
      }),
    )
    for (const [given, wanted] of answers) expect(given).toBe(wanted)
    expect(server.release.version).toBe('0.1.0')
  })

  it('answers with the control if the hook fails or returns no text, and says so once', async () => {
    const { test, from } = await live()
    const hooks = [
      () => {
        throw new Error('no session')
      },
      (() => Promise.resolve('user-1')) as unknown as () => string,
    ]
    for (const unit of hooks) {
      const warned: string[] = []
      const log = { debug() {}, info() {}, warn: (message: string) => void warned.push(message) }
      const handler = await createHandler({ ...from, experiment: { test, unit } }, { log })
      onTestFinished(() => handler.close(0))
      for (const _ of [1, 2]) {
        const { status, headers } = await handler(ask())
        expect([status, headers.get('sheikh-release'), headers.get('sheikh-variant')]).toEqual([200, '0.1.0', null])
      }
      expect(warned).toEqual([expect.stringMatching(/^Cannot tell whose requests these are.*(no session|no text)$/)])
    }
    expect((await test.report()).division).toMatchObject({ control: 0, treatment: 0 })
  })

  it('counts feedback about an answer for the unit and the variant that got it', async () => {
    const { test: first, pipeline, feedback, from } = await live()
    await first.stop({ by: 'Ada', reason: 'another metric' })
    const test = await abTest({
      ...{ name: 'thumbs', control: '0.1.0', treatment: '0.2.0', metric: thumbs(), pipeline, feedback },
    })
    const handler = await createHandler({ ...from, experiment: { test }, feedback: { store: feedback } })
    const counts = { control: 0, treatment: 0 }
    for (const unit of Array.from({ length: 20 }, (_, index) => `user-${index}`)) {
      const { id } = (await (await handler(ask(unit))).json()) as { readonly id: string }
      // Without a unit, before the answer is written, and to whichever handler.
      const about = { prediction: id, thumb: variantOf('thumbs', unit, 0.5) === 'treatment' ? 'up' : 'down' }
      expect((await handler(post('/v1/feedback', about))).status).toBe(200)
      counts[variantOf('thumbs', unit, 0.5)] += 1
    }
    // An answer outside of the test, and feedback of a unit that saw nothing.
    const { id } = (await (await handler(ask())).json()) as { readonly id: string }
    const about = { prediction: id, thumb: 'up' }
    expect((await handler(post('/v1/feedback', about, { 'sheikh-unit': 'other' }))).status).toBe(200)
    await handler.close()
    const { division, metrics } = await test.report()
    expect(division).toMatchObject(counts)
    expect(metrics[0]).toMatchObject({
      control: { units: counts.control, value: 0 },
      treatment: { units: counts.treatment, value: 1 },
    })
  })

  it('writes the answers that wait, also if a model cannot be freed', async () => {
    const { feedback, from } = await live()
    const trainer: Pick<ReturnType<typeof fakeTrainer>, 'load'> = {
      async load(...given) {
        const model = await from.trainer.load(...given)
        const dispose = () => Promise.reject(new Error('the device is gone'))
        return Object.assign(model, { [Symbol.asyncDispose]: dispose })
      },
    }
    const store = { store: feedback, flushMs: 60_000 }
    const handler = await createHandler({ ...from, trainer, version: '0.1.0', feedback: store })
    const { id } = (await (await handler(ask())).json()) as { readonly id: string }
    await expect(handler.close()).rejects.toThrow('the device is gone')
    expect(await feedback.prediction(`${id}/0`, callContext())).toBeDefined()
  })

  it('refuses a live test beside one release', async () => {
    const { test, from } = await live()
    for (const extra of [{ channel: 'latest' }, { version: '0.1.0' }, { pollMs: 1000 }])
      await expect(createHandler({ ...from, ...extra, experiment: { test } })).rejects.toMatchObject({
        code: 'invalid-options',
      })
    await expect(createHandler({ ...from, experiment: { test, checkMs: 1 } })).rejects.toMatchObject({
      code: 'invalid-options',
    })
  })
})
