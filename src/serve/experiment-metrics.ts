import type { AbTest, ExperimentReport } from '../experiment/index.js'
import type { ServerMetrics } from './metrics.js'

/** Adds the state and the last comparison of a live test to the metrics of its server. */
export function countExperiment({ client, registry }: ServerMetrics, test: Pick<AbTest, 'state'>) {
  const { name: experiment } = test.state
  const registers = [registry]
  let last: ExperimentReport | undefined
  const gauge = (name: string, help: string, labels: readonly string[], collect: (set: Set) => void) =>
    new client.Gauge({
      name: `sheikh_experiment_${name}`,
      help,
      labelNames: ['experiment', ...labels],
      registers,
      collect() {
        this.reset()
        collect((value, given = {}) => this.set({ experiment, ...given }, value))
      },
    })
  gauge('info', 'The live test. The value is always 1.', ['control', 'treatment', 'status', 'result'], (set) => {
    const { control, treatment, status, result = '' } = test.state
    set(1, { control, treatment, status, result })
  })
  gauge('step', 'Step of the live test, from 1.', [], (set) => set(test.state.step + 1))
  gauge('treatment_share', 'Share of units that get the treatment, from 0 to 1.', [], (set) => set(test.state.share))
  gauge('units', 'Units that saw a variant in this step, at the last check.', ['variant'], (set) => {
    if (last === undefined) return
    const { control, treatment } = last.division
    set(control, { variant: 'control' })
    set(treatment, { variant: 'treatment' })
  })
  gauge('left_out_outcomes', 'Outcomes that count for no unit, at the last check.', [], (set) => {
    if (last !== undefined) set(last.leftOut)
  })
  const sides = { estimate: 'The observed difference', lower: 'Lower limit', upper: 'Upper limit' } as const
  for (const side of ['estimate', 'lower', 'upper'] as const)
    gauge(
      `difference_${side}`,
      `${sides[side]} of treatment minus control, at the last check. Absent while unknown.`,
      ['metric'],
      (set) => {
        for (const { name, [side]: value } of last?.metrics ?? []) if (value !== null) set(value, { metric: name })
      },
    )
  const checks = new client.Counter({
    name: 'sheikh_experiment_checks_total',
    help: 'Checks of the live test by outcome: done or failed.',
    labelNames: ['experiment', 'outcome'],
    registers,
  })
  return {
    onCheck(report?: ExperimentReport): void {
      checks.inc({ experiment, outcome: report === undefined ? 'failed' : 'done' })
      last = report ?? last
    },
  }
}

type Set = (value: number, labels?: Readonly<Record<string, string>>) => void
