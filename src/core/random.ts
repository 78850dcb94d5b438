import { createHash } from 'node:crypto'

/** A seeded random number generator. The same seed gives the same numbers on every machine. */
export interface Random {
  /** An integer in 0..2³²−1. */
  uint32(): number
  /** A number in [0, 1) with 53 random bits. */
  uniform(): number
  /** A draw from the standard normal distribution. */
  normal(): number
  /** An integer in 0..limit−1, without bias. `limit` is 1..2³². */
  below(limit: number): number
  /** Fills an array with integers in 0..limit−1, without bias; faster than single calls. `limit` is 1..2²¹. */
  fillBelow(target: Uint32Array, limit: number): void
  /**
   * Returns a function that draws `values.length` values with replacement and returns their sum. `values` has 1..65,536
   * elements.
   */
  resampledSum(values: Float64Array): () => number
  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<A extends { length: number; [index: number]: unknown }>(items: A): A
  /** An independent generator with a name, so that draws in one part of a program do not affect another. */
  fork(label: string): Random
}

/**
 * xoshiro128** 1.1 (Blackman and Vigna, 2018), with the SHA-256 of the seed's text as state.
 *
 * @param seed any number or text; `1` and `'1'` are the same seed.
 */
export function seededRandom(seed: number | string): Random {
  const state = createHash('sha256').update(`sheikh-random\0${seed}`).digest()
  let a = state.readUInt32LE(0)
  let b = state.readUInt32LE(4)
  let c = state.readUInt32LE(8)
  let d = state.readUInt32LE(12)
  let spare: number | undefined

  const uint32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotateLeft(d, 11)
    return result
  }
  const uniform = () => ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992
  const below = (limit: number) => {
    const unbiased = 4294967296 - (4294967296 % limit)
    for (;;) {
      const draw = uint32()
      if (draw < unbiased) return draw % limit
    }
  }
  return {
    uint32,
    uniform,
    below,
    // The upper half of draw × limit, rejecting draws that would cause bias (D. Lemire, ACM TOMACS 29:3, 2019).
    fillBelow(target, limit) {
      const unfair = (4294967296 - limit) % limit
      // A copy of the generator with its state in locals, because captured variables are three times slower.
      let [e, f, g, h] = [a, b, c, d]
      for (let index = 0; index < target.length; ) {
        const scrambled = Math.imul(f, 5)
        const draw = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
        const t = f << 9
        g ^= e
        h ^= f
        f ^= g
        e ^= h
        g ^= t
        h = (h << 11) | (h >>> 21)
        const low = Math.imul(draw, limit) >>> 0
        if (low < unfair) continue
        target[index] = (draw * limit - low) / 4294967296
        index += 1
      }
      ;[a, b, c, d] = [e, f, g, h]
    },
    // Lemire's method again, on each half of a draw: 16 bits are enough for so few.
    resampledSum(values) {
      // A rejected half adds the leading zero, because an unpredictable branch would take longer than the sum.
      const padded = new Float64Array(values.length + 1)
      padded.set(values, 1)
      return () => {
        // A local variable, as above.
        const column = padded
        const limit = column.length - 1
        const lastUnfair = ((65536 - limit) % limit) - 1
        let [e, f, g, h] = [a, b, c, d]
        let left = limit
        let odd = 0
        let even = 0
        while (left > 1) {
          const scrambled = Math.imul(f, 5)
          const draw = Math.imul((scrambled << 7) | (scrambled >>> 25), 9)
          const t = f << 9
          g ^= e
          h ^= f
          f ^= g
          e ^= h
          g ^= t
          h = (h << 11) | (h >>> 21)
          const one = Math.imul(draw >>> 16, limit)
          const other = Math.imul(draw & 65535, limit)
          // -1 if it is fair, otherwise 0.
          const oneFair = (lastUnfair - (one & 65535)) >> 31
          const otherFair = (lastUnfair - (other & 65535)) >> 31
          odd += column[((one >>> 16) + 1) & oneFair]!
          even += column[((other >>> 16) + 1) & otherFair]!
          left += oneFair + otherFair
        }
        ;[a, b, c, d] = [e, f, g, h]
        return odd + even + (left === 1 ? column[1 + below(limit)]! : 0)
      }
    },
    // Marsaglia's polar method; the second draw of each pair is kept.
    normal() {
      if (spare !== undefined) {
        const kept = spare
        spare = undefined
        return kept
      }
      for (;;) {
        const x = 2 * uniform() - 1
        const y = 2 * uniform() - 1
        const square = x * x + y * y
        if (square >= 1 || square === 0) continue
        const factor = Math.sqrt((-2 * Math.log(square)) / square)
        spare = y * factor
        return x * factor
      }
    },
    shuffle(items) {
      for (let index = items.length - 1; index > 0; index -= 1) {
        const other = below(index + 1)
        const held = items[index]
        items[index] = items[other]
        items[other] = held
      }
      return items
    },
    fork: (label) => seededRandom(`${seed}\0${label}`),
  }
}

const rotateLeft = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits))
