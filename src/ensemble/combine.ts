import { SheikhError } from '../core/index.js'
import type { Prediction } from '../model/index.js'

/**
 * How members become one model.
 *
 * `mean`: the mean of the probabilities, numbers or vectors, by the shares of the members. `vote`: the label or text that most
 * members give, by their shares; of equal ones, that of the earlier member. `weights`: the mean of the weights, by the shares of the
 * members, which are fine-tuned from one base: a model of the cost of one member.
 */
export type Combination = 'mean' | 'vote' | 'weights'

/** How the predictions of members become one. */
export type PredictionCombination = Exclude<Combination, 'weights'>

/**
 * Combines the predictions of members for one input.
 *
 * @param shares one per member, above 0.
 * @throws `evaluation-invalid` for predictions that cannot be combined so, such as labels without probabilities by `mean`.
 */
export function combinePredictions(
  predictions: readonly Prediction[],
  shares: readonly number[],
  combine: PredictionCombination,
): Prediction {
  const [first] = predictions
  const kind = first!.kind
  if (predictions.some((other) => other.kind !== kind))
    throw refusal('the members give predictions of different kinds', 'Combine models of one kind')
  if (combine === 'vote') return voted(predictions, shares)
  if (kind === 'label') return meanLabel(predictions as readonly LabelPrediction[], shares)
  if (kind === 'text') throw refusal('texts have no mean', 'Use combine: "vote"')
  const total = sum(shares)
  if (kind === 'number') {
    const values = predictions.map((prediction) => (prediction as { readonly value: number }).value)
    return { kind, value: sum(values.map((value, index) => value * shares[index]!)) / total }
  }
  const vectors = predictions.map((prediction) => (prediction as { readonly values: readonly number[] }).values)
  const { length } = vectors[0]!
  if (vectors.some((vector) => vector.length !== length))
    throw refusal('the members give vectors of different lengths', 'Combine models with outputs of one length')
  const mean = (at: number) => sum(vectors.map((vector, index) => vector[at]! * shares[index]!)) / total
  return { kind: 'vector', values: Array.from({ length }, (_, at) => mean(at)) }
}

type LabelPrediction = Extract<Prediction, { kind: 'label' }>

/** A label that a member does not know has the probability 0 there. */
function meanLabel(predictions: readonly LabelPrediction[], shares: readonly number[]): Prediction {
  const total = sum(shares)
  const means = new Map<string, number>()
  for (const [index, { probabilities }] of predictions.entries()) {
    if (probabilities === undefined) throw refusal('a member gives labels without probabilities', 'Use combine: "vote"')
    for (const [label, probability] of Object.entries(probabilities))
      means.set(label, (means.get(label) ?? 0) + (probability * shares[index]!) / total)
  }
  return { kind: 'label', label: likeliest(means), probabilities: Object.fromEntries(means) }
}

function voted(predictions: readonly Prediction[], shares: readonly number[]): Prediction {
  const votes = new Map<string, number>()
  for (const [index, prediction] of predictions.entries()) {
    if (prediction.kind !== 'label' && prediction.kind !== 'text')
      throw refusal(`a ${prediction.kind} has no votes`, 'Use combine: "mean"')
    const answer = prediction.kind === 'label' ? prediction.label : prediction.text
    votes.set(answer, (votes.get(answer) ?? 0) + shares[index]!)
  }
  const winner = likeliest(votes)
  return predictions[0]!.kind === 'label' ? { kind: 'label', label: winner } : { kind: 'text', text: winner }
}

/** The first of those with the highest value. */
function likeliest(values: ReadonlyMap<string, number>): string {
  let best: readonly [string, number] | undefined
  for (const entry of values) if (best === undefined || entry[1] > best[1]) best = entry
  return best![0]
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

const refusal = (fact: string, remedy: string) =>
  new SheikhError('evaluation-invalid', `Cannot combine the predictions of the ensemble: ${fact}. ${remedy}.`)
