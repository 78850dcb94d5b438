import { normalCdf, normalQuantile } from '../statistics/index.js'
import { type NumericParameter, type ParameterValue, valueAt, valuesIn } from './space.js'

/** A numeric parameter as samplers see it: an interval on which a uniform draw is what the parameter means. */
export interface Axis {
  readonly low: number
  readonly high: number
  /** The position of a value. */
  position(value: number): number
  /** The value at a position; the nearest one if the parameter has steps. */
  value(position: number): ParameterValue
  /**
   * The positions that become the same value as this position. Equal ends: the parameter has no steps, and the position
   * has a density.
   */
  cell(position: number): readonly [number, number]
}

/** A value of a parameter with steps covers half a step on each side, so that the first and last are as likely as others. */
export function axisOf(parameter: NumericParameter): Axis {
  const { low, high, log, step } = parameter
  const to = log ? Math.log : (x: number) => x
  const from = log ? Math.exp : (x: number) => x
  if (step === undefined) {
    const clamp = (x: number) => Math.min(high, Math.max(low, x))
    return { low: to(low), high: to(high), position: to, value: (x) => clamp(from(x)), cell: (x) => [x, x] }
  }
  const count = valuesIn(parameter)
  // A logarithm needs a lower edge above 0, whatever the step.
  const edge = (index: number) =>
    to(index === 0 && log ? Math.max(low - step / 2, low / 2) : low + (index - 0.5) * step)
  const indexAt = (x: number) => Math.min(count - 1, Math.max(0, Math.round((from(x) - low) / step)))
  return {
    low: edge(0),
    high: edge(count),
    position: to,
    value: (x) => valueAt(parameter, indexAt(x)),
    cell(x) {
      const index = indexAt(x)
      return [edge(index), edge(index + 1)]
    },
  }
}

/** A normal distribution that is cut off at the ends of an axis. */
export interface Kernel {
  readonly mean: number
  readonly deviation: number
}

/** The part of a kernel between two positions. */
export function massBetween({ mean, deviation }: Kernel, from: number, to: number): number {
  const a = (from - mean) / deviation
  const b = (to - mean) / deviation
  // The lower tail has more digits than the upper one.
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a)
}

/** The position below which a share of the kernel on the axis lies. */
export function kernelQuantile({ mean, deviation }: Kernel, { low, high }: Axis, share: number): number {
  const before = normalCdf((low - mean) / deviation)
  const p = before + share * (normalCdf((high - mean) / deviation) - before)
  return Math.min(high, Math.max(low, mean + deviation * normalQuantile(Math.min(1, Math.max(0, p)))))
}
