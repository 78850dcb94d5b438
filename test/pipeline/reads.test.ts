// A registry and a ledger may be far away: what one command asks of them.
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/core/index.js'
import { asyncSamples, Dataset, pinnedSet } from '../../src/dataset/index.js'
import { type Ledger, type LedgerEvent, storeLedger } from '../../src/gate/index.js'
import { pinned, poison, samples, world } from './harness.js'

function counting() {
  const { store, releaser, ...parts } = world()
  const kept = storeLedger(store)
  const counts = { ledgerReads: 0, histories: 0 }
  const ledger: Ledger = {
    name: 'counting',
    read: (context: CallContext) => {
      counts.ledgerReads += 1
      return kept.read(context)
    },
    append: (event: LedgerEvent, context: CallContext) => kept.append(event, context),
  }
  const history = (context: CallContext) => {
    counts.histories += 1
    return releaser.history(context)
  }
  const pipeline: typeof parts.pipeline = (data, changes) =>
    parts.pipeline(data, { ledger, releaser: { ...releaser, history }, ...changes })
  return { pipeline, counts, kept }
}

describe('a command', () => {
  it.each([
    ['releases', samples, 'released', 2],
    ['is held', poison('apple', 'pear'), 'held', 2],
    ['finds nothing to do', undefined, 'up-to-date', 1],
  ] as const)('that %s reads the ledger no more than it must', async (_, data, status, reads) => {
    const { pipeline, counts } = counting()
    if (status !== 'released') await pipeline().run()
    Object.assign(counts, { ledgerReads: 0 })
    expect(await pipeline(data).run()).toMatchObject({ status })
    expect(counts.ledgerReads).toBe(reads)
  })

  it('reads the list of releases once, where no release is to be finished', async () => {
    const { pipeline, counts } = counting()
    await pipeline().run()
    Object.assign(counts, { histories: 0 })
    await pipeline(poison('apple', 'pear')).run()
    expect(counts.histories).toBe(1)
  })

  it('sees what another one appended between its own lines', async () => {
    const { pipeline, counts, kept } = counting()
    const p = pipeline()
    let isFirst = true
    p.on('gate-verdict', () => {
      // In memory, this line is there before the release is noted.
      if (isFirst) void kept.append({ type: 'approval', runId: 'other', by: 'Ada', reason: 'read' }, context())
      isFirst = false
    })
    expect(await p.run()).toMatchObject({ status: 'released' })
    const entries = await p.ledger()
    expect(entries.map(({ type }) => type)).toEqual(['verdict', 'approval', 'release'])
    expect(counts.ledgerReads).toBeGreaterThan(0)
  })
})

const context = (): CallContext => ({
  signal: new AbortController().signal,
  clock: { nowMs: () => 1 },
  log: { debug() {}, info() {}, warn() {} },
})

it('a data check of a run takes no scan of its own, and reads the samples once more', async () => {
  let passes = 0
  function* rows() {
    passes += 1
    yield* samples
  }
  const source = asyncSamples(rows, { name: 'counted' })
  const evaluation = pinnedSet(pinned)
  const dataset = new Dataset({ source, input: 'text', target: 'label', evaluation })
  const run = (changes: Parameters<ReturnType<typeof world>['pipeline']>[1]) =>
    world()
      .pipeline(samples, { dataset, ...changes })
      .run()
  expect((await run({})).status).toBe('released')
  const without = passes
  passes = 0
  expect((await run({ quality: {} })).status).toBe('released')
  // What all inputs contain is found in the first ones.
  expect(passes - without).toBe(2)
})
