// Counts the work of one rendering. Every function whose work grows with its arguments reports that work before it does it, so
// that no expression, however it is nested, runs or grows without end. Work is counted and not timed, so that every machine stops
// at the same place. Rendering is synchronous, so one meter runs at a time.
import { Fault } from './fault.js'

export interface Limits {
  /** Statements and expressions that are evaluated, and the work on their values: 1 step for 8 items, or for 64 characters of a text. */
  readonly steps: number
  /** UTF-16 code units of the text, and of every text on the way to it. */
  readonly characters: number
  /** Where the offset of each step is written, for a thread that watches this one. @default nowhere */
  readonly offset?: Int32Array | undefined
}

const unlimited: Limits = { steps: Number.POSITIVE_INFINITY, characters: Number.POSITIVE_INFINITY }

let limits = unlimited
let steps = 0
let characters = 0
let depth = 0

/** What the functions for texts know of the last texts that they saw. Forgotten after a rendering, so that each counts the same work. */
const nothing = () => ({ plain: '', part: '', borders: new Int32Array() })
export let remembered = nothing()

/**
 * Expressions, blocks and values inside of each other. A fixed number, because the depth at which a stack overflows differs
 * between threads. Python's own limit is reached at about the same depth.
 */
const maximumDepth = 500

/** Renders with limits. @returns the text, and the steps that it took. @throws Fault for work beyond the limits. */
export function metered(given: Limits, render: () => string): { readonly text: string; readonly steps: number } {
  const outer = { limits, steps, characters, depth }
  limits = given
  steps = 0
  characters = 0
  depth = 0
  try {
    return { text: render(), steps }
  } finally {
    ;({ limits, steps, characters, depth } = outer)
    remembered = nothing()
  }
}

function spend(count: number): void {
  steps += count
  if (steps > limits.steps) throw new Fault(`rendering takes more than ${limits.steps} steps`)
}

/** One statement or expression, at an offset of the template. */
export function step(at: number): void {
  if (limits.offset !== undefined) limits.offset[0] = at
  spend(1)
}

/** Work on each of some items, or on each character. */
export const handle = (count: number): void => spend(count / 8)

/** Work on a text as a whole, such as to copy it. */
export const scan = (length: number): void => spend(length / 64)

/** Work that takes as long as so many steps. */
export const toil = (count: number): void => spend(count)

/** Work inside of other work. */
export function nested<T>(work: () => T): T {
  enter()
  const result = work()
  leave()
  return result
}

/** As `nested`, for work that cannot be wrapped. An error ends the rendering, so that it need not leave. */
export function enter(): void {
  depth += 1
  if (depth > maximumDepth) throw new Fault('it is nested too deeply')
}

export function leave(): void {
  depth -= 1
}

const tooLong = () => new Fault(`it makes more than ${limits.characters} characters`)

/** Checks the length of a text before it is made. */
export function fits(length: number): void {
  if (length > limits.characters) throw tooLong()
}

/** Counts what was made: the characters of a text, or the items of a list. */
export function made(length: number): void {
  characters += length
  // A text inside of blocks and calls is counted at each level; ten levels are more than templates have.
  if (characters > 10 * limits.characters) throw tooLong()
}

/** As `Array.join`, if the result is not too long. */
export function joined(parts: readonly string[], separator: string): string {
  handle(parts.length)
  let length = separator.length * Math.max(0, parts.length - 1)
  for (const part of parts) length += part.length
  fits(length)
  scan(length)
  return parts.join(separator)
}
