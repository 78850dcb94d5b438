// Two functions on which samplers are compared, with known minima.
import { seededRandom } from '../../src/core/index.js'
import { float, type Point, type SampledTrial, type Sampler, type Space } from '../../src/tune/index.js'

export interface TestFunction {
  readonly name: string
  readonly space: Space
  readonly loss: (point: Point) => number
  readonly minimum: number
}

/** F. H. Branin (1972); L. C. W. Dixon and G. P. Szegö (1978). */
export const branin: TestFunction = {
  name: 'Branin',
  space: { x: float(-5, 10), y: float(0, 15) },
  minimum: 0.397887,
  loss(point) {
    const [x, y] = [Number(point['x']), Number(point['y'])]
    const valley = y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6
    return valley ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10
  },
}

const weights = [1, 1.2, 3, 3.2]
export const slopes = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
]
export const centres = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]
const names = ['x0', 'x1', 'x2', 'x3', 'x4', 'x5']

/** J. K. Hartman (1973); L. C. W. Dixon and G. P. Szegö (1978). */
export const hartmann6: TestFunction = {
  name: 'Hartmann-6',
  space: Object.fromEntries(names.map((name) => [name, float(0, 1)])),
  minimum: -3.32237,
  loss(point) {
    const distance = (peak: number) =>
      names.reduce((sum, name, j) => sum + slopes[peak]![j]! * (Number(point[name]) - centres[peak]![j]!) ** 2, 0)
    return -weights.reduce((sum, weight, peak) => sum + weight * Math.exp(-distance(peak)), 0)
  },
}

/** The best loss after each trial. Trial `n` sees the results up to `n - parallel`. */
export function bestSoFar({ space, loss }: TestFunction, sampler: Sampler, seed: number, parallel = 1): number[] {
  const trials: { readonly number: number; readonly parameters: Point; readonly loss: number }[] = []
  const best: number[] = []
  for (let number = 0; number < 100; number += 1) {
    const seen = trials.map(
      (trial): SampledTrial =>
        trial.number > number - parallel
          ? { number: trial.number, parameters: trial.parameters, isPending: true }
          : trial,
    )
    const random = seededRandom(`${seed}`).fork(`trial ${number}`)
    const parameters = sampler.suggest({ space, number, trials: seen, random })!
    trials.push({ number, parameters, loss: loss(parameters) })
    best.push(Math.min(best.at(-1) ?? Number.POSITIVE_INFINITY, trials.at(-1)!.loss))
  }
  return best
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}
