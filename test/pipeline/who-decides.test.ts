import { describe, expect, it } from 'vitest'
import type { Pipeline } from '../../src/pipeline/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { poison, samples, world } from './harness.js'

interface Person {
  readonly by: string
  readonly reason: string
}
type Act = (pipeline: Pipeline<string, string>, person: Person) => Promise<unknown>

// Every act by which a person decides, and whether it records why.
const acts: Readonly<Record<string, readonly [act: Act, hasReason: boolean]>> = {
  approve: [(pipeline, person) => pipeline.approve('run', person), true],
  override: [(pipeline, person) => pipeline.override('run', { ...person, untilMs: 9e15 }), true],
  'roll back': [(pipeline, person) => pipeline.rollback(person), true],
  republish: [(pipeline, person) => pipeline.republish('0.1.0', person), true],
  withdraw: [(pipeline, person) => pipeline.withdraw('0.1.0', person), true],
  'accept the loss': [(pipeline, person) => pipeline.acceptLoss(person), true],
  promote: [(pipeline, { by }) => pipeline.promote('0.1.0', { to: 'production', by }), false],
  'import the model': [(pipeline, { by }) => pipeline.import({ directory: '/nowhere', by }), false],
}

describe.each(Object.entries(acts))('%s', (verb, [act, hasReason]) => {
  const odd = [undefined, null, 7, '', '  ']

  it('is refused without a name, and does nothing', async () => {
    const { pipeline } = world()
    await pipeline().run()
    await pipeline(poison('fig')).run()
    const before = [await pipeline().history(), await pipeline().ledger(), await pipeline().channels()]
    for (const by of odd)
      await expect(act(pipeline(), { by, reason: 'complaints' } as never)).rejects.toMatchObject({
        code: 'invalid-options',
        message: `Cannot ${verb}: the ledger records who decides, but no name was given. Pass a name (--by on the command line).`,
      })
    expect([await pipeline().history(), await pipeline().ledger(), await pipeline().channels()]).toEqual(before)
  })

  it.runIf(hasReason)('is refused without a reason', async () => {
    const { pipeline } = world()
    await pipeline().run()
    for (const reason of odd)
      await expect(act(pipeline(), { by: 'Ada', reason } as never)).rejects.toMatchObject({
        code: 'invalid-options',
        message: expect.stringContaining(`Cannot ${verb}: the ledger records why, but no reason was given.`),
      })
  })
})

it('what a person wrote is kept without secrets, for a loss too', async () => {
  const { pipeline } = world()
  await pipeline().run()
  const parts = { releaser: memoryRegistry(), secrets: ['opensesame'] }
  await pipeline(samples, parts).acceptLoss({ by: 'Ada opensesame', reason: 'opensesame is gone' })
  const entries = await pipeline(samples, parts).ledger()
  expect(entries.at(-1)).toMatchObject({ type: 'loss', versions: ['0.1.0'] })
  expect(JSON.stringify(entries)).not.toContain('opensesame')
})
