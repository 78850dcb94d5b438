import { canonicalJson, type Json } from '../core/index.js'
import type { LeftOutFeedback, LeftOutReason } from './batch.js'
import type { InputEvidence, Statement } from './evidence.js'
import type { LoggedPrediction } from './feedback.js'

/** A target that sources agree on for an input. */
export interface Candidate {
  readonly input: Json
  readonly target: Json
  /** Oldest first. */
  readonly predictions: readonly LoggedPrediction[]
  readonly feedback: readonly string[]
  readonly sources: readonly string[]
  readonly firstMs: number
  readonly lastMs: number
}

/** The target that the sources of one input agree on, or why there is none. */
export function weigh(
  { input, predictions, statements }: InputEvidence,
  { agreement, confirmed }: { readonly agreement: number; readonly confirmed: boolean },
): Candidate | { readonly left: LeftOutFeedback } {
  const leave = (reason: LeftOutReason, detail: string) => ({
    left: {
      ...{ reason, detail },
      predictions: predictions.map(({ id }) => id),
      feedback: statements.map(({ feedback }) => feedback.id),
      sources: statements.map(({ feedback }) => feedback.source),
    },
  })
  const named = statements.filter(({ says }) => says === 'target')
  const targets = new Map<string, Statement[]>()
  for (const statement of named) {
    const key = canonicalJson(statement.target)
    const support = targets.get(key)
    if (support === undefined) targets.set(key, [statement])
    else support.push(statement)
  }
  const bySupport = [...targets].sort(([, one], [, other]) => other.length - one.length)
  const [first, second] = bySupport
  if (first === undefined) return leave('no-target', 'nobody said what the answer should be')
  const [key, support] = first
  if (second?.[1].length === support.length) return leave('conflict', `sources name ${targets.size} different targets`)
  const doubts = statements.filter(({ says, target }) => says === 'doubt' && canonicalJson(target) === key)
  const against = named.length - support.length + doubts.length
  // A single source could veto every sample. Where several must agree, each that disagrees needs one more that agrees.
  if (against > 0 && (agreement === 1 || support.length - against < agreement))
    return leave(
      'conflict',
      targets.size > 1
        ? `sources name ${targets.size} different targets`
        : `${doubts.length} of ${statements.length} sources doubt the target`,
    )
  if (!confirmed && !support.some(({ feedback }) => feedback.content.kind === 'correction'))
    return leave('confirmed', 'the answer was confirmed and not corrected')
  if (support.length < agreement)
    return leave('too-few-sources', `${support.length} of ${agreement} sources that must agree`)
  const times = support.map(({ feedback }) => feedback.timeMs)
  return {
    ...{ input, predictions, target: support[0]!.target! },
    feedback: support.map(({ feedback }) => feedback.id),
    sources: support.map(({ feedback }) => feedback.source),
    firstMs: Math.min(...times),
    lastMs: Math.max(...times),
  }
}
