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
  textMember,
} from './rows.js'

/** The value of `failureReason` if the provider or the grader failed: `ResultFailureReason.ERROR` of promptfoo. */
const failedWithError = 2

/**
 * A result of promptfoo 0.121 (`results.results[]` of `-o out.json`, a line of `-o out.jsonl`). With `--repeat`, each
 * repeat has its own `testIdx`, so that items are recognised by their variables and assertions instead.
 */
export const promptfoo: ToolFormat = {
  isRow: (row) => has(row, 'testIdx', 'promptIdx', 'success', 'score'),
  systems: 'provider and prompt',
  others: 'results without assertions',
  headline: () => 'pass',
  toItem(row, place): ItemRow | undefined {
    const test = member(row, 'testCase')
    const assertions = member(test, 'assert')
    const content = {
      vars: member(test, 'vars') ?? member(row, 'vars') ?? null,
      assert: assertions ?? null,
      description: member(test, 'description') ?? null,
    }
    const item = namedByContent(textMember(test, 'description') ?? 'test', content as Json, place)
    const common = { item, system: systemOf(row) }
    const error = textMember(row, 'error') ?? ''
    const graded = member(row, 'gradingResult')
    if (
      member(row, 'failureReason') === failedWithError ||
      (!isRecord(graded) && (error !== '' || member(row, 'success') === false))
    )
      return {
        ...common,
        scores: {},
        expects: ['pass', 'score', ...metricsOf(assertions)],
        outcome: isTimeout(error) ? 'timeout' : 'error',
      }
    // Without assertions, promptfoo passes every answer: nothing was measured.
    const results = member(graded, 'componentResults')
    if (!Array.isArray(results) || results.length === 0) return undefined
    const named = member(row, 'namedScores')
    return {
      ...common,
      scores: {
        ...numbersIn(Object.entries(isRecord(named) ? named : {})),
        ...numbersIn([
          ['pass', member(row, 'success')],
          ['score', member(row, 'score')],
        ]),
      },
      expects: ['pass', 'score', ...metricsOf(assertions)],
      outcome: 'ok',
    }
  },
}

function systemOf(row: unknown): string {
  const provider = member(row, 'provider')
  const name =
    typeof provider === 'string' ? provider : (textMember(provider, 'label') ?? textMember(provider, 'id') ?? 'unknown')
  return `${name} × ${textMember(member(row, 'prompt'), 'label') ?? `prompt ${String(member(row, 'promptIdx'))}`}`
}

const metricsOf = (assertions: unknown): readonly string[] =>
  Array.isArray(assertions)
    ? assertions.flatMap((assertion) => [
        ...[textMember(assertion, 'metric') ?? []].flat(),
        ...metricsOf(member(assertion, 'assert')), // an assert-set
      ])
    : []
