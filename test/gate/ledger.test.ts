import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type LedgerEvent, storeLedger } from '../../src/gate/index.js'
import { memoryStore } from '../../src/store/memory/index.js'

const context = callContext()
const journal = 'ledger'
const approval = (runId: string): LedgerEvent => ({ type: 'approval', runId, by: 'Ann', reason: 'looked at it' })

async function written(count: number) {
  const store = memoryStore()
  const ledger = storeLedger(store)
  for (let index = 0; index < count; index += 1) await ledger.append(approval(`run-${index}`), context)
  return { store, ledger, lines: await store.journals.read(journal) }
}

/** A ledger whose file somebody put together from these lines. */
async function rewritten(lines: readonly string[]) {
  const store = memoryStore()
  for (const [index, line] of lines.entries()) await store.journals.append(journal, line, index)
  return storeLedger(store)
}

describe('the ledger', () => {
  it('chains what is written, each entry to the line before', async () => {
    const { ledger } = await written(3)
    const entries = await ledger.read(context)
    expect(entries.map(({ sequence }) => sequence)).toEqual([0, 1, 2])
    expect(entries[0]!.previous).toBe(null)
    expect(new Set(entries.map(({ previous }) => previous)).size).toBe(3)
  })

  it.each([
    ['edited', (lines: string[]) => lines.with(1, lines[1]!.replace('Ann', 'Bob')), 3],
    ['dropped', (lines: string[]) => lines.toSpliced(1, 1), 2],
    ['dropped at the front', (lines: string[]) => lines.slice(1), 1],
    ['reordered', (lines: string[]) => [lines[0]!, lines[2]!, lines[1]!], 2],
    ['repeated', (lines: string[]) => [lines[0]!, lines[0]!], 2],
    ['no JSON', (lines: string[]) => lines.with(2, '{'), 3],
    [
      'of another format',
      (lines: string[]) => lines.with(2, lines[2]!.replace('"formatVersion":1', '"formatVersion":2')),
      3,
    ],
    ['of no known type', (lines: string[]) => lines.with(2, lines[2]!.replace('approval', 'pardon')), 3],
    ['null', (lines: string[]) => lines.with(0, 'null'), 1],
  ] as const)('a line that was %s is found at the next read, and nothing is added to it', async (_, change, line) => {
    const { lines } = await written(3)
    const ledger = await rewritten(change([...lines]))
    const broken = { code: 'artifact-corrupt', facts: { line } }
    await expect(ledger.read(context)).rejects.toMatchObject(broken)
    await expect(ledger.append(approval('more'), context)).rejects.toMatchObject(broken)
  })

  it('gets the same event of racing writers once, if they look for it', async () => {
    const store = memoryStore()
    const write = () =>
      storeLedger(store).append(approval('run-1'), context, (entries) =>
        entries.find((entry) => entry.type === 'approval' && entry.runId === 'run-1'),
      )
    const [first, ...others] = await Promise.all(Array.from({ length: 8 }, write))
    for (const other of others) expect(other).toEqual(first)
    expect(await storeLedger(store).read(context)).toEqual([first])
  })

  it('of writers that race, each ends up in it', async () => {
    const store = memoryStore()
    const racers = Array.from({ length: 8 }, (_, index) => storeLedger(store).append(approval(`run-${index}`), context))
    await Promise.all(racers)
    const entries = await storeLedger(store).read(context)
    expect(entries.map((entry) => 'runId' in entry && entry.runId).sort()).toEqual(
      Array.from({ length: 8 }, (_, index) => `run-${index}`),
    )
  })

  it('stops when it is aborted, with the reason untouched', async () => {
    const reason = new Error('enough')
    const aborted = callContext({ signal: AbortSignal.abort(reason) })
    const store = memoryStore()
    await expect(storeLedger(store).read(aborted)).rejects.toBe(reason)
    await expect(storeLedger(store).append(approval('late'), aborted)).rejects.toBe(reason)
    expect(await store.journals.read(journal)).toEqual([])
  })
})
