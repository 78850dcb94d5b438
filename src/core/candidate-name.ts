/** The name of a candidate among several of one run. */
export const candidateName = /^[a-z][a-z0-9-]{0,39}$/
/** The name of the candidate that the trainer of a run makes, if there are others. */
export const mainCandidate = 'trainer'
/** The level of each test is divided by the number: with a hundred candidates, few evaluation sets let one pass. */
export const mostCandidates = 100
