import { type Described, type Random, SheikhError } from '../core/index.js'
import { axisOf } from './axis.js'
import { type Point, type Space, valueAt, valuesIn } from './space.js'

/** A trial as a sampler sees it. */
export interface SampledTrial {
  /** From 0; below 0 for a trial of `TuneOptions.earlier`. */
  readonly number: number
  readonly parameters: Point
  /** Lower is better, whatever the metric. Absent: the trial failed, or its result is not to be used yet. */
  readonly loss?: number | undefined
  /** Of a trial that the pruner ended: how much of the resource its last training got. Absent: it was trained in full. */
  readonly prunedAt?: number | undefined
  /** The result is not to be used yet. */
  readonly isPending?: boolean | undefined
}

export interface SuggestRequest {
  readonly space: Space
  /** The number of the trial to suggest, from 0. */
  readonly number: number
  /** Earlier trials, by number. */
  readonly trials: readonly SampledTrial[]
  /** Seeded by the study's seed and the trial's number. */
  readonly random: Random
}

/** Chooses the parameters of the next trial. A pure function: equal requests give equal points. */
export interface Sampler extends Described {
  /** @returns `undefined` if nothing is left to try. */
  readonly suggest: (request: SuggestRequest) => Point | undefined
}

/** Independent draws from the space. */
export const randomSampler = (): Sampler => ({
  contract: 1,
  name: 'random',
  version: '1',
  describe: () => null,
  suggest: ({ space, random }) => randomPoint(space, random),
})

/** A uniform draw from each parameter, in the order of their names, so that the order of a literal does not matter. */
export function randomPoint(space: Space, random: Random): Point {
  return pointOf(space, (parameter) => {
    if (parameter.kind === 'categorical') return parameter.values[random.below(parameter.values.length)]!
    const axis = axisOf(parameter)
    return axis.value(axis.low + random.uniform() * (axis.high - axis.low))
  })
}

export const namesOf = (space: Space): readonly string[] => Object.keys(space).sort()

export function pointOf(space: Space, value: (parameter: Space[string], name: string) => Point[string]): Point {
  return Object.fromEntries(namesOf(space).map((name) => [name, value(space[name]!, name)]))
}

export interface GridOptions {
  /** Number of values of each `float` without a step, evenly spaced (by ratio with `log`). @default 5 */
  readonly points?: number | undefined
}

/**
 * Every point of a grid, once. The last parameter by name changes fastest.
 *
 * @throws `invalid-options` if `points` is not an integer of at least 2.
 */
export function gridSampler({ points = 5 }: GridOptions = {}): Sampler {
  if (!Number.isSafeInteger(points) || points < 2)
    throw new SheikhError(
      'invalid-options',
      `Cannot make a grid: ${points} points per parameter is not an integer of at least 2. Give one such as 5.`,
    )
  return {
    contract: 1,
    name: 'grid',
    version: '1',
    describe: () => ({ points }),
    suggest({ space, number }) {
      let rest = number
      const values = new Map<string, Point[string]>()
      for (const name of [...namesOf(space)].reverse()) {
        const parameter = space[name]!
        const isContinuous = valuesIn(parameter) === Number.POSITIVE_INFINITY
        const count = isContinuous ? points : valuesIn(parameter)
        const index = rest % count
        rest = Math.floor(rest / count)
        if (isContinuous && parameter.kind !== 'categorical') {
          const { low, high, value } = axisOf(parameter)
          // The ends themselves: the exponential of a logarithm is not always the same number.
          const between = () => value(low + ((high - low) * index) / (count - 1))
          values.set(name, index === 0 ? parameter.low : index === count - 1 ? parameter.high : between())
        } else values.set(name, valueAt(parameter, index))
      }
      return rest > 0 ? undefined : pointOf(space, (_, name) => values.get(name)!)
    },
  }
}
