import type { Finding } from './finding.js'

/** Describes a finding about a candidate that is not trained yet, as a sentence. */
export const foreseenText = ({ check, status, reason }: Finding): string =>
  `${check} ${status === 'fail' ? 'will fail' : `will be ${status}`} for the next candidate: ${reason}.`
