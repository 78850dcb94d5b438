import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../../../src/core/index.js'
import { chooseToken, type SamplingOptions } from '../../../src/trainer/tfjs/llama/choose-token.js'
import { parseLlamaConfig } from '../../../src/trainer/tfjs/llama/llama-config.js'
import { cutPrompt } from '../../../src/trainer/tfjs/llama/sequences.js'
import { loadTokens } from '../../../src/trainer/tfjs/llama/tokens.js'
import { tinyConfig, tokenizer } from './base.js'

// Made by Python's tokenizers: reference/make-tokenizer.py.
const reference = JSON.parse(readFileSync(new URL('reference/tokens.json', import.meta.url), 'utf8')) as readonly {
  readonly text: string
  readonly ids: readonly number[]
  readonly bare: readonly number[]
  readonly decoded: string
}[]
const fail = (fact: string) => new Error(fact)
const tokens = await loadTokens(tokenizer, parseLlamaConfig(tinyConfig, fail), fail)

describe('tokens', () => {
  it.each(reference)("of $text are those of Python's tokenizers", ({ ids, bare, text, decoded }) => {
    // The end of an answer is taken from a prompt, and put after an answer.
    expect(tokens.encodePrompt(text)).toEqual(ids.at(-1) === 2 ? ids.slice(0, -1) : ids)
    expect(tokens.encodeAnswer(text)).toEqual([...bare, 2])
    expect(tokens.decodeAnswer([], ids)).toBe(decoded.trim())
  })

  it('of an answer are read after their prompt, a character in two halves too', () => {
    const [prompt, answer] = [tokens.encodePrompt('Is this '), tokens.encodeAnswer(' 🚋 spam')]
    expect(tokens.decodeAnswer(prompt, answer)).toBe('🚋 spam')
    expect(tokens.decodeAnswer(prompt, [])).toBe('')
  })

  it('of a prompt that is cut: its end, behind what begins every text', () => {
    expect(cutPrompt([1, 5, 6, 7, 8], 5)).toEqual([1, 5, 6, 7, 8])
    expect(cutPrompt([1, 5, 6, 7, 8], 3)).toEqual([1, 7, 8])
    expect(cutPrompt([1, 5, 6, 7, 8], 1)).toEqual([1])
  })
})

describe('the next token', () => {
  const logits = Float32Array.of(1, 3, 3, 2, -1)
  const shares = (sampling: Parameters<typeof chooseToken>[1], draws = 20_000) => {
    const random = seededRandom('draws')
    const counts = new Array<number>(logits.length).fill(0)
    for (let draw = 0; draw < draws; draw += 1) counts[chooseToken(logits, sampling, random)]! += 1
    return counts.map((count) => count / draws)
  }
  const softmax = (values: readonly number[]) => {
    const powers = values.map(Math.exp)
    const total = powers.reduce((sum, power) => sum + power, 0)
    return powers.map((power) => power / total)
  }
  /** 20,000 draws: five standard errors are below 0.018. */
  const expectShares = (found: readonly number[], wanted: readonly number[]) => {
    for (const [token, share] of wanted.entries()) expect(Math.abs(found[token]! - share)).toBeLessThan(0.018)
  }

  it('is the one that a full sort chooses, whatever the logits and the sampling', () => {
    const special = fc.constantFrom(0, -0, 1, -1, Number.NEGATIVE_INFINITY, 1e-45, -1e-45, 3.4e38, -3.4e38)
    const logit = fc.oneof(special, fc.double({ min: -30, max: 30, noNaN: true }))
    const sampling = fc.record({
      temperature: fc.constantFrom(0.1, 0.7, 1, 3),
      topK: fc.option(fc.integer({ min: 1, max: 700 }), { nil: undefined }),
      topP: fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { nil: undefined }),
    })
    const some = fc
      .array(logit, { minLength: 1, maxLength: 600, size: 'max' })
      .map((values) => Float32Array.from(values))
    fc.assert(
      fc.property(some, sampling, fc.integer(), (values, options, seed) => {
        const chosen = chooseToken(values, options, seededRandom(seed))
        expect(chosen).toBe(chosenBySorting(values, options, seededRandom(seed)))
      }),
    )
  })

  it('is the likeliest at temperature 0, the first of equals', () => {
    expect(shares({}, 10)).toEqual([0, 1, 0, 0, 0])
  })

  it.each([1, 0.5, 2])('is drawn by the softmax at temperature %d', (temperature) => {
    expectShares(shares({ temperature }), softmax([...logits].map((value) => value / temperature)))
  })

  it('is one of the k likeliest', () => {
    const [first, second, third] = softmax([3, 3, 2])
    expectShares(shares({ temperature: 1, topK: 3 }), [0, first!, second!, third!, 0])
  })

  it('is one of the fewest that have the share p, the one that reaches it included', () => {
    // Of 0.37, 0.37, 0.14, 0.05 and 0.01 (softmax), two have 0.7 together, three 0.75.
    expectShares(shares({ temperature: 1, topP: 0.7 }), [0, 0.5, 0.5, 0, 0])
    const [first, second, third] = softmax([3, 3, 2])
    expectShares(shares({ temperature: 1, topP: 0.85 }), [0, first!, second!, third!, 0])
    expectShares(shares({ temperature: 1, topP: 1e-9 }), [0, 1, 0, 0, 0])
  })
})

/** The definition: every token is sorted, unless every token may be chosen. */
function chosenBySorting(
  logits: Float32Array,
  { temperature = 1, topK = logits.length, topP = 1 }: SamplingOptions,
  random: Random,
): number {
  const sorted = [...logits.keys()].sort((left, right) => logits[right]! - logits[left]! || left - right)
  const tokens = topK >= logits.length && topP === 1 ? [...logits.keys()] : sorted.slice(0, topK)
  const largest = Math.max(...logits)
  const shares = tokens.map((token) => Math.exp((logits[token]! - largest) / temperature))
  const total = shares.reduce((sum, share) => sum + share, 0)
  let [kept, together] = [0, 0]
  for (; kept < shares.length && (kept === 0 || together < topP * total); kept += 1) together += shares[kept]!
  let left = random.uniform() * shares.slice(0, kept).reduce((sum, share) => sum + share, 0)
  for (let index = 0; index < kept; index += 1) {
    left -= shares[index]!
    if (left < 0) return tokens[index]!
  }
  // Only if rounding leaves something: the last token whose share is not 0.
  return tokens[shares.findLastIndex((share, index) => index < kept && share !== 0)]!
}
