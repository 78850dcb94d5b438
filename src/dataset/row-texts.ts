/** Text that repeats is kept once, up to this many texts. */
const mostKnownTexts = 65_536
/** The number of an absent text. */
export const absent = 0xffffffff

/** Many texts in few bytes. */
export interface PackedTexts {
  readonly bytes: Buffer
  readonly encoding: 'latin1' | 'utf16le'
  /** Where each text ends in the bytes. */
  readonly ends: Uint32Array
}

export function packTexts(texts: readonly string[]): PackedTexts {
  const all = texts.join('')
  const encoding = /[^\0-\u00ff]/.test(all) ? 'utf16le' : 'latin1'
  let end = 0
  const ends = Uint32Array.from(texts, ({ length }) => {
    end += encoding === 'latin1' ? length : 2 * length
    return end
  })
  return { bytes: Buffer.from(all, encoding), encoding, ends }
}

// A part of a longer text keeps all of it in memory.
const ownText = (text: string) => (text.length < 13 ? text : Buffer.from(text, 'utf16le').toString('utf16le'))

/** Numbers texts. Equal texts have one number while there are few. */
export class Texts {
  readonly #texts: string[] = []
  readonly #numbers = new Map<string, number>()
  readonly #areParts: boolean

  /** @param areParts whether texts may be parts of longer texts, which they would keep in memory. @default true */
  constructor({ areParts = true } = {}) {
    this.#areParts = areParts
  }

  add(text: string | undefined): number {
    if (text === undefined) return absent
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const own = this.#areParts ? ownText(text) : text
    this.#texts.push(own)
    const number = this.#texts.length - 1
    if (this.#numbers.size < mostKnownTexts) this.#numbers.set(own, number)
    return number
  }

  /** All texts by their numbers. */
  get all(): readonly string[] {
    return this.#texts
  }

  at(number: number): string | undefined {
    return number === absent ? undefined : this.#texts[number]
  }
}

/** Adds a text of other texts. @param known the new numbers by those of the other texts. */
export function renumber(known: number[], number: number, texts: Texts, other: Texts): number {
  if (number === absent) return absent
  const added = texts.add(other.at(number))
  known[number] = added
  return added
}
