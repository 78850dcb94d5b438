import { SheikhError } from '../../core/index.js'
import type { Ending } from './program.js'

/** What a program that ended badly is thrown as: `stage-failed`, with its exit code or signal and its last lines, redacted already. */
export function programFailed(
  doing: string,
  { exitCode, signal }: Ending,
  lastLines: readonly string[],
  hint = 'Correct the program',
): SheikhError {
  const how = signal === null ? `ended with exit code ${exitCode}` : `was killed by ${signal}`
  // Nobody else sends this one: on Linux it is what the kernel does where memory is used up.
  const remedy = signal === 'SIGKILL' ? 'Most likely memory ran out: give it more' : hint
  const said = lastLines.length === 0 ? 'It printed nothing.' : `Its last lines:\n${lastLines.join('\n')}`
  return new SheikhError('stage-failed', `${doing} failed: the program ${how}. ${remedy}. ${said}`, {
    facts: { exitCode, signal, lastLines },
  })
}
