import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, type Check, noRegression, qualityGate, storeLedger } from '../../src/gate/index.js'
import { reportRun } from '../../src/report/run/index.js'
import { gate, poison, samples, world } from './harness.js'

const reason = 'the old model must be off the air today'
const by = 'Ada <ada@localhost>'
const day = 86_400_000
const poisoned = poison('apple', 'pear', 'plum')

async function held() {
  const there = world()
  await there.pipeline(samples).run()
  const result = await there.pipeline(poisoned).run()
  expect(result).toMatchObject({ status: 'held', reason: 'fail' })
  const untilMs = there.clock.nowMs() + day
  return { ...there, runId: result.runId, untilMs, again: () => there.pipeline(poisoned) }
}

describe('override', () => {
  it('releases the very bundle that was held, and writes down who, why, until when and against what', async () => {
    const { again, runId, store, untilMs } = await held()
    const released = await again().override(runId, { by, reason, untilMs })
    expect(released).toMatchObject({
      status: 'released',
      verdict: { status: 'fail' },
      release: { version: '0.1.1', record: { override: { runId, by, reason, untilMs } } },
    })
    const entries = await storeLedger(store).read(callContext())
    expect(entries).toContainEqual(
      expect.objectContaining({ type: 'override', runId, by, reason, untilMs, checks: ['no-regression(accuracy)'] }),
    )
    expect(await again().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.1' } })
    await expect(again().override(runId, { by, reason, untilMs })).rejects.toMatchObject({ code: 'not-found' })
  })

  it.each([
    ['', reason],
    [' ', reason],
    [undefined, reason],
    [by, '\t'],
  ])('by %j with the reason %j is refused', async (person, why) => {
    const { again, runId, untilMs } = await held()
    const options = { by: person as string, reason: why, untilMs }
    await expect(again().override(runId, options)).rejects.toMatchObject({ code: 'invalid-options' })
    expect(await again().current()).toMatchObject({ version: '0.1.0' })
  })

  it('is in the report of the run, with name, end and reason', async () => {
    const { again, runId, untilMs } = await held()
    await again().override(runId, { by: 'Ada', reason: 'the old one is down', untilMs })
    const [record] = await again().runs()
    expect(reportRun(record!)).toMatch(/Decided by Ada, until \d{4}-.*: the old one is down/)
  })

  it('that has ended is said by every run', async () => {
    const { again, runId, untilMs, clock } = await held()
    await again().override(runId, { by, reason, untilMs })
    const warnings = async () => {
      const said: string[] = []
      const pipeline = again()
      pipeline.on('warning', ({ message }) => said.push(message))
      await pipeline.run()
      return said.join()
    }
    expect(await warnings()).not.toContain('answered for it')
    clock.advance(2 * day)
    expect(await warnings()).toContain('answered for it until')
  })

  it.each([
    ['no name', { by: ' ' }],
    ['no reason', { reason: '' }],
    ['an end that is past', { untilMs: 5 }],
    ['no end', { untilMs: Number.NaN }],
  ])('with %s is refused', async (_, wrong) => {
    const { again, runId, untilMs } = await held()
    await expect(again().override(runId, { by, reason, untilMs, ...wrong })).rejects.toMatchObject({
      code: 'invalid-options',
    })
  })

  it('is for what was held, an approval for what is open', async () => {
    const { again, runId, untilMs, pipeline } = await held()
    await expect(again().approve(runId, { by, reason })).rejects.toMatchObject({ code: 'not-found' })
    const open = pipeline(poison('fig'), { gate: gate('ask', 0.03) })
    const { runId: other } = await open.run()
    await expect(open.override(other, { by, reason, untilMs })).rejects.toMatchObject({ code: 'not-found' })
    await expect(open.override('20260101-000000-abcdefgh', { by, reason, untilMs })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  it('releases what the policy holds while it is open', async () => {
    const there = world()
    await there.pipeline(samples).run()
    const open = there.pipeline(poison('fig'), { gate: gate('hold', 0.03) })
    const { runId } = await open.run()
    const untilMs = there.clock.nowMs() + day
    expect(await open.override(runId, { by, reason, untilMs })).toMatchObject({ status: 'released' })
  })

  it('cannot release weights that are not whole', async () => {
    const there = world()
    const broken: Check = {
      contract: 1,
      name: 'broken',
      version: '1',
      metrics: [],
      describe: () => null,
      examine: async () => [
        {
          ...({ kind: 'statement', check: 'broken', critical: true, status: 'fail', overridable: false } as const),
          reason: 'a value is not finite',
        },
      ],
    }
    const checks = [atLeast(accuracy(), 0.1), noRegression(accuracy(), { margin: 0.05 })]
    const pipeline = there.pipeline(samples, { gate: qualityGate([...checks, broken]) })
    const { runId } = await pipeline.run()
    const untilMs = there.clock.nowMs() + day
    await expect(pipeline.override(runId, { by, reason, untilMs })).rejects.toMatchObject({ code: 'release-rejected' })
  })

  it('is void where something newer was released', async () => {
    const { pipeline, runId, untilMs, again } = await held()
    const newer = pipeline(poison('fig'))
    const open = await newer.run()
    expect(await newer.approve(open.runId, { by, reason })).toMatchObject({ status: 'released' })
    await expect(again().override(runId, { by, reason, untilMs })).rejects.toMatchObject({ code: 'release-conflict' })
  })
})
