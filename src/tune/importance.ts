import type { Metric } from '../evaluation/index.js'
import { axisOf } from './axis.js'
import { parzenEstimator } from './parzen.js'
import { namesOf } from './sampler.js'
import { type Parameter, type ParameterValue, type Point, type Space, valueAt, valuesIn } from './space.js'
import { rankedTrials, type Trial } from './trial.js'

const leastTrials = 10
const bestShare = 0.1
/** Values at which densities are compared. */
const mostCells = 50

/**
 * PED-ANOVA: how much the distribution of each parameter among the best tenth of the trials differs from that among all
 * trials (Pearson divergence), as a share of the sum.
 *
 * Source: S. Watanabe, A. Bansal and F. Hutter, PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
 * subspaces (IJCAI 2023, arXiv 2304.10255), equation 16 for the whole space; densities as in `tpeSampler`.
 *
 * @returns `undefined` with fewer than 10 scored trials, or if nothing differs.
 */
export function importanceOf(
  space: Space,
  trials: readonly Trial[],
  direction: Metric['direction'],
): Readonly<Record<string, number>> | undefined {
  const ranked = rankedTrials(trials, direction)
  if (ranked.length < leastTrials) return undefined
  const all = ranked.map(({ parameters }) => parameters)
  const best = all.slice(0, Math.ceil(bestShare * all.length))
  const divergences = namesOf(space).map((name) => [name, divergence(name, space[name]!, best, all)] as const)
  const sum = divergences.reduce((total, [, value]) => total + value, 0)
  return sum > 0 ? Object.fromEntries(divergences.map(([name, value]) => [name, value / sum])) : undefined
}

function divergence(name: string, parameter: Parameter, best: readonly Point[], all: readonly Point[]): number {
  const cells = cellsOf(parameter)
  if (cells.length === 1) return 0
  const density = (points: readonly Point[]) => {
    const weights = points.map(() => 1)
    const { logDensity } = parzenEstimator({ [name]: parameter }, points, weights)
    const values = cells.map((value) => Math.exp(logDensity({ [name]: value })))
    const sum = values.reduce((total, value) => total + value, 0)
    return values.map((value) => value / sum)
  }
  const [ofBest, ofAll] = [density(best), density(all)]
  return ofAll.reduce((total, base, index) => total + base * (ofBest[index]! / base - 1) ** 2, 0)
}

/** Every value of the parameter, or values that are evenly spaced as the parameter means it. */
function cellsOf(parameter: Parameter): readonly ParameterValue[] {
  const count = valuesIn(parameter)
  if (parameter.kind === 'categorical' || count <= mostCells)
    return Array.from({ length: count }, (_, index) => valueAt(parameter, index))
  const { low, high, value } = axisOf(parameter)
  return Array.from({ length: mostCells }, (_, index) => value(low + ((index + 0.5) * (high - low)) / mostCells))
}
