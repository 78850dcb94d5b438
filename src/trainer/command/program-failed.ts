import { SheikhError } from '../../core/index.js'
import type { Ending } from './program.js'

/**
 * The error for a failed program: `stage-failed`, with its exit code or signal and its last lines, which are already
 * redacted.
 */
export function programFailed(
  doing: string,
  { exitCode, signal }: Ending,
  lastLines: readonly string[],
  hint = 'Correct the program',
): SheikhError {
  const how = signal === null ? `ended with exit code ${exitCode}` : `was killed by ${signal}`
  // On Linux, the kernel sends SIGKILL when memory runs out.
  const remedy = signal === 'SIGKILL' ? 'Most likely memory ran out. Provide more memory' : hint
  const said = lastLines.length === 0 ? 'It printed nothing.' : `Its last lines:\n${lastLines.join('\n')}`
  return new SheikhError('stage-failed', `${doing} failed: the program ${how}. ${remedy}. ${said}`, {
    facts: { exitCode, signal, lastLines },
  })
}
