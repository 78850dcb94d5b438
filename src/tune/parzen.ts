import type { Random } from '../core/index.js'
import { type Axis, axisOf, type Kernel, kernelQuantile, massBetween } from './axis.js'
import { namesOf, pointOf } from './sampler.js'
import type { Parameter, ParameterValue, Point, Space } from './space.js'

/** A density over a space: one product of distributions around each observation, and one around the whole space. */
export interface ParzenEstimator {
  readonly sample: (random: Random) => Point
  /** The logarithm of the density. For parameters with steps or categories, of the probability. */
  readonly logDensity: (point: Point) => number
}

/** One parameter's part of every product. */
interface Factor {
  readonly name: string
  sample(component: number, random: Random): ParameterValue
  /** Adds the logarithm of each component's density at a value. */
  addLogDensity(value: ParameterValue, sums: Float64Array): void
}

/** The weight of the component that covers the whole space; an observation has at most 1. */
const priorWeight = 1

/**
 * A multivariate Parzen estimator: its components keep the parameters of an observation together.
 *
 * Sources: the mixture of products is equation 3 of S. Falkner, A. Klein and F. Hutter, BOHB (ICML 2018); truncated normal kernels,
 * bandwidths from the distance to the neighbours and the prior component are from J. Bergstra et al., Algorithms for
 * hyper-parameter optimization (NIPS 2011), section 4, and its hyperopt; "magic clipping" of the bandwidths, the
 * weights of categories and the order of the steps are those of S. Watanabe, Tree-structured Parzen estimator
 * (arXiv 2304.11127), section 3.3 and appendix, as in Optuna 5.0.
 *
 * @param observations in the order in which they were made.
 * @param observationWeights 0 to 1 each. @default beyond 25 observations, older ones count less
 */
export function parzenEstimator(
  space: Space,
  observations: readonly Point[],
  observationWeights: readonly number[] = ageWeights(observations.length),
): ParzenEstimator {
  const weights = [...observationWeights, priorWeight]
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const factors = namesOf(space).map((name) => factorOf(name, space[name]!, observations))
  const logWeights = weights.map((weight) => Math.log(weight / total))
  return {
    sample(random) {
      let rest = random.uniform() * total
      // The last one if rounding leaves something over.
      const found = weights.findIndex((weight) => {
        rest -= weight
        return rest < 0
      })
      const component = found === -1 ? weights.length - 1 : found
      const values = new Map(factors.map((factor) => [factor.name, factor.sample(component, random)]))
      return pointOf(space, (_, name) => values.get(name)!)
    },
    logDensity(point) {
      const sums = Float64Array.from(logWeights)
      for (const factor of factors) factor.addLogDensity(point[factor.name]!, sums)
      const highest = sums.reduce((a, b) => Math.max(a, b))
      return highest + Math.log(sums.reduce((sum, value) => sum + Math.exp(value - highest), 0))
    },
  }
}

/** 1 for the newest 25; before them rising from 1/n to 1 (hyperopt's linear forgetting). */
function ageWeights(count: number): readonly number[] {
  const ramp = Math.max(0, count - 25)
  return Array.from({ length: count }, (_, index) => {
    if (index >= ramp) return 1
    return ramp === 1 ? 1 / count : 1 / count + (index / (ramp - 1)) * (1 - 1 / count)
  })
}

function factorOf(name: string, parameter: Parameter, observations: readonly Point[]): Factor {
  const observed = observations.map((point) => point[name]!)
  if (parameter.kind === 'categorical') return categories(name, parameter.values, observed)
  const axis = axisOf(parameter)
  // A single value has no width: every component has it, and it tells no point from another.
  if (axis.low === axis.high) return { name, sample: () => parameter.low, addLogDensity() {} }
  return kernels(name, axis, observed as readonly number[])
}

/** Each component prefers its observation's category, and gives every other the same small share. */
function categories(name: string, values: readonly ParameterValue[], observed: readonly ParameterValue[]): Factor {
  const share = priorWeight / (observed.length + 1)
  const sum = 1 + share * values.length
  const own = observed.map((value) => values.indexOf(value))
  const probability = (component: number, index: number) =>
    component === own.length ? 1 / values.length : (share + (own[component] === index ? 1 : 0)) / sum
  return {
    name,
    sample(component, random) {
      let rest = random.uniform()
      const found = values.findIndex((_, index) => {
        rest -= probability(component, index)
        return rest < 0
      })
      return values[found === -1 ? values.length - 1 : found]!
    },
    addLogDensity(value, sums) {
      const index = values.indexOf(value)
      for (let component = 0; component < sums.length; component += 1)
        sums[component]! += Math.log(probability(component, index))
    },
  }
}

function kernels(name: string, axis: Axis, observed: readonly number[]): Factor {
  const components = kernelsOf(axis, observed.map(axis.position))
  const logMasses = components.map((kernel) => Math.log(massBetween(kernel, axis.low, axis.high)))
  return {
    name,
    sample: (component, random) => axis.value(kernelQuantile(components[component]!, axis, random.uniform())),
    addLogDensity(value, sums) {
      const position = axis.position(value as number)
      const [from, to] = axis.cell(position)
      for (let index = 0; index < sums.length; index += 1) {
        const kernel = components[index]!
        const z = (position - kernel.mean) / kernel.deviation
        const log =
          from === to
            ? (-z * z) / 2 - Math.log(kernel.deviation * Math.sqrt(2 * Math.PI))
            : // The mass of a far cell may be too small for a number, and its logarithm must remain one.
              Math.log(Math.max(massBetween(kernel, from, to), Number.MIN_VALUE))
        sums[index]! += log - logMasses[index]!
      }
    },
  }
}

/** One kernel per observation, as wide as the distance to its farther neighbour, and one that covers the axis. */
function kernelsOf({ low, high }: Axis, means: readonly number[]): readonly Kernel[] {
  const width = high - low
  const sorted = means.map((mean, index) => ({ mean, index })).sort((a, b) => a.mean - b.mean || a.index - b.index)
  const narrowest = width / Math.min(100, means.length + 2)
  const deviations = new Float64Array(means.length)
  for (const [rank, { mean, index }] of sorted.entries()) {
    const before = mean - (sorted[rank - 1]?.mean ?? low)
    const after = (sorted[rank + 1]?.mean ?? high) - mean
    // The ends of the axis are no neighbours, unless there is no other.
    const isFirst = rank === 0 && means.length > 1
    const isLast = rank === means.length - 1 && means.length > 1
    const distance = isFirst ? after : isLast ? before : Math.max(before, after)
    deviations[index] = Math.min(width, Math.max(narrowest, distance))
  }
  const observed = means.map((mean, index) => ({ mean, deviation: deviations[index]! }))
  return [...observed, { mean: (low + high) / 2, deviation: width }]
}
