import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import type { Release, Releaser } from '../../src/releaser/index.js'
import { patientRegistry } from '../../src/serve/patient-registry.js'
import { handTimer, released } from './fixture.js'

it('a history that hangs fails after the limit, whatever came before', async () => {
  const { registry } = await released()
  const hanging: Releaser = {
    ...registry,
    async *history(context) {
      yield* registry.history(context)
      await new Promise(() => {})
    },
  }
  const { timer, move } = handTimer()
  const found: Release[] = []
  const reading = (async () => {
    for await (const release of patientRegistry(hanging, timer).history(callContext())) found.push(release)
  })()
  const failed = expect(reading).rejects.toMatchObject({ code: 'remote-failed', retryable: true })
  await expect.poll(() => found.length).toBe(1)
  await move(30_000)
  await failed
})

it('a history is read as it is, and may be left early', async () => {
  const { registry } = await released()
  let isClosed = false
  const watched: Releaser = {
    ...registry,
    async *history(context) {
      try {
        for (;;) yield* registry.history(context)
      } finally {
        isClosed = true
      }
    },
  }
  const { timer } = handTimer()
  let count = 0
  for await (const { version } of patientRegistry(watched, timer).history(callContext())) {
    expect(version).toBe('0.1.0')
    count += 1
    if (count === 3) break
  }
  await expect.poll(() => isClosed).toBe(true)
})
