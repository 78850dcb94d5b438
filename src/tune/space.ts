import { canonicalJson, SheikhError } from '../core/index.js'

/** A value of a parameter. JSON, so that trials can be stored. */
export type ParameterValue = string | number | boolean | null

/** A number between two ends, which are both included. */
export interface NumericParameter {
  readonly kind: 'float' | 'int'
  readonly low: number
  readonly high: number
  /** Equal ratios are equally likely, instead of equal differences. */
  readonly log: boolean
  /** Distance between the possible values, counted from `low`. Absent: any number. */
  readonly step?: number | undefined
}

/** One of several values without an order. */
export interface CategoricalParameter<V extends ParameterValue = ParameterValue> {
  readonly kind: 'categorical'
  readonly values: readonly V[]
}

export type Parameter = NumericParameter | CategoricalParameter

/** The parameters of a search, by name. */
export type Space = Readonly<Record<string, Parameter>>

/** A point of a space: a value for each parameter. */
export type ParametersOf<S extends Space> = {
  readonly [K in keyof S]: S[K] extends CategoricalParameter<infer V> ? V : number
}

/** A point of any space. */
export type Point = Readonly<Record<string, ParameterValue>>

export interface NumericOptions {
  /** Search the logarithm, as for learning rates. Needs `low` above 0. @default false */
  readonly log?: boolean | undefined
  /** Search only `low`, `low + step`, …, up to `high`. @default for `float`: any number; for `int`: 1 */
  readonly step?: number | undefined
}

/**
 * A real number from `low` to `high`.
 *
 * @throws `invalid-options` if an end is not finite, `low` is above `high`, `log` is set and `low` is not above 0, or
 * `step` is not above 0.
 */
export const float = (low: number, high: number, { log = false, step }: NumericOptions = {}): NumericParameter =>
  checked({ kind: 'float', low, high, log, ...(step !== undefined && { step }) })

/** An integer from `low` to `high`. @throws as `float`, and if an end or the step is not an integer. */
export const int = (low: number, high: number, { log = false, step = 1 }: NumericOptions = {}): NumericParameter =>
  checked({ kind: 'int', low, high, log, step })

/** One of `values`. @throws `invalid-options` if there are none, or if two are equal. */
export const categorical = <const V extends ParameterValue>(values: readonly V[]): CategoricalParameter<V> =>
  checked({ kind: 'categorical', values })

/** @throws `invalid-options` for a space without parameters, or with one that cannot be searched. */
export function checkSpace(space: Space): void {
  if (Object.keys(space).length === 0)
    throw new SheikhError(
      'invalid-options',
      'Cannot search: the space has no parameters. Add one, such as { learningRate: float(1e-4, 1e-1, { log: true }) }.',
    )
  for (const [name, parameter] of Object.entries(space)) checked(parameter, name)
}

/** Number of values of a parameter; infinite if it may be any number between two different ends. */
export function valuesIn(parameter: Parameter): number {
  if (parameter.kind === 'categorical') return parameter.values.length
  const { low, high, step } = parameter
  if (low === high) return 1
  // Rounding must not lose the last value: (0.3 - 0) / 0.1 is 2.9999999999999996.
  return step === undefined ? Number.POSITIVE_INFINITY : Math.floor((high - low) / step + 1e-9) + 1
}

/** The value number `index` of a parameter with a finite number of values. */
export function valueAt(parameter: Parameter, index: number): ParameterValue {
  if (parameter.kind === 'categorical') return parameter.values[index]!
  const { low, high, step = 0 } = parameter
  // 0.1 + 2 × 0.1 is 0.30000000000000004; a person means 0.3.
  return Math.min(high, Number((low + index * step).toPrecision(15)))
}

function checked<P extends Parameter>(parameter: P, name?: string): P {
  const problem = parameter.kind === 'categorical' ? problemOfValues(parameter) : problemOfRange(parameter)
  if (problem === undefined) return parameter
  const which = name === undefined ? `a parameter of kind "${parameter.kind}"` : `the parameter "${name}"`
  throw new SheikhError('invalid-options', `Cannot search ${which}: ${problem}`, {
    facts: { ...(name !== undefined && { parameter: name }) },
  })
}

function problemOfValues({ values }: CategoricalParameter): string | undefined {
  if (values.length === 0) return 'it has no values. Give at least one.'
  const unusable = values.find((value) => !isValue(value))
  if (unusable !== undefined)
    return `the value ${String(unusable)} is not text, a finite number, true, false or null. Name each choice, and look it up in the function that makes the trainer.`
  const texts = values.map((value) => canonicalJson(value))
  const twice = texts.find((text, index) => texts.indexOf(text) !== index)
  return twice === undefined ? undefined : `the value ${twice} occurs twice. Remove one.`
}

const isValue = (value: unknown): value is ParameterValue =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)

function problemOfRange({ kind, low, high, log, step }: NumericParameter): string | undefined {
  if (!Number.isFinite(low) || !Number.isFinite(high) || !Number.isFinite(high - low))
    return `the range from ${low} to ${high} is not finite. Give two finite numbers.`
  if (low > high) return `the low end ${low} is above the high end ${high}. Exchange them.`
  if (log && low <= 0) return `the low end ${low} has no logarithm. Give one above 0, such as 1e-6, or remove "log".`
  if (step !== undefined && !(Number.isFinite(step) && step > 0))
    return `the step ${step} is not above 0. Give one such as ${kind === 'int' ? 1 : 0.1}.`
  if (kind === 'int' && ![low, high, step].every(Number.isSafeInteger))
    return `the ends ${low} and ${high} and the step ${step} are not all integers. Give integers, or use float.`
  return undefined
}
