import type { Random } from '../../src/core/index.js'

/** A reader of what others wrote. */
export interface Target {
  /** Valid inputs, of which mutated ones are made. */
  readonly seeds: () => Promise<readonly Buffer[]>
  readonly mutate: (random: Random, seed: Buffer) => Buffer
  /** Reads, and checks what it was given. @returns whether it was refused as documented. @throws for anything else. */
  readonly read: (input: Buffer) => Promise<'read' | 'refused'>
}

export function check(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`What was read breaks a promise: ${promise}.`)
}
