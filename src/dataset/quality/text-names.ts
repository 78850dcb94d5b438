/** Bytes of the name of a text. */
export const nameBytes = 16
const nameWords = nameBytes / 4

/** Names of texts by number, 16 bytes each. */
export class NameColumn {
  #words: Uint32Array

  /** @param size number of names. It may grow. */
  constructor(size: number) {
    this.#words = new Uint32Array(nameWords * size)
  }

  /** @param name 16 characters, each of one byte. */
  set(index: number, name: string): void {
    if (nameWords * index >= this.#words.length) {
      const larger = new Uint32Array(Math.max(2 * this.#words.length, nameWords * (index + 1)))
      larger.set(this.#words)
      this.#words = larger
    }
    for (let word = 0; word < nameWords; word += 1) this.#words[nameWords * index + word] = wordOf(name, word)
  }

  isEqual(one: number, other: number): boolean {
    for (let word = 0; word < nameWords; word += 1)
      if (this.#words[nameWords * one + word] !== this.#words[nameWords * other + word]) return false
    return true
  }

  has(index: number, name: string): boolean {
    for (let word = 0; word < nameWords; word += 1)
      if (this.#words[nameWords * index + word] !== wordOf(name, word)) return false
    return true
  }

  /** The first bytes of a name, which are as good as random. */
  hash(index: number): number {
    return this.#words[nameWords * index]!
  }
}

/** Numbers names in the order in which they come: a hash table with linear probing. A name takes 16 bytes and its slots. */
export class NameNumbers {
  readonly #names = new NameColumn(256)
  /** The number of a name plus one; 0 for none. */
  #slots = new Uint32Array(1024)
  #size = 0

  /** The number of a name. @returns whether the name is new. */
  add(name: string): { readonly number: number; readonly isNew: boolean } {
    const mask = this.#slots.length - 1
    let slot = wordOf(name, 0) & mask
    for (let kept = this.#slots[slot]!; kept !== 0; kept = this.#slots[slot]!) {
      if (this.#names.has(kept - 1, name)) return { number: kept - 1, isNew: false }
      slot = (slot + 1) & mask
    }
    const number = this.#size
    this.#names.set(number, name)
    this.#slots[slot] = number + 1
    this.#size += 1
    if (2 * this.#size > this.#slots.length) this.#grow()
    return { number, isNew: true }
  }

  #grow(): void {
    const slots = new Uint32Array(2 * this.#slots.length)
    const mask = slots.length - 1
    for (let number = 0; number < this.#size; number += 1) {
      let slot = this.#names.hash(number) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = number + 1
    }
    this.#slots = slots
  }
}

const wordOf = (name: string, word: number): number =>
  (name.charCodeAt(4 * word) |
    (name.charCodeAt(4 * word + 1) << 8) |
    (name.charCodeAt(4 * word + 2) << 16) |
    (name.charCodeAt(4 * word + 3) << 24)) >>>
  0
