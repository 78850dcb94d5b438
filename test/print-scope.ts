import { isWhole } from './whole.js'

/** A quick run says that it is one. */
export default function setup(): void {
  if (!isWhole)
    process.stderr.write(
      'Crash points, faults, simulations and generated cases run as samples. To run them as CI does: SHEIKH_TESTS=whole npm test\n',
    )
}
