import { SheikhError } from '../core/index.js'

/** Limits for templates, which may come from a pull request of a stranger. */
export interface RenderLimits {
  /**
   * Work for one sample: each evaluated statement or expression is a step, and so is work on 8 items or 64 characters. A million steps
   * take about a second or less. Counted and not timed, so that every machine stops at the same place. @default 1,000,000
   */
  readonly steps: number
  /** UTF-16 code units of the text of one sample, and of every text on the way to it. @default 10,000,000 */
  readonly characters: number
  /** UTF-16 code units of the texts of all samples together. @default 4,000,000,000 */
  readonly totalCharacters: number
  /**
   * Seconds for one sample in a thread. A thread that takes longer is ended. Needed only if `steps` is raised. @default 60
   */
  readonly seconds: number
}

export const defaultRenderLimits: RenderLimits = {
  steps: 1_000_000,
  characters: 10_000_000,
  totalCharacters: 4_000_000_000,
  seconds: 60,
}

/** Largest values that make sense: a text has at most 2^29 − 24 code units in V8. */
const largest: RenderLimits = { steps: 1e12, characters: 500_000_000, totalCharacters: 1e15, seconds: 86_400 }

/** @throws `invalid-options` for a limit that is out of range. */
export function renderLimits(given: Partial<RenderLimits>): RenderLimits {
  const limits = { ...defaultRenderLimits, ...given }
  for (const name of Object.keys(largest) as (keyof RenderLimits)[]) {
    const value = limits[name]
    const isWhole = name === 'seconds' || Number.isSafeInteger(value)
    if (!(isWhole && value > 0 && value <= largest[name]))
      throw new SheikhError(
        'invalid-options',
        `Cannot render with the limit ${name}: ${value} is not ${name === 'seconds' ? 'a number' : 'an integer'} between 0 and ${largest[name]}. Give one such as ${defaultRenderLimits[name]}.`,
      )
  }
  return limits
}
