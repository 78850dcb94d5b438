import { SheikhError } from '../../core/index.js'
import type { Executor } from '../executor.js'

/** How work on many rows is divided among workers. */
export interface ShardOptions {
  /** Its workers have the kind of the jobs, and the same store. The caller closes it. */
  readonly executor: Executor
  /** Number of rows per job, rounded up. Does not affect the result. @default 4096 */
  readonly rowsPerShard?: number | undefined
  /** Number of jobs at once, whose rows are in memory. More than there are workers keeps all of them busy. @default 16 */
  readonly parallel?: number | undefined
}

/** @param purpose as in "Cannot <purpose>". @throws `invalid-options`. */
export function checkShardOptions(
  purpose: string,
  { rowsPerShard = 1, parallel = 1 }: Omit<ShardOptions, 'executor'>,
): void {
  for (const [name, value] of Object.entries({ rowsPerShard, parallel }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new SheikhError(
        'invalid-options',
        `Cannot ${purpose}: "${name}" is ${value}, which is not an integer of at least 1. Correct it.`,
      )
}
