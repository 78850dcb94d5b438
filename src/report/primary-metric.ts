import type { ReleaseRecord } from '../releaser/index.js'
import { percent } from './markdown.js'

/**
 * The metric of the gate's first check that has one, or the first metric of a release without a verdict.
 *
 * @returns the metric's name and its value on the evaluation set: a percentage for right-or-wrong metrics, else a number.
 */
export function primaryMetric({
  metrics = {},
  verdict,
}: Pick<ReleaseRecord, 'metrics' | 'verdict'>): { readonly name: string; readonly value: string } | undefined {
  const finding = verdict?.findings.find(({ metric }) => metric !== undefined && typeof metrics[metric] === 'number')
  const name = finding?.metric ?? Object.keys(metrics).find((each) => typeof metrics[each] === 'number')
  if (name === undefined) return undefined
  const value = metrics[name] as number
  const isShare = finding?.metricKind === 'binary' || name === 'accuracy'
  return { name, value: isShare ? percent(value) : String(Number(value.toPrecision(4))) }
}

/** The primary metric as `, accuracy 90.0 %`, or an empty string. */
export function metricText(record: Pick<ReleaseRecord, 'metrics' | 'verdict'>): string {
  const primary = primaryMetric(record)
  return primary === undefined ? '' : `, ${primary.name} ${primary.value}`
}
