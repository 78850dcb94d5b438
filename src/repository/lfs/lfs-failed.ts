import { type ErrorCode, SheikhError } from '../../core/index.js'

export interface Failure {
  /** What happened, to follow a comma or a colon. */
  readonly fact: string
  /** A sentence's content, with a small letter and no full stop. */
  readonly remedy: string
  readonly retryable?: boolean | undefined
  readonly cause?: unknown
}

export const pullHint = 'to fetch the file, run: git lfs pull'

/** The error of a file that cannot be fetched. `facts.problem` continues "it is a Git LFS pointer, and". */
export function lfsFailed(
  code: ErrorCode,
  path: string,
  { fact, remedy, retryable = false, cause }: Failure,
): SheikhError {
  const problem = `${fact}; ${remedy}`
  return new SheikhError(
    code,
    `Cannot fetch the file ${JSON.stringify(path)} from Git LFS: ${fact}. ${remedy[0]!.toUpperCase()}${remedy.slice(1)}.`,
    { facts: { path, problem }, retryable, ...(cause !== undefined && { cause }) },
  )
}
