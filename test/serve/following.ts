import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { type CallContext, callContext, SheikhError } from '../../src/core/index.js'
import type { Releaser } from '../../src/releaser/index.js'
import { openHandler } from '../../src/serve/handler.js'
import type { HandlerSettings, RegistryToServe } from '../../src/serve/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { poison, samples, world } from '../pipeline/harness.js'
import { handTimer, post, settled, warnings } from './fixture.js'

/** A handler that follows `latest`, over a registry with 0.1.0; `release` publishes 0.1.1. */
export async function following(
  settings: Partial<RegistryToServe<string> & HandlerSettings<string>> = {},
  parts: Partial<CallContext> = {},
) {
  const there = world()
  await there.pipeline(poison('apple')).run()
  const { timer, move } = handTimer()
  const { said, log } = warnings()
  const loaded: string[] = []
  const disposed: string[] = []
  const state = {
    isCut: false,
    isBroken: false,
    isStuck: false,
    hold: undefined as Promise<void> | undefined,
    holdCurrent: undefined as Promise<void> | undefined,
    holdLoad: undefined as Promise<void> | undefined,
    holdSmoke: undefined as Promise<void> | undefined,
    /** Times that the channel was read. */
    looks: 0,
  }
  const registry: Releaser = {
    ...there.releaser,
    async current(channel, context) {
      state.looks += 1
      const current = await there.releaser.current(channel, context)
      await state.holdCurrent
      if (state.isCut) throw new SheikhError('remote-failed', 'Cannot reach it. Try again.', { retryable: true })
      return current
    },
  }
  const real = fakeTrainer()
  const trainer: typeof real = {
    ...real,
    async load(weights, context) {
      if (state.isStuck) {
        await once(context.signal, 'abort')
        state.isStuck = false
        throw context.signal.reason
      }
      await state.holdLoad
      if (state.isBroken) throw new SheikhError('artifact-corrupt', 'Cannot load the weights.')
      const model = await real.load(weights, context)
      loaded.push(model.digest)
      return {
        ...model,
        async predict(inputs, asking) {
          await (inputs.includes('warm-up') ? state.holdSmoke : state.hold)
          return model.predict(inputs, asking)
        },
        async [Symbol.asyncDispose]() {
          disposed.push(model.digest)
        },
      }
    },
  }
  const handler = await openHandler(
    { pollMs: 1000, metrics: true, ...settings, registry: settings.registry ?? registry, trainer },
    callContext({ log, ...parts }),
    timer,
  )
  onTestFinished(() => handler.close(0))
  state.looks = 0
  const poll = async () => {
    await move(1000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
  }
  const ask = async () => {
    const answer = handler(post('/v1/predict', { inputs: ['apple 1'] }))
    await settled()
    await move(0)
    return answer
  }
  const version = async () => (await ask()).headers.get('sheikh-release')
  const release = () => there.pipeline(samples).run()
  /** Publishes the words of 0.1.0 again, as 0.1.2. */
  const rollback = () => there.pipeline(samples).rollback({ to: '0.1.0', by: 'a person', reason: 'test' })
  return { handler, registry, trainer, state, said, loaded, disposed, poll, ask, move, version, release, rollback }
}
