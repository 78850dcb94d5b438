import { describe, expect, it } from 'vitest'
import type { Evaluation } from '../../src/evaluation/index.js'
import type { RunRecord } from '../../src/pipeline/index.js'
import { reportRun, reportRunHtml } from '../../src/report/run/index.js'
import { evaluationOf } from '../../src/testing/evidence.js'
import { ofKind } from '../gate/of-kind.js'
import { poison, samples, world } from '../pipeline/harness.js'

/** The lines of a section's table, without the header. */
function tableBelow(report: string, heading: string): readonly (readonly string[])[] {
  const section = report.split(`\n## ${heading}`)[1]?.split('\n## ')[0] ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) => line.slice(2, -2).split(' | '))
}

function answers(targets: readonly string[], labels: readonly string[]): Evaluation {
  const base = evaluationOf({ model: 'm', scores: targets.map((target, index) => Number(target === labels[index])) })
  return { ...base, targets, predictions: labels.map((label) => ({ kind: 'label', label })) }
}

async function held() {
  const { pipeline, clock } = world()
  await pipeline().run()
  clock.advance(1000)
  await pipeline(poison('apple', 'pear')).run()
  const [record, released] = (await pipeline().runs()) as [RunRecord, RunRecord]
  return { record, released, evaluations: await pipeline().evaluations(record.runId) }
}

describe('a report with details', () => {
  it('counts precision, recall and F1 by label, and what was taken for what', async () => {
    const { record } = await held()
    // Three of four "a" are found, and one "b" is taken for "a". "c" is never predicted.
    const candidate = answers(['a', 'a', 'a', 'a', 'b', 'b', 'c'], ['a', 'a', 'a', 'b', 'a', 'b', 'b'])
    const report = reportRun(record, { evaluations: { candidate } })
    expect(tableBelow(report, 'Labels')).toEqual([
      ['a', '4', '4', '3', '75.0 %', '75.0 %', '75.0 %'],
      ['b', '2', '3', '1', '33.3 %', '50.0 %', '40.0 %'],
      ['c', '1', '0', '0', '–', '0.0 %', '0.0 %'],
    ])
    expect(tableBelow(report, 'Confusion matrix')).toEqual([
      ['a', '3', '1', '0'],
      ['b', '1', '1', '0'],
      ['c', '0', '1', '0'],
    ])
  })

  it('puts the labels beyond the twenty most frequent in one row and column', async () => {
    const { record } = await held()
    const label = (index: number) => (index === 0 ? 'other labels' : `label ${String(index).padStart(2, '0')}`)
    const targets = Array.from({ length: 60 }, (_, index) => label(index % 30)).concat('other labels')
    const report = reportRun(record, { evaluations: { candidate: answers(targets, targets) } })
    const matrix = tableBelow(report, 'Confusion matrix')
    expect(matrix).toHaveLength(21)
    expect(matrix.at(-1)).toEqual(['other labels', ...Array(20).fill('0'), '20'])
    expect(report).toContain('The 20 most frequent of 30 labels are shown.')
    const counts = matrix.flatMap(([, ...cells]) => cells.map(Number))
    expect(counts.reduce((sum, value) => sum + value, 0)).toBe(61)
  })

  it('has no table of labels for other predictions', async () => {
    const { record } = await held()
    const text = answers(['a', 'b'], ['a', 'b'])
    const candidate = { ...text, predictions: ['a', 'b'].map((value) => ({ kind: 'text' as const, text: value })) }
    expect(reportRun(record, { evaluations: { candidate } })).not.toMatch(/## (Labels|Confusion)/)
  })

  it('shows what changed in the data since the release', async () => {
    const { record, released } = await held()
    const report = reportRun(record, { released })
    const rows = tableBelow(report, 'Changes in the data since 0.1.0')
    expect(rows.map(([name]) => name)).toEqual(['label fruit', 'label vehicle'])
    const training = (run: RunRecord, label: string) => run.dataset!.labels!.training[label] ?? 0
    const [before, now] = [training(released, 'fruit'), training(record, 'fruit')]
    expect(now).toBeLessThan(before)
    expect(rows[0]![1]).toBe(`${before} → ${now} (−${before - now})`)
    expect(report).toContain('The training rows changed. The evaluation set did not change.')
    const same = reportRun(released, { released })
    expect(tableBelow(same, 'Changes in the data')).toEqual([])
    expect(same).toContain('The training rows did not change. The evaluation set did not change.')
  })

  it('shows the answers of both models on the regressed items, with the text only if it is given', async () => {
    const { record, evaluations } = await held()
    expect(reportRun(record, { evaluations })).not.toContain('Answers on regressed items')
    const inputs = new Map(samples.map(({ id, text }) => [id, `${text} <b>|`]))
    const report = reportRun(record, { evaluations, inputs })
    const rows = tableBelow(report, 'Answers on regressed items')
    const finding = record.verdict!.findings.find(({ kind }) => kind === 'comparison')
    expect(rows.map(([id]) => id)).toEqual(ofKind('comparison', finding).regressedIds)
    for (const [id, text, target, before, now] of rows) {
      const sample = samples.find((sample) => sample.id === id)!
      expect(text).toBe(`${sample.text} \\<b>\\|`)
      expect([target, before]).toEqual([sample.label, sample.label])
      expect(now).not.toBe(sample.label)
    }
    const page = reportRunHtml(record, { evaluations, inputs })
    expect(page).toContain('&lt;b&gt;|')
    expect(page).not.toContain('<b>')
  })

  it('is headed by project, version and date', async () => {
    const { released } = await held()
    const date = new Date(released.endedAtMs!).toISOString().slice(0, 10)
    expect(reportRun(released, { project: 'fruit' })).toMatch(
      new RegExp(`^# fruit 0\\.1\\.0: released\n\nRun ${released.runId}, ${date} `),
    )
  })
})
