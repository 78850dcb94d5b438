import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import {
  type AbTestOptions,
  abTest,
  agreement,
  experimentsOf,
  ratings,
  thumbs,
  tracked,
  variantOf,
} from '../../src/experiment/index.js'
import { type FeedbackStore, memoryFeedback } from '../../src/feedback/index.js'
import { findUnexplained } from '../../src/releaser/index.js'
import { itInFull } from '../in-full.js'
import { poison, world } from '../pipeline/harness.js'

const right = tracked('right', { kind: 'binary' })

/** Two releases, 0.1.0 and 0.2.0, of which the channel points at the second, and a live test of them. */
async function liveTest(options: Partial<AbTestOptions> = {}) {
  const live = await liveWorld(options)
  return { ...live, test: await live.open() }
}

async function liveWorld(options: Partial<AbTestOptions> = {}) {
  const there = world()
  await there.pipeline(poison('apple')).run()
  const pipeline = there.pipeline()
  await pipeline.run({ releaseAs: 'minor' })
  await pipeline.promote('0.1.0', { to: 'production', by: 'Ada' })
  const feedback = options.feedback ?? memoryFeedback()
  const warned: string[] = []
  const log = { debug() {}, info() {}, warn: (message: string) => void warned.push(message) }
  const given = { name: 'mail', control: '0.1.0', treatment: '0.2.0', metric: right, pipeline, feedback, ...options }
  const open = (changes: Partial<AbTestOptions> = {}) => abTest({ ...given, ...changes }, { clock: there.clock, log })
  return { ...there, live: pipeline, feedback, warned, open }
}
type Live = Awaited<ReturnType<typeof liveTest>>

/** Units that see their variant and have an outcome, which is 1 with these chances. */
async function traffic({ test }: Live, units: number, chance: { control: number; treatment: number }, from = 0) {
  const random = seededRandom(`traffic ${from}`)
  for (let unit = from; unit < from + units; unit += 1) {
    const { variant } = await test.expose(`unit-${unit}`)
    await test.track(`unit-${unit}`, 'right', +(random.uniform() < chance[variant]))
  }
}

/** Every line of the ledger and the registry agree. */
async function checkLedger({ live, releaser }: Live) {
  const entries = await live.ledger()
  expect(await findUnexplained(releaser, entries, callContext())).toEqual([])
  return entries
}

describe('abTest', () => {
  it('waits while the variants do not differ', async () => {
    const live = await liveTest()
    await traffic(live, 400, { control: 0.8, treatment: 0.8 })
    const report = await live.test.check()
    expect(report).toMatchObject({ status: 'running', step: 0, share: 0.5, decision: { kind: 'wait' } })
    expect(report.metrics[0]).toMatchObject({ name: 'right', status: 'open' })
    expect(report.division.isMismatch).toBe(false)
    expect(report.division.control + report.division.treatment).toBe(400)
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  it('withdraws a treatment that harms, and gives everybody the control', async () => {
    const live = await liveTest()
    await traffic(live, 400, { control: 0.9, treatment: 0.5 })
    const report = await live.test.check()
    expect(report).toMatchObject({ status: 'ended', result: 'harm', share: 0 })
    expect(report.reason).toMatch(/^0\.2\.0 is worse than 0\.1\.0: right differs by -\d/)
    const history = await live.live.history()
    expect(history.find(({ version }) => version === '0.2.0')?.withdrawn?.reason).toBe(report.reason)
    // The channel pointed at the treatment, so the control was released again.
    expect((await live.live.current())?.bundle).toBe(history.find(({ version }) => version === '0.1.0')?.bundle)
    expect(live.test.assign('unit-1')).toEqual({ version: '0.1.0', variant: 'control' })
    const entries = await checkLedger(live)
    expect(
      entries.filter(({ type }) => type === 'experiment').map((entry) => 'action' in entry && entry.action),
    ).toEqual(['start', 'end'])
  })

  itInFull('ends once, although two processes check at the same moment', async () => {
    const live = await liveTest()
    await traffic(live, 400, { control: 0.9, treatment: 0.5 })
    const other = await live.open()
    const reports = await Promise.all([live.test.check(), other.check()])
    for (const report of reports) expect(report).toMatchObject({ status: 'ended', result: 'harm', share: 0 })
    // One may have found the lock taken: its next check finds the work done.
    for (const test of [live.test, other]) expect((await test.check()).pending).toBeUndefined()
    const entries = await checkLedger(live)
    expect(entries.filter(({ type }) => type === 'withdrawal')).toHaveLength(1)
    expect(experimentsOf(entries)).toMatchObject([{ status: 'ended', result: 'harm' }])
  })

  it('promotes once, although two processes check at the same moment, and reads nothing after the end', async () => {
    let reads = 0
    const store = memoryFeedback()
    const feedback: FeedbackStore = {
      ...store,
      read(range, context) {
        reads += 1
        return store.read(range, context)
      },
    }
    const live = await liveTest({ promoteTo: 'production', feedback })
    await traffic(live, 600, { control: 0.5, treatment: 0.9 })
    const other = await live.open()
    await Promise.all([live.test.check(), other.check()])
    for (const test of [live.test, other]) expect((await test.check()).pending).toBeUndefined()
    const entries = await live.live.ledger()
    expect(entries.filter((entry) => entry.type === 'promotion' && entry.version === '0.2.0')).toHaveLength(1)
    const before = reads
    for (const test of [live.test, other, live.test])
      expect(await test.check()).toMatchObject({ status: 'ended', result: 'success', share: 1 })
    expect(reads).toBe(before)
  })

  it('does not promote again over a person, although the clock of the host that promoted was behind', async () => {
    const live = await liveTest()
    await traffic(live, 600, { control: 0.5, treatment: 0.9 })
    const { live: pipeline, clock } = live
    const behind: AbTestOptions['pipeline'] = {
      ledger: () => pipeline.ledger(),
      noteExperiment: (decision) => pipeline.noteExperiment(decision),
      history: () => pipeline.history(),
      channels: () => pipeline.channels(),
      withdraw: (...parameters) => pipeline.withdraw(...parameters),
      rollback: (...parameters) => pipeline.rollback(...parameters),
      promote(...parameters) {
        clock.advance(-3_600_000)
        return pipeline.promote(...parameters)
      },
    }
    const given = { name: 'mail', control: '0.1.0', treatment: '0.2.0', metric: right, promoteTo: 'production' }
    const open = () => abTest({ ...given, pipeline: behind, feedback: live.feedback }, { clock })
    expect(await (await open()).check()).toMatchObject({ result: 'success' })
    expect(await pipeline.channels()).toMatchObject({ production: '0.2.0' })
    await pipeline.promote('0.1.0', { to: 'production', by: 'Ada' })
    await (await open()).check()
    expect(await pipeline.channels()).toMatchObject({ production: '0.1.0' })
  })

  it('points every channel back at the control', async () => {
    const live = await liveTest()
    await live.live.promote('0.2.0', { to: 'beta', by: 'Ada' })
    await live.live.republish('0.1.0', { reason: 'the pipeline releases to another registry', by: 'Ada' })
    expect(await live.live.channels()).toMatchObject({ beta: '0.2.0', latest: '0.2.1' })
    await traffic(live, 400, { control: 0.9, treatment: 0.5 })
    expect((await live.test.check()).pending).toBeUndefined()
    expect(await live.live.channels()).toEqual({ production: '0.1.0', beta: '0.1.0', latest: '0.2.1' })
    expect((await live.live.history()).find(({ version }) => version === '0.2.0')?.withdrawn).toBeDefined()
    await checkLedger(live)
  })

  it('points the channel at a treatment that wins', async () => {
    const live = await liveTest({ promoteTo: 'production' })
    await traffic(live, 600, { control: 0.5, treatment: 0.9 })
    expect(await live.test.check()).toMatchObject({ status: 'ended', result: 'success', share: 1 })
    expect(await live.live.channels()).toMatchObject({ production: '0.2.0' })
    expect(live.test.assign('unit-1')).toEqual({ version: '0.2.0', variant: 'treatment' })
    const entries = await checkLedger(live)
    expect(entries.at(-1)).toMatchObject({ type: 'promotion', channel: 'production', by: 'live test mail' })
    // Once: further checks, here and in another process, do nothing.
    await live.test.check()
    await (await live.open()).check()
    expect(await live.live.ledger()).toHaveLength(entries.length)
  })

  it('accepts a treatment that is not worse by more than the margin', async () => {
    const live = await liveTest({ margin: 0.2 })
    await traffic(live, 1000, { control: 0.9, treatment: 0.9 })
    expect(await live.test.check()).toMatchObject({ result: 'success' })
  })

  it('does not win by silence: without an outcome of the treatment, nothing is known', async () => {
    const live = await liveTest({ margin: 0.2 })
    for (let unit = 0; unit < 400; unit += 1) {
      const { variant } = await live.test.expose(`unit-${unit}`)
      // A share cannot be below 0, so the treatment could not be worse by the margin.
      if (variant === 'control') await live.test.track(`unit-${unit}`, 'right', 0)
    }
    const report = await live.test.check()
    expect(report).toMatchObject({ status: 'running', decision: { kind: 'wait' } })
    expect(report.metrics[0]).toMatchObject({ status: 'open', treatment: { units: 0 }, lower: null })
  })

  it('reads no result if units were not divided as planned', async () => {
    const live = await liveTest()
    const random = seededRandom('lost')
    // The treatment crashes for a third of its units before they are logged.
    for (let unit = 0; unit < 900; unit += 1) {
      const { variant } = live.test.assign(`unit-${unit}`)
      if (variant === 'treatment' && random.uniform() < 1 / 3) continue
      await live.test.expose(`unit-${unit}`)
      await live.test.track(`unit-${unit}`, 'right', variant === 'treatment' ? 1 : 0)
    }
    const report = await live.test.check()
    expect(report).toMatchObject({ result: 'mismatch', share: 0, metrics: [], division: { isMismatch: true } })
    expect((await live.live.history()).some(({ withdrawn }) => withdrawn !== undefined)).toBe(false)
  })

  it('takes more traffic step by step, and compares the units of each step alone', async () => {
    const live = await liveTest({
      steps: [{ share: 0.1, units: 30, atLeastMs: 1000 }, { share: 0.3, units: 30 }, { share: 0.5 }],
    })
    await traffic(live, 200, { control: 0.8, treatment: 0.8 })
    expect((await live.test.check()).decision).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('units of this step'),
    })
    await traffic(live, 300, { control: 0.8, treatment: 0.8 }, 200)
    const early = await live.test.check()
    if (early.decision.kind === 'wait') expect(early.decision.reason).toBe('the shortest time of this step is not over')
    for (let tries = 0; tries < 20 && live.test.state.step === 0; tries += 1) {
      live.clock.advance(1000)
      await live.test.check()
    }
    expect(live.test.state).toMatchObject({ step: 1, share: 0.3 })
    expect((await live.test.report()).division).toMatchObject({ control: 0, treatment: 0 })
    await traffic(live, 300, { control: 0.8, treatment: 0.8 })
    await live.test.check()
    expect(live.test.state).toMatchObject({ step: 2, share: 0.5 })
    expect((await live.open()).state).toEqual(live.test.state)
    await checkLedger(live)
  })

  it('stops at the first step for a guardrail', async () => {
    const slow = tracked('slow', { kind: 'mean', direction: 'lower-is-better' })
    const live = await liveTest({ steps: [{ share: 0.3 }, { share: 0.5 }], guardrails: [{ metric: slow, margin: 20 }] })
    const random = seededRandom('slow')
    for (let unit = 0; unit < 600; unit += 1) {
      const { variant } = await live.test.expose(`unit-${unit}`)
      await live.test.track(`unit-${unit}`, 'right', 1)
      await live.test.track(`unit-${unit}`, 'slow', (variant === 'control' ? 100 : 160) + 30 * random.normal())
    }
    const report = await live.test.check()
    expect(report.metrics.map(({ name, status }) => `${name} ${status}`)).toEqual(['right open', 'slow worse'])
    expect(report.result).toBe('harm')
  })

  it('counts a unit once, however many outcomes it has', async () => {
    const live = await liveTest({ metric: tracked('right', { kind: 'mean' }) })
    for (let unit = 0; unit < 20; unit += 1) {
      const { variant } = await live.test.expose(`unit-${unit}`)
      for (let time = 0; time < 50; time += 1)
        await live.test.track(`unit-${unit}`, 'right', variant === 'treatment' ? 0 : 1)
    }
    const [metric] = (await live.test.check()).metrics
    expect(metric!.control.units + metric!.treatment.units).toBe(20)
    // 500 outcomes a side would decide. Ten units do not.
    expect(metric).toMatchObject({ status: 'open', lower: null, upper: null })
  })

  it('reads thumbs, corrections and ratings of logged predictions', async () => {
    const live = await liveTest({
      metric: agreement(),
      guardrails: [
        { metric: thumbs(), margin: 0.1 },
        { metric: ratings(), margin: 0.1 },
      ],
    })
    const place = (unit: string) => live.test.assign(unit).place!
    const { bundle } = (await live.live.current())!
    const units = Array.from({ length: 30 }, (_, unit) => `unit-${unit}`)
    await live.feedback.append(
      units.flatMap((unit) => [
        {
          kind: 'prediction' as const,
          id: `${unit}/0`,
          timeMs: live.clock.nowMs(),
          release: { version: '0.2.0', bundle },
          input: 'x',
          prediction: { kind: 'label' as const, label: 'fruit' },
          experiment: place(unit),
        },
        ...(
          [
            { kind: 'thumb', isUp: true },
            { kind: 'correction', target: 'vehicle' },
            { kind: 'rating', score: 0.25 },
            { kind: 'text', text: 'hm' },
          ] as const
        ).map((content, index) => ({
          kind: 'feedback' as const,
          id: `${unit}-${index}`,
          prediction: `${unit}/0`,
          timeMs: live.clock.nowMs(),
          source: 'someone',
          content,
        })),
      ]),
      callContext(),
    )
    const { metrics } = await live.test.report()
    expect(metrics.map(({ name, treatment }) => [name, treatment.value])).toEqual([
      ['agreement', 0],
      ['thumbs', 1],
      ['ratings', 0.25],
    ])
  })

  it('continues after a restart, and refuses another plan under the same name', async () => {
    const live = await liveTest()
    await traffic(live, 300, { control: 0.9, treatment: 0.9 })
    const again = await live.open()
    expect(await again.report()).toEqual(await live.test.report())
    const { live: pipeline, feedback } = live
    await expect(
      abTest({ name: 'mail', control: '0.1.0', treatment: '0.2.0', metric: right, split: 0.4, pipeline, feedback }),
    ).rejects.toThrow('Cannot run the live test: "mail" has started with other options')
  })

  it('finishes what a crash left undone', async () => {
    const live = await liveTest()
    await traffic(live, 400, { control: 0.9, treatment: 0.5 })
    const broken = await abTest(
      {
        ...{ name: 'mail', control: '0.1.0', treatment: '0.2.0', metric: right, feedback: live.feedback },
        pipeline: {
          ledger: () => live.live.ledger(),
          noteExperiment: (event) => live.live.noteExperiment(event),
          history: () => live.live.history(),
          channels: () => live.live.channels(),
          promote: (version, options) => live.live.promote(version, options),
          withdraw: (version, options) => live.live.withdraw(version, options),
          rollback: () => Promise.reject(new Error('the registry is away')),
        },
      },
      { clock: live.clock },
    )
    expect(await broken.check()).toMatchObject({ result: 'harm', share: 0, pending: 'the registry is away' })
    expect(broken.assign('unit-1').variant).toBe('control')
    expect((await live.test.check()).pending).toBeUndefined()
    expect((await live.live.history()).find(({ version }) => version === '0.2.0')?.withdrawn).toBeDefined()
  })

  it('is stopped by a person, with a name and a reason', async () => {
    const live = await liveTest()
    await expect(live.test.stop({ by: ' ', reason: 'x' })).rejects.toMatchObject({ code: 'invalid-options' })
    await live.test.stop({ by: 'Ada', reason: 'the metric is wrong' })
    expect(experimentsOf(await live.live.ledger())).toMatchObject([
      { name: 'mail', result: 'stopped', by: 'Ada', share: 0 },
    ])
    expect(live.test.assign('unit-1').variant).toBe('control')
  })

  it('ends when its time is over', async () => {
    const live = await liveTest({ untilMs: world().clock.nowMs() + 60_000_000 })
    await traffic(live, 50, { control: 0.9, treatment: 0.9 })
    live.clock.advance(60_000_000)
    expect(await live.test.check()).toMatchObject({ result: 'expired', share: 0 })
  })

  it('keeps assigning while the store of feedback is broken', async () => {
    const broken: FeedbackStore = {
      ...memoryFeedback(),
      append: () => Promise.reject(new Error('the disk is full')),
    }
    const live = await liveTest({ feedback: broken })
    expect((await live.test.expose('unit-1')).variant).toBe(variantOf('mail', 'unit-1', 0.5))
    expect(live.warned).toEqual(['Cannot log an exposure of the live test mail: the disk is full'])
  })

  it('logs pseudonyms, not units', async () => {
    const live = await liveTest()
    await live.test.expose('ada@example.org')
    await live.test.track('ada@example.org', 'right', 1)
    for await (const entry of live.feedback.read({}, callContext())) expect(JSON.stringify(entry)).not.toContain('ada@')
  })

  it('refuses plans that could decide nothing', async () => {
    const wrong: Partial<AbTestOptions>[] = [
      { name: 'a b' },
      { treatment: '0.1.0' },
      { treatment: '7.0.0' },
      { split: 0.00001 },
      { steps: [{ share: 0.5 }, { share: 0.1 }] },
      { steps: [] },
      { split: 0.5, steps: [{ share: 0.5 }] },
      { alpha: 1 },
      { margin: -1 },
      { guardrails: [{ metric: thumbs(), margin: 0 }] },
      { margin: 1 },
      { guardrails: [{ metric: thumbs(), margin: 5 }] },
      { untilMs: world().clock.nowMs() },
      { guardrails: [{ metric: right, margin: 0.1 }] },
    ]
    const { open } = await liveWorld()
    for (const options of wrong) await expect(open(options)).rejects.toMatchObject({ code: 'invalid-options' })
  })
})
