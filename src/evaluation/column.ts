import { SheikhError } from '../core/index.js'

/** One value per item: an array, or a compact structure with the same interface. */
export interface Column<T> extends Iterable<T> {
  readonly length: number
  at(index: number): T | undefined
}

/** Base of the compact columns. Each reads like an array, and is an array in JSON. */
export abstract class CompactColumn<T> implements Column<T> {
  abstract readonly length: number
  abstract at(index: number): T | undefined

  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index)!
  }

  toJSON(): readonly T[] {
    return [...this]
  }
}

/** Numbers in eight bytes each. NaN represents `null`. */
export class NumberColumn extends CompactColumn<number | null> {
  readonly values: Float64Array

  constructor(values: Float64Array) {
    super()
    this.values = values
  }

  get length(): number {
    return this.values.length
  }

  at(index: number): number | null | undefined {
    const value = this.values[index]
    return Number.isNaN(value) ? null : value
  }
}

/** Indices into a list of names: one byte each if that is enough. */
export type Codes = Uint8Array | Uint32Array

/** A column with few distinct values: indices into a list of them. */
export class DictionaryColumn<T> extends CompactColumn<T> {
  readonly codes: Codes
  readonly names: Column<T>

  constructor(codes: Codes, names: Column<T>) {
    super()
    this.codes = codes
    this.names = names
  }

  get length(): number {
    return this.codes.length
  }

  at(index: number): T | undefined {
    const code = this.codes[index]
    return code === undefined ? undefined : this.names.at(code)
  }
}

/** Texts in UTF-8, concatenated. */
export class TextColumn extends CompactColumn<string> {
  readonly bytes: Uint8Array
  /** End offset of each text. */
  readonly ends: Uint32Array
  readonly #text: Buffer

  constructor(bytes: Uint8Array, ends: Uint32Array) {
    super()
    this.bytes = bytes
    this.ends = ends
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get length(): number {
    return this.ends.length
  }

  at(index: number): string | undefined {
    if (index < 0 || index >= this.ends.length) return undefined
    return this.#text.toString('utf8', index === 0 ? 0 : this.ends[index - 1], this.ends[index])
  }
}

/** Whether two columns have equal values. Compares bytes if possible. */
export function sameColumn<T>(one: Column<T>, other: Column<T>): boolean {
  if (one === other) return true
  if (one.length !== other.length) return false
  if (one instanceof TextColumn && other instanceof TextColumn)
    return Buffer.compare(one.bytes, other.bytes) === 0 && one.ends.every((end, index) => end === other.ends[index])
  for (let index = 0; index < one.length; index += 1) if (one.at(index) !== other.at(index)) return false
  return true
}

/** Encodes a column of names as numbers. Numbers are equal exactly if the names are. */
export function codesOf<T>(column: Column<T>): DictionaryColumn<T> {
  if (column instanceof DictionaryColumn) return column
  const builder = new DictionaryBuilder<T>()
  for (const name of column) builder.push(name)
  return builder.finish()
}

/** The numbers of a column, NaN for `null`. */
export function numbersOf(column: Column<number | null>): Float64Array {
  if (column instanceof NumberColumn) return column.values
  return Float64Array.from(column, (value) => value ?? Number.NaN)
}

type Numbers = Float64Array | Uint32Array | Uint8Array

/** An array of numbers that grows by doubling. With the final length from the start it takes a third of the memory. */
export class GrowingArray<A extends Numbers> {
  #values: A
  length: number

  /**
   * @param values the room for the first values.
   * @param length how many of the values are used.
   */
  constructor(values: A, length = 0) {
    this.#values = values
    this.length = length
  }

  push(value: number): void {
    this.#reserve(1)
    this.#values[this.length] = value
    this.length += 1
  }

  append(values: ArrayLike<number>): void {
    this.#reserve(values.length)
    this.#values.set(values, this.length)
    this.length += values.length
  }

  /** Returns the pushed values. */
  take(): A {
    // A full array is not copied: the next push copies it.
    return this.length === this.#values.length ? this.#values : (this.#values.slice(0, this.length) as A)
  }

  #reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.#values.length) return
    const Constructor = this.#values.constructor as new (length: number) => A
    const grown = new Constructor(Math.max(1024, needed, 2 * this.#values.length))
    grown.set(this.#values)
    this.#values = grown
  }
}

/** Builds a column of texts, one by one. */
export class TextColumnBuilder {
  readonly #bytes = new GrowingArray(new Uint8Array(0))
  readonly #ends: GrowingArray<Uint32Array>

  /** @param size the expected number of texts. */
  constructor(size = 0) {
    this.#ends = new GrowingArray(new Uint32Array(size))
  }

  push(text: string): void {
    this.#bytes.append(Buffer.from(text))
    if (this.#bytes.length > 0xffffffff)
      throw new SheikhError(
        'evaluation-invalid',
        'Cannot keep the evaluation: a column of text has more than 4 GiB. Use shorter texts or fewer items.',
      )
    this.#ends.push(this.#bytes.length)
  }

  finish(): TextColumn {
    return new TextColumn(this.#bytes.take(), this.#ends.take())
  }
}

/** Builds a column of names, one by one. Keeps each distinct name once. */
export class DictionaryBuilder<T> {
  #codes: GrowingArray<Uint8Array> | GrowingArray<Uint32Array>
  readonly #known = new Map<T, number>()
  readonly #size: number

  /** @param size the expected number of items. */
  constructor(size = 0) {
    this.#size = size
    this.#codes = new GrowingArray(new Uint8Array(size))
  }

  get length(): number {
    return this.#codes.length
  }

  push(name: T): void {
    let code = this.#known.get(name)
    if (code === undefined) {
      code = this.#known.size
      this.#known.set(name, code)
      if (code === 256) {
        const { length } = this.#codes
        const wide = new Uint32Array(Math.max(this.#size, length))
        wide.set(this.#codes.take())
        this.#codes = new GrowingArray(wide, length)
      }
    }
    this.#codes.push(code)
  }

  finish(): DictionaryColumn<T> {
    return new DictionaryColumn(this.#codes.take(), [...this.#known.keys()])
  }
}
