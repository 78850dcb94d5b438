import { isSheikhError, messageOf, SheikhError } from '../core/index.js'

/** An error of host code. @param candidate of a run with several. */
export const stageFailed = (stage: string, candidate: string | undefined, error: unknown): SheikhError =>
  new SheikhError(
    'stage-failed',
    `The stage "${stage}"${candidate === undefined ? '' : ` of the candidate "${candidate}"`} failed: ${messageOf(error)}.`,
    { facts: { stage, ...(candidate !== undefined && { candidate }) }, cause: error },
  )

/** The same error, which names the candidate that it is about, unless it does so already. */
export function ofCandidate(error: SheikhError, candidate: string | undefined): SheikhError {
  const { code, message, facts, retryable } = error
  if (candidate === undefined || facts['candidate'] !== undefined) return error
  return new SheikhError(code, `Candidate "${candidate}": ${message}`, {
    ...{ facts: { ...facts, candidate }, retryable, cause: error },
  })
}

/** An error of one of several trainings at once, which the stages of the others report too. */
export const ofTraining = (error: unknown, candidate: string): SheikhError =>
  isSheikhError(error) ? ofCandidate(error, candidate) : stageFailed('train', candidate, error)
