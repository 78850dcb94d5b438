import { handle } from './meter.js'
import type { Value } from './values.js'

/** Names and values. An inner scope sees the outer ones, and sets its own. */
export class Scope {
  readonly #values = new Map<string, Value>()
  readonly #outer: Scope | undefined

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  get(name: string): Value | undefined {
    let depth = 0
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#outer) {
      depth += 1
      const value = scope.#values.get(name)
      if (value === undefined) continue
      handle(depth)
      return value
    }
    handle(depth)
    return undefined
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value)
  }
}
