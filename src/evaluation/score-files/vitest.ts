import {
  has,
  type ItemRow,
  isRecord,
  isTimeout,
  member,
  numbersIn,
  type ToolFormat,
  type ToolRow,
  textMember,
} from './rows.js'

/**
 * A test of Vitest 4 (`--reporter=json`), also with the scores of vitest-evals 0.16 in `meta.eval`. Only a failed
 * assertion is a wrong answer. Any other error is an error of the test.
 */
export const vitest: ToolFormat = {
  isRow: (row) => has(row, 'status', 'fullName'),
  others: 'skipped tests',
  headline(items) {
    const answered = items.filter(({ outcome }) => outcome === 'ok')
    const scored = answered.filter(({ scores }) => Object.hasOwn(scores, 'avgScore'))
    if (scored.length === 0) return 'pass'
    return scored.length === answered.length ? 'avgScore' : undefined
  },
  toItem(row): ItemRow | undefined {
    const status = member(row, 'status')
    if (status !== 'passed' && status !== 'failed') return undefined
    const evaluation = member(member(row, 'meta'), 'eval')
    const judges = member(evaluation, 'scores')
    const scores = {
      ...numbersIn(
        (Array.isArray(judges) ? judges : []).map((judge) => [textMember(judge, 'name') ?? '', member(judge, 'score')]),
      ),
      ...numbersIn([
        ['avgScore', member(evaluation, 'avgScore')],
        ['pass', status === 'passed'],
      ]),
    }
    return {
      item: `${textMember(row, 'file') ?? ''} > ${textMember(row, 'fullName') ?? textMember(row, 'title') ?? ''}`,
      scores,
      expects: status === 'failed' ? ['pass', 'avgScore'] : ['pass'],
      outcome: status === 'failed' ? outcomeOf(member(row, 'failureMessages'), scores) : 'ok',
    }
  },
}

function outcomeOf(messages: unknown, scores: Readonly<Record<string, number>>) {
  const texts = Array.isArray(messages) ? messages.filter((message) => typeof message === 'string') : []
  // The JSON reporter prints the stack of a timed-out test, whose message Vitest 4 leaves at this constant.
  if (texts.some((text) => text.startsWith('Error: STACK_TRACE_ERROR') || isTimeout(text.split('\n')[0]!)))
    return 'timeout'
  // A judge has scored the answer, so there was one.
  const isLoss = (text: string) =>
    /^\w*AssertionError\b|^Error: (?:Snapshot .* mismatched|Expect test to fail)/.test(text)
  return Object.hasOwn(scores, 'avgScore') || texts.some(isLoss) ? 'ok' : 'error'
}

/** The tests of a document, with the path of their file below the folder that all files share. */
export function vitestRows(document: ToolRow): { readonly rows: readonly ToolRow[]; readonly notRun: number } {
  const files = (member(document, 'testResults') as readonly unknown[]).filter(isRecord)
  const paths = files.map((file) => (textMember(file, 'name') ?? '').replaceAll('\\', '/').split('/'))
  let shared = 0
  while (paths.every((path) => shared < path.length - 1 && path[shared] === paths[0]![shared])) {
    if (paths.length === 0) break
    shared += 1
  }
  const tests = files.map((file) => {
    const results = member(file, 'assertionResults')
    return Array.isArray(results) ? results.filter(isRecord) : []
  })
  return {
    rows: tests.flatMap((results, index) =>
      results.map((test) => ({ ...test, file: paths[index]!.slice(shared).join('/') })),
    ),
    notRun: files.filter((file, index) => tests[index]!.length === 0 && member(file, 'status') === 'failed').length,
  }
}
