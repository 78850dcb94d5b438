import { OpenFeature, type Provider } from '@openfeature/server-sdk'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { abTest, openFeatureProvider, tracked, variantOf } from '../../src/experiment/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import { poison, world } from '../pipeline/harness.js'

afterAll(() => OpenFeature.close())

describe('openFeatureProvider, with the SDK of OpenFeature', () => {
  it('gives the version of a unit, logs exposures and takes outcomes', async () => {
    const there = world()
    await there.pipeline(poison('apple')).run()
    const pipeline = there.pipeline()
    await pipeline.run({ releaseAs: 'minor' })
    const feedback = memoryFeedback()
    const test = await abTest({
      ...{ name: 'mail', control: '0.1.0', treatment: '0.2.0', pipeline, feedback },
      metric: tracked('right', { kind: 'binary' }),
    })
    const provider: Provider = openFeatureProvider([test])
    await OpenFeature.setProviderAndWait(provider)
    const client = OpenFeature.getClient()
    const versions = { control: '0.1.0', treatment: '0.2.0' }
    for (let index = 0; index < 40; index += 1) {
      const user = { targetingKey: `user-${index}` }
      const variant = variantOf('mail', user.targetingKey, 0.5)
      const details = await client.getStringDetails('mail', 'none', user)
      expect(details).toMatchObject({ value: versions[variant], variant, reason: 'SPLIT' })
      expect(await client.getBooleanValue('mail', false, user)).toBe(variant === 'treatment')
      client.track('right', user, variant === 'treatment' ? { value: 0 } : undefined)
      client.track('something else', user, { value: 7 })
    }
    const { metrics, division } = await test.report()
    expect(division.control + division.treatment).toBe(40)
    expect(metrics[0]).toMatchObject({ control: { value: 1 }, treatment: { value: 0 }, estimate: -1 })
    // One exposure per unit, however often its flag is read.
    let exposures = 0
    for await (const entry of feedback.read({}, callContext())) exposures += +(entry.kind === 'exposure')
    expect(exposures).toBe(40)
  })

  it('gives the default, and says why, for an unknown flag, without a unit and for a number', async () => {
    await OpenFeature.setProviderAndWait(openFeatureProvider([]))
    const client = OpenFeature.getClient()
    expect(await client.getStringDetails('other', 'none', { targetingKey: 'a' })).toMatchObject({
      value: 'none',
      reason: 'ERROR',
      errorCode: 'FLAG_NOT_FOUND',
    })
    expect(await client.getNumberDetails('other', 3, { targetingKey: 'a' })).toMatchObject({
      value: 3,
      errorCode: 'TYPE_MISMATCH',
    })
  })

  it('asks for a targeting key', async () => {
    const there = world()
    await there.pipeline(poison('apple')).run()
    const pipeline = there.pipeline()
    await pipeline.run({ releaseAs: 'minor' })
    const test = await abTest({
      ...{ name: 'mail', control: '0.1.0', treatment: '0.2.0', pipeline, feedback: memoryFeedback() },
      metric: tracked('right', { kind: 'binary' }),
    })
    await OpenFeature.setProviderAndWait(openFeatureProvider([test]))
    const details = await OpenFeature.getClient().getStringDetails('mail', 'none')
    expect(details).toMatchObject({ value: 'none', errorCode: 'TARGETING_KEY_MISSING' })
  })
})
