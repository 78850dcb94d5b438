import type { Finding, Verdict } from '../../gate/index.js'
import type { RunEventOf } from '../events.js'
import type { Scalar } from './event-file.js'

/** The candidate's metrics over all items, each once: `evaluation/accuracy`. */
export function evaluatedScalars({ findings }: Verdict): readonly Scalar[] {
  const found = new Map<string, number>()
  for (const finding of findings) {
    const { metric, slice } = finding
    const value = metricValueOf(finding)
    if (metric !== undefined && value !== undefined && slice === undefined) found.set(`evaluation/${metric}`, value)
  }
  return [...found].map(([tag, value]) => ({ tag, value }))
}

function metricValueOf(finding: Finding): number | undefined {
  if (finding.kind === 'bound') return finding.estimate
  return finding.kind === 'comparison' || finding.kind === 'value' ? finding.candidateValue : undefined
}

/** The prefix of what a training reports: with the candidate, if a run trains several. */
export const trainingOf = ({ candidate }: RunEventOf<'train-progress'>): string =>
  candidate === undefined ? 'train' : `train/${candidate}`
