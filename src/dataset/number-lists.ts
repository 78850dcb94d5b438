/** Numbers per chunk. */
const chunkLength = 2 ** 20

/** Lists of numbers in a few large arrays: a list takes 12 bytes beside its numbers. A list must not be longer than a chunk. */
export class NumberLists<A extends Uint16Array | Uint32Array> {
  readonly #arrayOf: (length: number) => A
  readonly #chunks: A[] = []
  /** Where each list starts: chunk after chunk, as if they were one array. */
  readonly #starts = new NumberColumn((length) => new Float64Array(length))
  readonly #lengths = new NumberColumn()
  #end = 0

  /** @param arrayOf makes an array of zeros. */
  constructor(arrayOf: (length: number) => A) {
    this.#arrayOf = arrayOf
  }

  get size(): number {
    return this.#starts.size
  }

  /** Adds a copy. @returns its index. */
  add(list: A): number {
    if (this.#end + list.length > this.#chunks.length * chunkLength) {
      this.#end = this.#chunks.length * chunkLength
      this.#chunks.push(this.#arrayOf(chunkLength))
    }
    this.#chunks.at(-1)?.set(list, this.#end % chunkLength)
    this.#starts.add(this.#end)
    this.#lengths.add(list.length)
    this.#end += list.length
    return this.#starts.size - 1
  }

  /** A view, with no copy. */
  at(index: number): A {
    const start = this.#starts.at(index)
    const from = start % chunkLength
    // An empty list may start where no chunk is.
    const chunk = this.#chunks[Math.floor(start / chunkLength)] ?? this.#arrayOf(0)
    return chunk.subarray(from, from + this.#lengths.at(index)) as A
  }

  lengthOf(index: number): number {
    return this.#lengths.at(index)
  }
}

/** Numbers one after the other: from 0 to 2³² − 1 in four bytes each, or those of another array. */
export class NumberColumn {
  readonly #arrayOf: (length: number) => Uint32Array | Float64Array
  #numbers: Uint32Array | Float64Array
  #size = 0

  constructor(arrayOf: (length: number) => Uint32Array | Float64Array = (length) => new Uint32Array(length)) {
    this.#arrayOf = arrayOf
    this.#numbers = arrayOf(1024)
  }

  get size(): number {
    return this.#size
  }

  add(value: number): void {
    if (this.#size === this.#numbers.length) {
      const larger = this.#arrayOf(2 * this.#size)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers[this.#size] = value
    this.#size += 1
  }

  at(index: number): number {
    return this.#numbers[index]!
  }

  set(index: number, value: number): void {
    this.#numbers[index] = value
  }
}
