import { Fault } from './fault.js'
import { GivenArguments } from './given.js'
import { handle } from './meter.js'
import { Callable, isNumber, Namespace, PyDict, print, Range, type Value } from './values.js'

const maximumRange = 100_000

/**
 * What every template can call. `strftime_now` is not among them: what it gives tomorrow is not what it gives today.
 * `raise_exception` comes from chat templates.
 */
export const globals: ReadonlyMap<string, Value> = new Map(
  [
    new Callable('range', ({ positional, named }) => range(positional, named.size)),
    new Callable('namespace', ({ positional, named }) => {
      const namespace = new Namespace()
      const [first] = positional
      if (positional.length > 1 || (first !== undefined && !(first instanceof PyDict)))
        throw new Fault('namespace takes names with values, or one mapping')
      for (const [name, value] of [...(first?.map ?? []), ...named]) namespace.map.set(String(name), value)
      return namespace
    }),
    new Callable('raise_exception', (given) => {
      const reader = new GivenArguments('raise_exception', given)
      throw new Fault(print(reader.required('message')))
    }),
  ].map((callable) => [callable.name, callable]),
)

function range(given: readonly Value[], namedCount: number): Value {
  const bounds = given.map((value) => {
    if (!isNumber(value) || typeof value === 'number') throw new Fault('range() takes whole numbers')
    return Number(value)
  })
  if (bounds.length === 0 || bounds.length > 3 || namedCount > 0) throw new Fault('range() takes 1 to 3 numbers')
  const [start, stop, step = 1] = bounds.length === 1 ? [0, bounds[0]!] : [bounds[0]!, bounds[1]!, bounds[2]]
  if (step === 0) throw new Fault('the step of range() is 0')
  const count = Math.max(0, Math.ceil((stop - start) / step))
  if (!(count <= maximumRange)) throw new Fault(`range() gives more than ${maximumRange} numbers`)
  handle(count)
  const items = Array.from({ length: count }, (_, index) => BigInt(start + index * step))
  return new Range(items, `range(${start}, ${stop}${step === 1 ? '' : `, ${step}`})`)
}
