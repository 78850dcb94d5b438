import { env, stderr } from 'node:process'
import { isSheikhError, SheikhError } from '../core/index.js'
import type { ScoreFile } from '../evaluation/index.js'
import { reportComparison } from '../report/run/index.js'
import type { BaselineCompareOptions, BaselineComparison, ScoredItem } from '../repository/index.js'

const variable = 'SHEIKH_ACCEPT_BASELINE'

export interface BaselineTestOptions extends BaselineCompareOptions {
  /** A folder of the project. The baseline is at the top of its Git work tree. @default the working directory */
  readonly directory?: string | undefined
  /** Whether an inconclusive comparison fails. If it does not, its report goes to `log`, or to standard error. @default false */
  readonly failWhenInconclusive?: boolean | undefined
  /** Makes the scores the baseline instead of comparing them. @default whether `SHEIKH_ACCEPT_BASELINE` is 1 */
  readonly accept?: boolean | undefined
}

/** The result of a comparison in a test, for `expect(result).toPass()`. */
export interface BaselineTestResult {
  readonly status: 'pass' | 'fail' | 'inconclusive' | 'accepted' | 'no-baseline'
  /** Whether `toPass` accepts it. */
  readonly passes: boolean
  /** The report of the comparison, or how to accept a baseline. */
  readonly message: string
  /** Absent if nothing was compared. */
  readonly comparison?: BaselineComparison | undefined
}

/**
 * Compares the scores of a test run with a baseline that was accepted earlier, in `.sheikh-gate/<name>.jsonl`. A
 * proven regression fails. Without a baseline the test fails too, and the message says how to accept one: run the
 * tests with `SHEIKH_ACCEPT_BASELINE=1` and commit the file. Snapshot updates (`vitest -u`) do not accept a baseline,
 * so that updating unrelated snapshots never accepts a worse model.
 *
 * @throws as `compareScores` of `sheikh-freemium/repository`, except for a missing baseline.
 *
 * @example
 * expect.extend(baselineMatchers)
 * expect(await compareWithBaseline(scores, { name: 'support-bot', margin: 0.03 })).toPass()
 */
export async function compareWithBaseline(
  scores: ScoreFile | readonly ScoredItem[],
  options: BaselineTestOptions = {},
): Promise<BaselineTestResult> {
  const { directory = '.', failWhenInconclusive = false, accept = env[variable] === '1', ...compare } = options
  const warn = (text: string) => (compare.log === undefined ? stderr.write(`${text}\n`) : compare.log.warn(text))
  const repository = await import('../repository/index.js')
  if (accept) {
    const { name, path } = await repository.acceptBaseline(directory, scores, compare)
    const message = `Accepted the scores as the baseline "${name}". Commit the file: ${path}`
    warn(message)
    return { status: 'accepted', passes: true, message }
  }
  try {
    const comparison = await repository.compareScores(directory, scores, compare)
    const { status } = comparison.verdict
    const message = `${reportComparison(comparison.verdict)}\n\n${comparison.baseline.description}`
    const passes = status === 'pass' || (status === 'inconclusive' && !failWhenInconclusive)
    if (passes && status === 'inconclusive') warn(message)
    return { status, passes, message, comparison }
  } catch (error) {
    if (!isSheikhError(error, 'not-found')) throw error
    const message = `${error.message}\nOr run the tests once with ${variable}=1 and commit the file.`
    return { status: 'no-baseline', passes: false, message }
  }
}

/** Matchers for `expect.extend` of Vitest and Jest. */
export const baselineMatchers = {
  /** Passes if the comparison found no regression. */
  toPass(received: unknown): { readonly pass: boolean; readonly message: () => string } {
    const { passes, message } = (received ?? {}) as Partial<BaselineTestResult>
    if (typeof passes !== 'boolean' || typeof message !== 'string')
      throw new SheikhError(
        'invalid-options',
        'Cannot check the comparison: the value is not a result of compareWithBaseline. Write: expect(await compareWithBaseline(scores)).toPass()',
      )
    return { pass: passes, message: () => message }
  },
}

/** The types of `baselineMatchers`, to declare them to Vitest: `interface Matchers extends BaselineMatchers {}`. */
export interface BaselineMatchers {
  /** Passes if the comparison found no regression. */
  toPass(): void
}
