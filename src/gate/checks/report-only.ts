import type { Metric } from '../../evaluation/index.js'
import type { Check, Finding, Reference } from '../gate.js'
import { metricColumn } from '../paired-groups.js'

/**
 * Adds a metric's value, for the candidate and the baseline, to the verdict and the reports. Does not influence the
 * decision.
 */
export function reportOnly(metric: Metric): Check {
  const name = `report-only(${metric.name})`
  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    purpose: 'report',
    describe: () => ({ metric: metric.name }),
    async examine({ candidate: { evaluation }, baseline }, context) {
      context.signal.throwIfAborted()
      const { value } = metricColumn(evaluation, metric)
      const before = valueBefore(metric, baseline)
      const finding: Finding = {
        ...{ check: name, metric: metric.name, kind: metric.kind, critical: false, status: 'not-applicable' },
        ...(value !== null && { candidateValue: value }),
        ...(before !== undefined && { referenceValue: before }),
        items: evaluation.ids.length,
        reason: `${metric.name} is ${said(value)}${before === undefined ? '' : `, and was ${said(before)}`}; reported only`,
      }
      return [finding]
    },
  }
}

function valueBefore(metric: Metric, reference: Reference | undefined): number | undefined {
  if (reference === undefined || !('evaluation' in reference)) return undefined
  return metricColumn(reference.evaluation, metric).value ?? undefined
}

const said = (value: number | null) => (value === null ? 'no number' : String(Number(value.toPrecision(4))))
