import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { experimentHistory } from '../../src/experiment/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import { type ExperimentDecision, type PlannedExperiment, storeLedger } from '../../src/gate/index.js'
import { reportExperiment, reportExperimentHtml } from '../../src/report/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'

const clock = fixedClock()
const context = callContext({ clock })
const name = 'mail'
const hostile = '<img src=x onerror=alert(1)>|`*_[x](javascript:1)\u0000\u202e\ud800'

const step = { share: 0.5, units: 100, atLeastMs: 0 }
const metric = { name: 'right', kind: 'binary', direction: 'higher-is-better', margin: 0, reads: 'tracked' } as const
const plan: PlannedExperiment = { steps: [step], metrics: [metric], confidence: 0.95 }

/** A ledger with these decisions, and outcomes for each metric. */
async function reported(planned: PlannedExperiment, more: readonly Partial<ExperimentDecision>[] = []) {
  const ledger = storeLedger(memoryStore())
  const releases = { control: hostile.slice(0, -1), treatment: '0.2.0' }
  const first = { name, ...releases, action: 'start', step: 0, share: 0.5, reason: hostile.slice(0, -1) } as const
  for (const decision of [
    { ...first, planned },
    ...more.map((one) => ({ ...first, action: 'advance' as const, ...one })),
  ])
    await ledger.append({ type: 'experiment', runId: 'run', ...decision }, context)
  const feedback = memoryFeedback()
  for (let unit = 0; unit < 40; unit += 1) {
    clock.advance(1000)
    const place = {
      name,
      unit: `${unit}`,
      step: 0,
      variant: unit % 2 === 0 ? ('control' as const) : ('treatment' as const),
    }
    const timeMs = clock.nowMs()
    await feedback.append(
      [
        { kind: 'exposure', id: `exposure/${unit}`, timeMs, experiment: place },
        ...planned.metrics.slice(0, 3).map((one, index) => ({
          ...{
            kind: 'outcome' as const,
            id: `outcome/${unit}/${index}`,
            timeMs,
            experiment: { name, unit: `${unit}` },
          },
          ...{ metric: one.name, value: unit % 3 === 0 ? 1 : 0 },
        })),
      ],
      context,
    )
  }
  const history = await experimentHistory(name, { ledger: await ledger.read(context), feedback }, { clock })
  return { markdown: reportExperiment(history), html: reportExperimentHtml(history), history }
}

describe('the report of a live test whose ledger somebody else wrote', () => {
  it('escapes every text', async () => {
    const { html, markdown } = await reported({ ...plan, metrics: [{ ...metric, name: hostile.slice(0, -1) }, metric] })
    for (const text of [html, markdown]) {
      expect(text).not.toMatch(/(?<!\\)<img/)
      expect(text).not.toContain('\u0000')
    }
    expect(html).toContain('&lt;img')
  })

  it.each<[string, PlannedExperiment]>([
    ['a share above 1', { ...plan, steps: [{ ...step, share: 2 }] }],
    ['a negative share', { ...plan, steps: [{ ...step, share: -0.5 }] }],
    ['a negative number of units', { ...plan, steps: [{ ...step, units: -1 }] }],
    ['a negative time', { ...plan, steps: [{ ...step, atLeastMs: -1 }] }],
    ['a negative margin', { ...plan, metrics: [{ ...metric, margin: -1 }] }],
    ['a confidence above 1', { ...plan, confidence: 2 }],
    ['a confidence of 1', { ...plan, confidence: 1 }],
    ['no confidence', { ...plan, confidence: 0 }],
    ['a time that no calendar has', { ...plan, untilMs: 1e300 }],
  ])('cannot be of a plan with %s', async (_, planned) => {
    await expect(reported(planned)).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it.each([-1, 0.5, Number.MAX_VALUE])('cannot be of step %s', async (at) => {
    await expect(reported(plan, [{ step: at }])).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it.each<[string, PlannedExperiment, readonly Partial<ExperimentDecision>[]]>([
    ['a step that was not planned', plan, [{ step: 7 }]],
    ['an unknown result', plan, [{ action: 'end', result: 'toString' as never }]],
    ['an unknown action', plan, [{ action: 'constructor' as never }]],
    ['the smallest share', { ...plan, steps: [{ ...step, share: 0.001 }] }, []],
    ['a huge margin', { ...plan, metrics: [{ ...metric, kind: 'mean', margin: 1e200 }] }, []],
    [
      'a name of a prototype',
      {
        ...plan,
        metrics: [
          { ...metric, name: '__proto__' },
          { ...metric, name: 'constructor' },
        ],
      },
      [],
    ],
    [
      'many metrics',
      { ...plan, metrics: Array.from({ length: 20 }, (_, at) => ({ ...metric, name: `m${at}` })) as never },
      [],
    ],
    [
      'many steps',
      { ...plan, steps: Array.from({ length: 2000 }, () => step) as never },
      [{ step: 900 }, { step: 1999 }],
    ],
  ])('is made with %s', async (_, planned, more) => {
    const { html, markdown } = await reported(planned, more)
    for (const text of [html, markdown]) expect(text).not.toMatch(/NaN|undefined|native code|Infinity/)
  })
})
