import { it } from 'vitest'
import { isWhole } from './whole.js'

/**
 * A test of a promise that a cheaper test shows too, without the process, the remote or the second device that this one
 * needs. It runs with SHEIKH_TESTS=whole, as in CI. `npm test` skips it, and `print-scope.ts` says so.
 */
export const itInFull = it.runIf(isWhole)
