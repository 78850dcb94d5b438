import { describe, expect, it } from 'vitest'
import { callContext, digestJson, seededRandom } from '../../src/core/index.js'
import {
  type AbTestOptions,
  abTest,
  experimentHistory,
  type LiveMetric,
  thumbs,
  tracked,
} from '../../src/experiment/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import { reportExperiment, reportExperimentHtml } from '../../src/report/index.js'
import { poison, world } from '../pipeline/harness.js'

const right = tracked('right', { kind: 'binary' })
const waiting = tracked('waiting', { kind: 'mean', direction: 'lower-is-better' })
const second = 1000

/** A live test in which a unit arrives per second. */
async function liveTest(options: Partial<AbTestOptions> = {}) {
  const there = world()
  await there.pipeline(poison('apple')).run()
  const pipeline = there.pipeline()
  await pipeline.run({ releaseAs: 'minor' })
  const feedback = memoryFeedback()
  const given = { name: 'mail', control: '0.1.0', treatment: '0.2.0', metric: right, pipeline, feedback, ...options }
  const test = await abTest(given, { clock: there.clock })
  const traffic = async (from: number, until: number, chance: { control: number; treatment: number }) => {
    const random = seededRandom(`traffic ${from}`)
    for (let unit = from; unit < until; unit += 1) {
      there.clock.advance(second)
      const { variant } = await test.expose(`unit-${unit}`)
      for (const name of test.metrics)
        await test.track(
          `unit-${unit}`,
          name,
          name === 'right' ? +(random.uniform() < chance[variant]) : random.uniform(),
        )
    }
  }
  const history = async (metrics?: readonly LiveMetric[]) =>
    experimentHistory('mail', { ledger: await pipeline.ledger(), feedback, metrics }, { clock: there.clock })
  return { ...there, pipeline, feedback, test, traffic, history }
}

describe('experimentHistory', () => {
  it('ends with the numbers of the report, and shows how they came', async () => {
    const live = await liveTest({ guardrails: [{ metric: waiting, margin: 0.5 }] })
    await live.traffic(0, 400, { control: 0.8, treatment: 0.7 })
    const report = await live.test.report()
    const history = await live.history()
    const last = history.moments.at(-1)!
    expect(last.division).toEqual(report.division)
    expect(last.metrics).toEqual(report.metrics)
    expect(history).toMatchObject({ status: 'running', leftOut: 0, unread: [] })
    const seen = history.moments.map(({ division }) => division.control + division.treatment)
    expect(seen.length).toBeGreaterThan(100)
    expect(seen).toEqual(seen.toSorted((one, other) => one - other))
    // Half of the units arrived in half of the time.
    expect(seen[Math.floor(seen.length / 2)]).toBeGreaterThan(190)
    expect(seen[Math.floor(seen.length / 2)]).toBeLessThan(210)
    expect(JSON.parse(JSON.stringify(history))).toEqual(history)
  })

  it('keeps the steps apart, and stops at the end of the test', async () => {
    const live = await liveTest({ steps: [{ share: 0.2, units: 20 }, { share: 0.5 }] })
    await live.traffic(0, 150, { control: 0.8, treatment: 0.8 })
    await live.test.check()
    await live.traffic(150, 600, { control: 0.95, treatment: 0.4 })
    expect(await live.test.check()).toMatchObject({ status: 'ended', result: 'harm' })
    const before = await live.history()
    live.clock.advance(3_600_000)
    expect((await live.history()).moments).toEqual(before.moments)
    expect(before.lines.map(({ action, result }) => result ?? action)).toEqual(['start', 'advance', 'harm'])
    const bySteps = [0, 1].map((step) => before.moments.filter((moment) => moment.step === step))
    const units = bySteps.map((moments) => moments.at(-1)!.division).map((each) => each.control + each.treatment)
    expect(units).toEqual([150, 450])
    expect(bySteps[1]![0]!.atMs).toBeGreaterThan(bySteps[0]!.at(-1)!.atMs)
  })

  it('reads the metrics of a host with their functions, and names those that it cannot read', async () => {
    const own: LiveMetric = { ...right, outcome: (entry) => (entry.kind === 'outcome' ? 1 - entry.value : undefined) }
    const live = await liveTest({ metric: own })
    await live.traffic(0, 60, { control: 0, treatment: 0 })
    expect(await live.history()).toMatchObject({ unread: ['right'] })
    expect((await live.history()).moments.at(-1)!.metrics).toEqual([])
    const [metric] = (await live.history([own])).moments.at(-1)!.metrics
    expect(metric).toMatchObject({ control: { value: 1 }, treatment: { value: 1 } })
    // A copy under another name reads what the original reads, so the name does not say what to read.
    const renamed = await liveTest({ metric: { ...right, name: 'other' } })
    expect(await renamed.history()).toMatchObject({ unread: ['other'] })
  })

  it('works without feedback and for tests that only have a digest', async () => {
    const live = await liveTest({ metric: thumbs() })
    const ledger = await live.pipeline.ledger()
    expect(await experimentHistory('mail', { ledger })).toMatchObject({ moments: [], unread: [], status: 'running' })
    const old = ledger.map((entry) => (entry.type === 'experiment' ? { ...entry, planned: undefined } : entry))
    const history = await experimentHistory('mail', { ledger: old, feedback: live.feedback })
    expect(history).toMatchObject({ moments: [] })
    expect(reportExperiment(history)).toContain('only the digest of its plan')
    await expect(experimentHistory('other', { ledger })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('keeps in the ledger what its digest names', async () => {
    const live = await liveTest({ untilMs: 8e15, guardrails: [{ metric: waiting, margin: 0.5 }] })
    const [entry] = (await live.pipeline.ledger()).filter(({ type }) => type === 'experiment')
    if (entry?.type !== 'experiment') throw new Error('there is no line')
    const { name, control, treatment, planned, plan } = entry
    const metrics = planned!.metrics.map(({ reads, ...metric }) => metric)
    expect(digestJson({ name, control, treatment, ...planned, metrics })).toBe(plan)
    expect(planned!.metrics.map(({ reads }) => reads)).toEqual(['tracked', 'tracked'])
  })
})

describe('outcomes before their exposure', () => {
  const outcome = (unit: string, timeMs: number, value = 1) =>
    ({
      kind: 'outcome',
      id: `${unit}/${timeMs}`,
      timeMs,
      experiment: { name: 'mail', unit },
      metric: 'right',
      value,
    }) as const
  const exposure = (unit: string, timeMs: number) =>
    ({
      ...({ kind: 'exposure', id: `exposure/${unit}`, timeMs } as const),
      experiment: { name: 'mail', variant: 'treatment', unit, step: 0 },
    }) as const

  it('count if they were measured after it, and are counted as left out otherwise', async () => {
    const live = await liveTest()
    const now = live.clock.nowMs()
    const entries = [
      ...[outcome('late log', now + 5), exposure('late log', now + 1)],
      ...[outcome('before', now - 5), exposure('before', now + 1), outcome('before', now + 9)],
      outcome('never seen', now + 1),
      { ...outcome('other test', now), experiment: { name: 'other', unit: 'other test' } },
    ]
    await live.feedback.append(
      entries.map((entry, index) => ({ ...entry, id: `${index}` })),
      callContext(),
    )
    const report = await live.test.report()
    expect(report.metrics[0]!.treatment).toEqual({ units: 2, value: 1 })
    expect(report.leftOut).toBe(2)
    expect(reportExperiment(await live.history())).toContain('1 outcome counts for no unit')
  })
})

describe('the report of a live test', () => {
  it('has the plan in words, exposure, metrics, guardrails and decisions', async () => {
    const live = await liveTest({
      guardrails: [{ metric: waiting, margin: 0.5 }],
      steps: [{ share: 0.2, units: 20, atLeastMs: 60_000 }, { share: 0.5 }],
    })
    await live.traffic(0, 150, { control: 0.8, treatment: 0.8 })
    await live.test.check()
    await live.traffic(150, 550, { control: 0.95, treatment: 0.4 })
    await live.test.check()
    const history = await live.history()
    const text = reportExperiment(history)
    for (const part of [
      '# Live test mail: 0\\.2\\.0 against 0\\.1\\.0',
      ': the treatment does harm.**',
      '- Step 1: 20.0 % of units get the treatment until 20 units of the treatment have an outcome and the step has taken 1 min 0 s.',
      '- The treatment wins if right (share of units with yes, higher is better) is better and every guardrail is kept.',
      '- Guardrail: waiting (mean over units, lower is better) must not be worse by 0.5 or more.',
      'at most 5.0 % over all looks; each interval has a confidence of 98.8 %',
      '## right over time\n\n```text',
      '## Units by variant',
      '## Guardrails',
      '## Decisions',
    ])
      expect(text.replace(/\\([().])/g, '$1')).toContain(part.replace(/\\([().])/g, '$1'))
    const page = reportExperimentHtml(history)
    expect(page).toContain('<title>right over time</title>')
    expect(page).toContain('each step is compared alone')
    expect(page).not.toMatch(/NaN|Infinity|undefined|<script/)
  })

  it('says so if units were not divided as planned, and compares nothing', async () => {
    const live = await liveTest()
    const entries = Array.from({ length: 200 }, (_, index) => ({
      ...{ kind: 'exposure' as const, id: `${index}`, timeMs: live.clock.nowMs() },
      experiment: { name: 'mail', variant: 'treatment' as const, unit: `${index}`, step: 0 },
    }))
    await live.feedback.append(entries, callContext())
    const text = reportExperiment(await live.history())
    expect(text).toContain('not as planned')
    expect(text).toContain('Units were not divided as planned, so the metrics are not compared')
  })

  it('shows names and reasons as text', async () => {
    const live = await liveTest({ metric: tracked('<b>"x"</b> | y', { kind: 'binary' }) })
    await live.test.stop({ by: '<i>Ada</i>', reason: '<script>alert(1)</script>' })
    const page = reportExperimentHtml(await live.history())
    expect(page).not.toMatch(/<script|<i>|<b>/)
    expect(reportExperiment(await live.history())).not.toMatch(/(?<!\\)<script/)
  })
})
