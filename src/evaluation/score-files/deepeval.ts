import type { Json } from '../../core/index.js'
import type { ItemOutcome } from '../evaluation.js'
import {
  has,
  type ItemRow,
  isRecord,
  isSet,
  isTimeout,
  member,
  namedByContent,
  numbersIn,
  type ToolFormat,
  type ToolRow,
  targetOf,
  textMember,
} from './rows.js'

/**
 * A test case of DeepEval 4 (`results_folder` of `DisplayConfig`, or `DEEPEVAL_RESULTS_FOLDER`). Test cases of the same content are
 * repeats. DeepEval fails a test case whose metric ended with an error; here it has no answer for that metric.
 */
export const deepEval: ToolFormat = {
  isRow: (row) => has(row, 'input') || has(row, 'turns'),
  others: 'conversations or test cases without metrics',
  headline: () => 'pass',
  toItem(row, place): ItemRow | undefined {
    const metrics = [member(row, 'metricsData') ?? []].flat().filter(isRecord)
    if (metrics.length === 0 || has(row, 'turns')) return undefined
    const name = textMember(row, 'name') ?? ''
    const expected = member(row, 'expectedOutput') ?? null
    const content = { input: member(row, 'input') ?? null, expected, context: member(row, 'context') ?? null }
    const failures = metrics.flatMap((metric) => {
      const error = member(metric, 'error')
      if (!isSet(error)) return []
      return [[nameOf(metric), isTimeout(String(error)) ? 'timeout' : 'error'] as const]
    })
    const scores = numbersIn([
      ...metrics.map((metric) => [nameOf(metric), member(metric, 'score')] as const),
      ...(failures.length === 0 ? [['pass', member(row, 'success')] as const] : []),
    ])
    const [first] = failures
    return {
      // Without a name of its own, a test case has a number that changes with the order.
      item: namedByContent(/^(test_case_\d+)?$/.test(name) ? 'test case' : name, content as Json, place),
      scores,
      expects: ['pass', ...metrics.map(nameOf)],
      outcome: 'ok',
      failures: new Map<string, ItemOutcome>([
        ...(first === undefined ? [] : [['pass', first[1]] as const]),
        ...failures,
      ]),
      target: targetOf(expected, place),
    }
  },
}

export const deepEvalRows = (document: ToolRow): readonly unknown[] =>
  ['testCases', 'conversationalTestCases'].flatMap((name) => member(document, name) ?? [])

const nameOf = (metric: ToolRow) => textMember(metric, 'name') ?? 'metric'
