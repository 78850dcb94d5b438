import { codesOf, type Evaluation } from '../evaluation/index.js'

export interface Slice {
  /** `category=spam-1`. */
  readonly slice: string
  /** `spam-1`. */
  readonly value: string
  /** Indices of its items. */
  readonly items: Uint32Array
}

/** Every slice of an evaluation: kind by kind, sorted by name. */
export function* slicesOf({ slices }: Evaluation): Generator<Slice> {
  for (const [kind, column] of Object.entries(slices)) {
    const { codes, names } = codesOf(column)
    const sizes = new Uint32Array(names.length)
    for (const code of codes) sizes[code]! += 1
    const items = Array.from(sizes, (size) => new Uint32Array(size))
    const filled = new Uint32Array(names.length)
    for (const [index, code] of codes.entries()) {
      items[code]![filled[code]!] = index
      filled[code]! += 1
    }
    const named = [...names].flatMap((name, code) => (name === null ? [] : [{ name, code }]))
    for (const { name, code } of named.sort((one, other) => (one.name < other.name ? -1 : 1)))
      if (sizes[code]! > 0) yield { slice: `${kind}=${name}`, value: name, items: items[code]! }
  }
}
