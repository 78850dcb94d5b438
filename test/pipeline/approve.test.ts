import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { storeLedger } from '../../src/gate/index.js'
import type { PipelineOptions } from '../../src/pipeline/index.js'
import { gate, poison, samples, world } from './harness.js'

const reason = 'three items are known to be mislabelled'
const by = 'Ada <ada@localhost>'

async function awaiting(changes: Partial<PipelineOptions<string, string>> = {}) {
  const there = world()
  await there.pipeline(samples, changes).run()
  const open = { gate: gate('ask', 0.03), ...changes }
  const result = await there.pipeline(poison('fig'), open).run()
  expect(result.status).toBe('awaiting-approval')
  return { ...there, runId: result.runId, open: () => there.pipeline(poison('fig'), open) }
}

describe('approve', () => {
  it('releases the very bundle that was judged, and writes down who and why', async () => {
    const { open, runId, store } = await awaiting()
    const approved = await open().approve(runId, { by, reason })
    expect(approved).toMatchObject({
      status: 'released',
      release: { version: '0.2.0', record: { approval: { runId, by, reason } } },
    })
    const entries = await storeLedger(store).read(callContext())
    expect(entries).toContainEqual(expect.objectContaining({ type: 'approval', runId, by, reason }))
    expect(await open().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.2.0' } })
  })

  it('answers with what the judged run kept, and so does a rollback to the model', async () => {
    const { open, runId } = await awaiting()
    const judged = await open().evaluations(runId)
    const approved = await open().approve(runId, { by, reason })
    expect(await open().evaluations(approved.runId)).toEqual(judged)
    await open().rollback({ by, reason })
    const again = await open().rollback({ by, reason, to: '0.2.0' })
    expect((await open().evaluations(again.runId)).candidate).toEqual(judged.candidate)
  })

  it('of a run that did not judge the model are not those of an earlier one', async () => {
    const { open, runId, store } = await awaiting()
    const { evaluations: _, ...judged } = (await open().runRecord(runId))!
    const later = `${runId.slice(0, -1)}${runId.endsWith('z') ? 'zz' : 'z'}`
    await store.runs.write(later, JSON.parse(JSON.stringify({ ...judged, runId: later, status: 'failed' })))
    await expect(open().evaluations(later)).rejects.toMatchObject({ code: 'not-found' })
  })

  it('cannot be done twice', async () => {
    const { open, runId } = await awaiting()
    await open().approve(runId, { by, reason })
    await expect(open().approve(runId, { by, reason })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('cut off after the publication, does not release twice', async () => {
    const { open, runId, store, releaser } = await awaiting()
    let failing = true
    const write = store.runs.write.bind(store.runs)
    const broken = {
      ...store,
      runs: {
        ...store.runs,
        list: () => store.runs.list(),
        read: (id: string) => store.runs.read(id),
        append: (id: string, event: never) => store.runs.append(id, event),
        write: async (id: string, record: never) => {
          if (failing && id === runId) throw new Error('killed here')
          await write(id, record)
        },
      },
    }
    const cut = world().pipeline(poison('fig'), { gate: gate('ask', 0.03), store: broken as never, releaser })
    await expect(cut.approve(runId, { by, reason })).rejects.toThrow('killed here')
    failing = false
    expect(await open().approve(runId, { by, reason })).toMatchObject({
      status: 'released',
      release: { version: '0.2.0' },
    })
    expect((await open().history()).length).toBe(2)
  })

  it('is void once a newer commit exists', async () => {
    let commit = 'a'
    const { open, runId } = await awaiting({ provenance: async () => ({ commit, dirtyPaths: [] }) })
    commit = 'b'
    await expect(open().approve(runId, { by, reason })).rejects.toMatchObject({ code: 'release-conflict' })
  })

  it('is void once something else was released', async () => {
    const { open, pipeline, runId } = await awaiting()
    const other = pipeline(poison('fig'), { gate: gate('ask', 0.03), seed: 1 })
    await other.approve((await other.run()).runId, { by, reason })
    await expect(open().approve(runId, { by, reason })).rejects.toMatchObject({ code: 'release-conflict' })
  })

  it.each([
    { by: '', reason },
    { by, reason: ' ' },
  ])('needs a name and a reason: %j', async (options) => {
    const { open, runId } = await awaiting()
    await expect(open().approve(runId, options)).rejects.toMatchObject({ code: 'invalid-options' })
  })
})

describe('the ledger', () => {
  it('counts a consultation once, however often the same models are judged', async () => {
    const { open, store } = await awaiting()
    await open().run()
    await open().run()
    const verdicts = (await storeLedger(store).read(callContext())).filter(({ type }) => type === 'verdict')
    expect(verdicts.length).toBe(2)
  })
})
