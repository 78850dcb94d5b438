import { type ErrorCode, isSheikhError, SheikhError } from '../../core/index.js'

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

/** An error of `lfsFailed` for another file with the same content, or of the same request. */
export function atPath(error: unknown, path: string): unknown {
  if (!isSheikhError(error)) return error
  const { code, message, facts, retryable, cause } = error
  const [before, problem] = [facts['path'], facts['problem']]
  if (typeof before !== 'string' || typeof problem !== 'string' || before === path) return error
  const start = `Cannot fetch the file ${JSON.stringify(before)}`
  if (!message.startsWith(start)) return error
  return new SheikhError(code, `Cannot fetch the file ${JSON.stringify(path)}${message.slice(start.length)}`, {
    facts: { ...facts, path },
    retryable,
    ...(cause !== undefined && { cause }),
  })
}
