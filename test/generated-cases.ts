import fc from 'fast-check'
import { rounds } from './whole.js'

/** For properties that name no number of cases. fast-check's own default is 100. */
fc.configureGlobal({ numRuns: rounds(100) })
