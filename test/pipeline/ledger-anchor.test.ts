import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Ledger, type LedgerEntry, storeLedger } from '../../src/gate/index.js'
import { gate, poison, samples, world } from './harness.js'

const context = callContext()

// The same for every release: a looser gate than the current release's would ask a person.
const policy = { gate: gate('release', 0.03) }

/** Two releases, and a ledger whose lines a test may change as they are read. */
async function released() {
  const there = world()
  await there.pipeline(samples, policy).run()
  there.clock.advance(1000)
  const second = there.pipeline(poison('fig'), { ...policy, versioning: () => 'minor' })
  expect(await second.run()).toMatchObject({ status: 'released', release: { version: '0.2.0' } })
  there.clock.advance(1000)
  const kept = storeLedger(there.store)
  const reading = (change: (entries: readonly LedgerEntry[]) => readonly LedgerEntry[]) => {
    const ledger: Ledger = { ...kept, read: async () => change(await kept.read(context)) }
    return there.pipeline(samples, { ledger })
  }
  return { ...there, reading, kept }
}

describe('the ledger, seen from a release', () => {
  it('is remembered by its last line', async () => {
    const { reading, kept } = await released()
    const current = await reading((entries) => entries).current()
    const entries = await kept.read(context)
    // Written before the release's own line.
    expect(current!.record.ledger).toMatchObject({ sequence: entries.length - 2 })
    expect(await reading((all) => all).ledger()).toEqual(entries)
  })

  it.each<readonly [string, (entries: readonly LedgerEntry[]) => readonly LedgerEntry[]]>([
    ['whose end was dropped', (entries) => entries.slice(0, 1)],
    ['that was written anew', (entries) => entries.map((entry) => ({ ...entry, runId: 'another' }))],
  ])('%s is not trusted, by a run nor by a look', async (_, change) => {
    const { reading } = await released()
    const error = { code: 'artifact-corrupt', facts: { version: '0.2.0' } }
    await expect(reading(change).run()).rejects.toMatchObject(error)
    await expect(reading(change).ledger()).rejects.toMatchObject(error)
    await expect(reading(change).rollback({ by: 'Ada', reason: 'x' })).rejects.toMatchObject(error)
  })

  it('that was lost is said to be, and the next release remembers the new one', async () => {
    const { releaser, clock } = await released()
    // A fresh machine without `.sheikh/`: the registry is all there is.
    const fresh = world()
    fresh.clock.advance(clock.nowMs() - fresh.clock.nowMs() + 1000)
    const said: string[] = []
    const open = (data = samples) => {
      const pipeline = fresh.pipeline(data, { ...policy, releaser })
      pipeline.on('warning', ({ message }) => said.push(message))
      return pipeline
    }
    expect(await open().run()).toMatchObject({ status: 'restored', release: { version: '0.2.1' } })
    expect(said.join()).toContain('The ledger was lost')
    expect((await open().ledger()).map((entry) => entry.type === 'release' && entry.version)).toEqual([
      '0.2.0',
      '0.2.1',
    ])
  })

  it('is the same ledger after the clock was set back or forward between releases', async () => {
    const there = world()
    await there.pipeline(samples, policy).run()
    there.clock.advance(-3 * 86_400_000)
    const second = there.pipeline(poison('fig'), { ...policy, versioning: () => 'minor' })
    expect(await second.run()).toMatchObject({ status: 'released', release: { version: '0.2.0' } })
    there.clock.advance(9 * 86_400_000)
    const said: string[] = []
    const third = there.pipeline(samples, { ...policy, versioning: () => 'minor' })
    third.on('warning', ({ message }) => said.push(message))
    expect(await third.rollback({ by: 'Ada', reason: 'x' })).toMatchObject({
      status: 'restored',
      release: { version: '0.3.0' },
    })
    expect(said.join()).not.toContain('ledger was lost')
  })

  it('whose end was dropped while the clock was set back is not trusted', async () => {
    const there = world()
    await there.pipeline(samples, policy).run()
    there.clock.advance(-3 * 86_400_000)
    expect(await there.pipeline(poison('fig'), policy).run()).toMatchObject({ status: 'released' })
    const kept = storeLedger(there.store)
    const ledger: Ledger = { ...kept, read: async () => (await kept.read(context)).slice(0, 1) }
    await expect(there.pipeline(samples, { ledger }).run()).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})
