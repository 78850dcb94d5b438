import type { Metric } from '../../evaluation/index.js'
import type { FindingBase } from '../finding.js'
import type { Check, Reference } from '../gate.js'
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
      const base: FindingBase = {
        ...{ check: name, metric: metric.name, critical: false, status: 'not-applicable' },
        reason: `${metric.name} is ${said(value)}${before === undefined ? '' : `, and was ${said(before)}`}; reported only`,
      }
      if (value === null) return [{ ...base, kind: 'statement' }]
      return [
        {
          ...base,
          ...{ kind: 'value', metric: metric.name, metricKind: metric.kind, candidateValue: value },
          ...(before !== undefined && { referenceValue: before }),
          items: evaluation.ids.length,
        },
      ]
    },
  }
}

function valueBefore(metric: Metric, reference: Reference | undefined): number | undefined {
  if (reference === undefined || !('evaluation' in reference)) return undefined
  return metricColumn(reference.evaluation, metric).value ?? undefined
}

const said = (value: number | null) => (value === null ? 'no number' : String(Number(value.toPrecision(4))))
