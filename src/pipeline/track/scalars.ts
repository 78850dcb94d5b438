import type { Verdict } from '../../gate/index.js'
import type { Scalar } from './event-file.js'

/** The candidate's metrics over all items, each once: `evaluation/accuracy`. */
export function evaluatedScalars({ findings }: Verdict): readonly Scalar[] {
  const found = new Map<string, number>()
  for (const { metric, candidateValue, slice } of findings)
    if (metric !== undefined && candidateValue !== undefined && slice === undefined)
      found.set(`evaluation/${metric}`, candidateValue)
  return [...found].map(([tag, value]) => ({ tag, value }))
}
