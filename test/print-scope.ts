import { isWhole } from './whole.js'

const printed = Symbol.for('sheikh-freemium.tests-scope')

/** A quick run says that it is one. Each project of vitest.config.ts calls this. */
export default function setup(): void {
  if (isWhole || printed in globalThis) return
  Object.assign(globalThis, { [printed]: true })
  process.stderr.write(
    'Crash points, faults, simulations and generated cases run as samples, and tests that a cheaper one repeats are skipped, and so are checks by the TypeScript compiler. To run all of them, as CI does: SHEIKH_TESTS=whole npm test\n',
  )
}
