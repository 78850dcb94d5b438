import { join } from 'node:path'
import { expect, it } from 'vitest'
import { worldFor } from './huggingface-fixture.js'

it('a release whose publication broke off before its tag is whole for readers of the channel, by version too', async () => {
  const world = await worldFor({ registry: { patience: { attempts: 1 } } })
  const { registry, context } = world
  const folder = await world.write('one', { 'config.json': '{}', 'model.safetensors': 'weights' })
  const pending = await registry.prepare(await world.request(folder, '0.1.0'), context)
  world.fault = ({ path }) => (path.includes('/tag/') ? 'cut' : undefined)
  expect(await world.failure(registry.publish(pending, context))).toMatchObject({ code: 'remote-failed' })
  const reader = world.open()
  expect(await reader.current('latest', context)).toMatchObject({ version: '0.1.0' })
  const history = []
  for await (const { version } of reader.history(context)) history.push(version)
  expect(history).toEqual(['0.1.0'])
  expect(await reader.open('0.1.0', join(world.folder, 'opened'), context)).toMatchObject({ digest: pending.bundle })
  // Whoever goes on is still told that it is on its way.
  const states = []
  for await (const { publishing } of reader.pending(context)) states.push(publishing)
  expect(states).toEqual([true])
  world.fault = () => undefined
  expect(await reader.publish(pending, context)).toMatchObject({ version: '0.1.0' })
  expect((await world.ask('GET', '/api/models/me/spam/refs')).ok).toBe(true)
})
