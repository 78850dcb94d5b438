import { Fault } from './fault.js'
import { type Given, isNumber, typeName, type Value } from './values.js'

/** Reads the arguments of one call, in the order of the function's parameters. */
export class GivenArguments {
  readonly #given: Given
  readonly #function: string
  readonly #used = new Set<string>()
  #next = 0

  constructor(name: string, given: Given) {
    this.#function = name
    this.#given = given
  }

  optional(name: string): Value | undefined {
    const { positional, named } = this.#given
    this.#next += 1
    if (this.#next <= positional.length) return positional[this.#next - 1]
    this.#used.add(name)
    return named.get(name)
  }

  required(name: string): Value {
    const value = this.optional(name)
    if (value === undefined) throw new Fault(`${this.#function} needs the argument "${name}"`)
    return value
  }

  text(name: string): string {
    const value = this.required(name)
    if (typeof value !== 'string') throw this.#wrong(name, 'text', value)
    return value
  }

  /** `none` counts as absent. */
  optionalText(name: string): string | undefined {
    const value = this.optional(name) ?? undefined
    if (value !== undefined && typeof value !== 'string') throw this.#wrong(name, 'text', value)
    return value
  }

  integer(name: string, fallback: number): number {
    const value = this.optional(name) ?? undefined
    if (value === undefined) return fallback
    if (!isNumber(value) || typeof value === 'number') throw this.#wrong(name, 'a whole number', value)
    return Number(value)
  }

  /** @throws Fault for arguments that no parameter took. */
  end(): void {
    const { positional, named } = this.#given
    if (positional.length > this.#next)
      throw new Fault(`${this.#function} takes ${this.#next} arguments, and ${positional.length} are given`)
    for (const name of named.keys())
      if (!this.#used.has(name)) throw new Fault(`${this.#function} has no argument "${name}" that is free`)
  }

  #wrong(name: string, wanted: string, value: Value): Fault {
    return new Fault(`the argument "${name}" of ${this.#function} must be ${wanted}, not ${typeName(value)}`)
  }
}
