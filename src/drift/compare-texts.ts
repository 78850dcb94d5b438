import { seededRandom } from '../core/index.js'
import { type TextFeatures, textFeatures, wordsOf } from '../model/index.js'
import { hypergeometricUpperTail, kolmogorovSmirnov } from '../statistics/index.js'
import type { Column } from './columns.js'
import { countsOf, largest, type Measured } from './compare-columns.js'

/** Words of a text after these are not read. */
const mostWords = 256
const buckets = 2 ** 14
const epochs = 8
const learningRate = 0.5

/** Three tests: words, length, unseen words. */
export function compareTexts(
  { part, reference, live }: Exclude<Column, { kind: 'numbers' }>,
  { seed, includeText }: { readonly seed: string; readonly includeText: boolean },
): readonly Measured[] {
  const random = seededRandom(seed)
  const [before, now] = [random.shuffle([...reference]), random.shuffle([...live])]
  const lengths = kolmogorovSmirnov(
    before.map(({ length }) => length),
    now.map(({ length }) => length),
  )
  const half = Math.floor(before.length / 2)
  const known = new Set(before.slice(0, half).flatMap((text) => wordsOf(text, mostWords)))
  const unseen = (text: string) => {
    const words = wordsOf(text, mostWords)
    return words.length === 0 ? 0 : words.filter((word) => !known.has(word)).length / words.length
  }
  // The vocabulary is of one half of the reference and its other half is compared: a text's own words are always known.
  const novelty = kolmogorovSmirnov(before.slice(half).map(unseen), now.map(unseen))
  return [
    {
      part,
      aspect: 'words',
      ...tellApart(before, now, seed),
      ...(includeText && { changes: wordChanges(before, now) }),
    },
    { part, aspect: 'length', effect: lengths.statistic, pValue: lengths.pValue },
    { part, aspect: 'unseen-words', effect: novelty.statistic, pValue: novelty.pValue },
  ]
}

/**
 * Trains a classifier that tells the two sides apart, on one half of equally many texts of both, and counts how often it is right on
 * the other half. If the sides have one distribution, the held-out texts are exchangeable, and the texts of `now` among those that
 * it assigns to `now` are a draw without replacement: the p-value is exact, whatever the classifier does.
 */
function tellApart(before: readonly string[], now: readonly string[], seed: string) {
  const size = Math.min(before.length, now.length)
  const trained = Math.floor(size / 2)
  const features = (texts: readonly string[]) =>
    texts.map((text) => textFeatures(text, { buckets, maximumTokens: mostWords, bigrams: false }))
  const [one, other] = [features(before.slice(0, size)), features(now.slice(0, size))]
  const score = logisticRegression(one.slice(0, trained), other.slice(0, trained), seed)
  const assigned = (texts: readonly TextFeatures[]) => texts.slice(trained).filter((text) => score(text) > 0).length
  const [wrong, right] = [assigned(one), assigned(other)]
  const heldOut = size - trained
  const pValue = hypergeometricUpperTail({
    ...{ successes: right, drawn: right + wrong, marked: heldOut, population: 2 * heldOut },
  })
  return { effect: Math.max(0, (right - wrong) / heldOut), pValue }
}

/** By stochastic gradient descent with AdaGrad (Duchi, Hazan and Singer, JMLR 12 (2011) 2121–2159). @returns the log-odds of `other`. */
function logisticRegression(one: readonly TextFeatures[], other: readonly TextFeatures[], seed: string) {
  const [weights, squares] = [new Float64Array(buckets + 1), new Float64Array(buckets + 1).fill(1e-8)]
  const score = ({ indices, values }: TextFeatures) => {
    let sum = weights[buckets]!
    for (let index = 0; index < indices.length; index += 1) sum += weights[indices[index]!]! * values[index]!
    return sum
  }
  const step = (bucket: number, gradient: number) => {
    squares[bucket]! += gradient * gradient
    weights[bucket]! -= (learningRate * gradient) / Math.sqrt(squares[bucket]!)
  }
  const examples = [...one.map((text) => ({ text, target: 0 })), ...other.map((text) => ({ text, target: 1 }))]
  const random = seededRandom(`${seed} classifier`)
  for (let epoch = 0; epoch < epochs; epoch += 1)
    for (const { text, target } of random.shuffle(examples)) {
      const error = 1 / (1 + Math.exp(-score(text))) - target
      const { indices, values } = text
      for (let index = 0; index < indices.length; index += 1) step(indices[index]!, error * values[index]!)
      step(buckets, error)
    }
  return score
}

/** The words whose share of texts changed most. */
function wordChanges(before: readonly string[], now: readonly string[]) {
  const texts = (of: readonly string[]) => countsOf(of.flatMap((text) => [...new Set(wordsOf(text, mostWords))]))
  const [old, fresh] = [texts(before), texts(now)]
  return largest(
    [...new Set([...old.keys(), ...fresh.keys()])].map((value) => ({
      value,
      reference: (old.get(value) ?? 0) / before.length,
      live: (fresh.get(value) ?? 0) / now.length,
    })),
  )
}
