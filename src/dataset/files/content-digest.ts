import type { Hash } from 'node:crypto'
import { type Digest, digestBytes, finishDigest, startDigest } from '../../core/index.js'

/**
 * The digest of a file's content. A text has the digest that it has with `\n` as line ending, because `core.autocrlf` may
 * change line endings in a checkout. What a text is, Git's rule tells: no NUL, no carriage return alone, and at most one
 * control character in 128 others (`convert_is_binary` in https://github.com/git/git/blob/master/convert.c). Every other
 * file has the SHA-256 of its bytes.
 */
export function contentDigest(bytes: Uint8Array): Digest {
  // Without a carriage return, the content is the same with `\n` as line ending.
  if (!bytes.includes(13) || bytes.includes(0)) return digestBytes(bytes)
  const digest = new ContentDigest()
  digest.update(bytes)
  return digest.digest()
}

/** The same for content in pieces. */
export class ContentDigest {
  readonly #bytes: Hash = startDigest()
  /** The content with `\n` as line ending. Absent: it is no text. */
  #text: Hash | undefined = startDigest()
  #printable = 0
  #controls = 0
  #pairs = 0
  /** Whether the last piece ended with a carriage return, which is not part of `#text` yet. */
  #pending = false
  #last = -1

  update(piece: Uint8Array): void {
    this.#bytes.update(piece)
    if (this.#text !== undefined) this.#readText(piece)
  }

  digest(): Digest {
    // Git does not count an end-of-file mark of DOS.
    if (this.#last === 26) this.#controls -= 1
    const isText = this.#text !== undefined && !this.#pending && this.#printable >> 7 >= this.#controls
    return finishDigest(isText && this.#pairs > 0 ? this.#text! : this.#bytes)
  }

  #readText(piece: Uint8Array): void {
    let [printable, controls, start, pending] = [0, 0, 0, this.#pending]
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at]!
      if (pending) {
        pending = false
        if (byte !== 10) {
          this.#text = undefined
          return
        }
        this.#pairs += 1
      } else if (byte === 13) {
        this.#text!.update(piece.subarray(start, at))
        start = at + 1
        pending = true
      } else if (byte === 0) {
        this.#text = undefined
        return
      } else if (byte === 127 || (byte < 32 && !(byte >= 8 && byte <= 12 && byte !== 11) && byte !== 27)) controls += 1
      else if (byte !== 10) printable += 1
    }
    this.#text!.update(piece.subarray(start))
    this.#pending = pending
    this.#printable += printable
    this.#controls += controls
    if (piece.length > 0) this.#last = piece[piece.length - 1]!
  }
}
