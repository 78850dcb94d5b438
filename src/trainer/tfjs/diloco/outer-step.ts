/** Weights, or changes of weights, by name. */
export type Values = Readonly<Record<string, Float32Array>>

export interface OuterSettings {
  readonly outerLearningRate: number
  readonly outerMomentum: number
}

/** The momentum before the first step. */
export const noMomentum = (weights: Values): Values =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, new Float32Array(values.length)]))

/** Adds one replica's gradient to a sum, in place. A name that it does not have did not change. */
export function addGradient(sum: Values, gradient: Values): void {
  for (const [name, values] of Object.entries(gradient)) {
    const total = sum[name]!
    for (let index = 0; index < total.length; index += 1) total[index]! += values[index]!
  }
}

/**
 * One step of the outer optimizer, in place: stochastic gradient descent with Nesterov momentum (Sutskever et al. 2013, in the form
 * of PyTorch), as in DiLoCo (Douillard et al., arXiv 2311.08105, algorithm 1).
 *
 * @param sum of the outer gradients of all replicas: weights before the round minus weights after it.
 * @param followed names of weights that are averaged instead. A step beyond the average could make a variance negative.
 */
export function outerStep(
  { weights, momentum }: { readonly weights: Values; readonly momentum: Values },
  sum: Values,
  {
    replicas,
    followed,
    outerLearningRate,
    outerMomentum,
  }: OuterSettings & { readonly replicas: number; readonly followed: ReadonlySet<string> },
): void {
  for (const [name, weight] of Object.entries(weights)) {
    const [total, velocity] = [sum[name]!, momentum[name]!]
    const [rate, kept] = followed.has(name) ? [1, 0] : [outerLearningRate, outerMomentum]
    for (let index = 0; index < weight.length; index += 1) {
      const gradient = total[index]! / replicas
      velocity[index] = kept * velocity[index]! + gradient
      weight[index]! -= rate * (gradient + kept * velocity[index]!)
    }
  }
}
