import { describe, expect, it } from 'vitest'
import { callContext, createRunId, toJson } from '../../src/core/index.js'
import type { RunRecord } from '../../src/pipeline/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { datasetOf, gate, samples, world } from '../pipeline/harness.js'
import { browser, pipelineSource } from './fixture.js'

const attack = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&`
const markup = /<script>|<img|onerror=alert\(2\)>/

/** Pages whose store contains only these records. */
async function browserOf(records: readonly (RunRecord & Record<string, unknown>)[], changes = {}) {
  const store = memoryStore()
  for (const record of records) await store.runs.write(record.runId, toJson(record))
  const parts = { dataset: datasetOf(samples), trainer: fakeTrainer(), gate: gate(), releaser: memoryRegistry() }
  return { store, ...browser(pipelineSource(new Pipeline<string, string>({ ...parts, store }), changes)) }
}

const record = (changes: Partial<RunRecord> = {}): RunRecord & Record<string, unknown> => ({
  ...{ formatVersion: 1, runId: createRunId(1_700_000_000_000), command: 'run', status: 'failed' },
  ...{ startedAtMs: 1_700_000_000_000, endedAtMs: 1_700_000_001_000, stages: [] },
  ...changes,
})

describe('text that others wrote is text, and never markup', () => {
  const stage = { name: attack, cached: false, durationMs: 1 }
  const hostile = record({
    status: 'awaiting-approval',
    ...{ reason: attack, commit: attack, version: undefined, baseline: attack, best: attack, machine: attack },
    error: { code: attack, message: attack },
    decision: { by: attack, reason: attack },
    metrics: { [attack]: 1 },
    stages: [stage],
    verdict: {
      ...{ status: 'inconclusive', summary: attack, whenInconclusive: 'ask' },
      findings: [
        { kind: 'statement', check: attack, status: 'inconclusive', critical: true, reason: attack, slice: attack },
      ],
    },
  })

  it('in records of runs', async () => {
    const { get } = await browserOf([hostile], { project: attack, commit: async () => attack })
    for (const path of ['/', '/runs.html', `/runs/${hostile.runId}.html`, '/compare.html']) {
      const { status, text } = await get(path)
      expect([path, status]).toEqual([path, 200])
      expect(text).not.toMatch(markup)
      expect(text).toContain('&lt;script&gt;alert(1)')
    }
  })

  it('in a run that is running, and in panels', async () => {
    const running = record({ status: 'running', endedAtMs: undefined })
    const panel = { heading: attack, header: [attack, attack], rows: [[attack, attack]], note: attack }
    const source = { panels: [{ name: attack, read: async () => [panel] }] }
    const { store, get, json } = await browserOf([running], source)
    const event = (body: object, sequence: number) =>
      store.runs.append(running.runId, toJson({ runId: running.runId, atMs: 0, sequence, ...body }))
    await using lock = await store.lock('run', callContext())
    await store.runs.write(running.runId, toJson({ ...running, lockToken: lock.token }))
    await event({ type: 'stage-start', stage: attack }, 0)
    await event({ type: 'warning', message: attack, facts: {} }, 1)
    const { text } = await get(`/runs/${running.runId}.html`)
    expect(text).toContain('data-refresh="1000"')
    expect(text).toContain('&lt;script&gt;alert(1)')
    for (const page of [text, (await get('/use.html')).text]) expect(page).not.toMatch(markup)
    expect((await json('/api/panels'))[0].name).toBe(attack)
  })

  it('in a path', async () => {
    const { get } = await browserOf([])
    const { status, text } = await get(`/runs/${encodeURIComponent(attack)}.html`)
    expect(status).toBe(404)
    expect(text).not.toMatch(markup)
  })

  it('in releases', async () => {
    const there = world()
    await there.pipeline().run()
    await there
      .pipeline()
      .withdraw('0.1.0', { by: attack, reason: attack })
      .catch(() => {})
    await there.releaser.withdraw('0.1.0', attack, callContext())
    const { text } = await browser(pipelineSource(there.pipeline())).get('/releases.html')
    expect(text).toContain('withdrawn')
    expect(text).not.toMatch(markup)
  })
})

it('a record with an impossible time does not hide the others', async () => {
  const [other, impossible] = [record(), record({ startedAtMs: 1e300 })]
  const { get } = await browserOf([impossible, other])
  for (const path of ['/', '/runs.html']) {
    const { status, text } = await get(path)
    expect([path, status]).toEqual([path, 200])
    expect(text).toContain(other.runId)
    expect(text).toContain('<td>unknown</td>')
  }
})

it('hides tokens', async () => {
  const token = `ghp_${'a'.repeat(36)}`
  const { get } = await browserOf([record({ error: { message: `Cannot push: ${token} was refused.` } })])
  for (const path of ['/', '/runs.html', '/api/runs']) {
    const { text } = await get(path)
    expect(text).not.toContain(token)
    expect(text).toContain('Cannot push: [secret] was refused.')
  }
})

describe('many runs', () => {
  it('lists 1,000 runs in pages of 50', async () => {
    const records = Array.from({ length: 1000 }, (_, index) =>
      record({ runId: createRunId(1_700_000_000_000 + index), startedAtMs: 1_700_000_000_000 + index }),
    )
    const { get, json } = await browserOf(records)
    const first = await json('/api/runs')
    expect([first.items.length, first.page, first.pages, first.total]).toEqual([50, 1, 20, 1000])
    expect(first.items[0].runId).toBe(records.at(-1)!.runId)
    const last = await json('/api/runs?page=20')
    expect(last.items.at(-1).runId).toBe(records[0]!.runId)
    const { text } = await get('/runs-2.html')
    expect(text).toContain('Page 2 of 20, 1,000 in all')
    expect(text).toContain('href="runs.html" rel="prev"')
    expect(text).toContain('href="runs-3.html" rel="next"')
  })
})

it('events that cannot be read are a warning of their run, and no error of the page', async () => {
  const running = record({ status: 'running' })
  const { store, get, json } = await browserOf([running])
  store.runs.events = () => ({
    [Symbol.asyncIterator]: () => ({ next: async () => Promise.reject(new Error('the disk fails')) }),
  })
  expect((await get('/')).status).toBe(200)
  const { status, text } = await get(`/runs/${running.runId}.html`)
  expect(status).toBe(200)
  expect(text).toContain('Cannot read the events of this run: the disk fails')
  const { running: shown } = await json('/api/overview')
  expect(shown).toMatchObject([{ run: { runId: running.runId }, live: { stages: [] } }])
})
