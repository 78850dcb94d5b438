import type { Json } from '../../core/index.js'
import {
  has,
  type ItemRow,
  isRecord,
  isTimeout,
  member,
  namedByContent,
  numbersIn,
  type ToolFormat,
  type ToolRow,
  targetOf,
  textMember,
} from './rows.js'

/** A result of evalite 0.19 (`evalite run --outputPath out.json`). With `trialCount`, trials of one input are repeats. */
export const evalite: ToolFormat = {
  isRow: (row) => has(row, 'status', 'input', 'scores'),
  systems: 'variant',
  others: 'results without scores',
  headline: () => 'averageScore',
  toItem(row, place): ItemRow | undefined {
    const name = textMember(row, 'evaluation') ?? 'evaluation'
    const [input, output] = [member(row, 'input'), member(row, 'output')]
    const content = [input ?? null, member(row, 'expected') ?? null]
    const system = textMember(row, 'variant')
    const common = { ...(system !== undefined && { system }), target: targetOf(member(row, 'expected'), place) }
    if (member(row, 'status') !== 'success') {
      const message = textMember(output, 'message') ?? ''
      // A result that reaches the time limit of its test has neither an input nor an output.
      const isLost = input === '' && (output === null || output === undefined)
      return {
        ...common,
        item: isLost
          ? `${name} result ${Number(member(row, 'colOrder'))} (timed out, input not recorded)`
          : namedByContent(name, content as Json, place),
        scores: {},
        expects: ['averageScore'],
        outcome: isLost || isTimeout(message) ? 'timeout' : 'error',
      }
    }
    const scores = member(row, 'scores')
    const byName = (Array.isArray(scores) ? scores : []).map(
      (score) => [textMember(score, 'name') ?? '', member(score, 'score')] as const,
    )
    if (byName.length === 0) return undefined
    return {
      ...common,
      item: namedByContent(name, content as Json, place),
      scores: { ...numbersIn(byName), ...numbersIn([['averageScore', member(row, 'averageScore')]]) },
      expects: ['averageScore', ...byName.map(([scorer]) => scorer)],
      outcome: 'ok',
    }
  },
}

export function evaliteRows(document: ToolRow): readonly ToolRow[] {
  return (member(document, 'evals') as readonly unknown[]).filter(isRecord).flatMap((evaluation) => {
    const results = member(evaluation, 'results')
    return (Array.isArray(results) ? results.filter(isRecord) : []).map((result) => ({
      ...result,
      evaluation: member(evaluation, 'name'),
      variant: member(evaluation, 'variantName'),
    }))
  })
}
