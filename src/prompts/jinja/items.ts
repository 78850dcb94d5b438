import { Fault, unsupported } from './fault.js'
import { handle, scan } from './meter.js'
import { attributeOf } from './methods.js'
import { characterAt, characters } from './text.js'
import {
  isList,
  isNumber,
  otherwise,
  PyDict,
  PyObject,
  present,
  Range,
  Tuple,
  toNumber,
  typeName,
  Undefined,
  type Value,
} from './values.js'

const missing = (what: string) => new Undefined(what)
const nameOf = (key: Value) =>
  typeof key === 'string' ? `"${key}"` : String(typeof key === 'bigint' ? key : typeName(key))

/** `value.name`: the attribute first, then the item, as Jinja2 does. So `{}.items` is always the method. */
export function memberOf(value: Value, name: string): Value {
  const attribute = attributeOf(present(value), name)
  return attribute === undefined ? otherwise(itemAt(value, name), missing(`"${name}"`)) : attribute
}

/** `value[key]`: the item first, then the attribute. */
export function itemOf(value: Value, key: Value): Value {
  if (typeof key === 'string') scan(key.length)
  const item = itemAt(present(value), key)
  if (item !== undefined) return item
  return otherwise(typeof key === 'string' ? attributeOf(value, key) : undefined, missing(nameOf(key)))
}

function itemAt(value: Value, key: Value): Value | undefined {
  if (value instanceof PyDict) {
    if (isList(key) || (key instanceof PyObject && !(key instanceof Tuple))) return undefined
    if (typeof key === 'boolean') return value.map.get(BigInt(key))
    if (typeof key === 'number' && Number.isInteger(key)) return value.map.get(BigInt(key))
    return typeof key === 'number' || key instanceof Tuple ? undefined : value.map.get(key as string)
  }
  if (!isNumber(key) || typeof key === 'number') return undefined
  const at = Number(toNumber(key))
  if (typeof value === 'string') return characterAt(value, at)
  return sequenceOf(value)?.at(at)
}

function sequenceOf(value: Value): readonly Value[] | undefined {
  if (typeof value === 'string') return characters(value)
  if (isList(value)) return value
  return value instanceof Tuple || value instanceof Range ? value.items : undefined
}

/** `value[start:stop:step]` */
export function sliceOf(value: Value, bounds: readonly Value[]): Value {
  const list = sequenceOf(present(value))
  if (value instanceof Range) throw unsupported('a slice of a range')
  if (list === undefined) throw new Fault(`a value of type ${typeName(value)} has no slices`)
  const [start, stop, step] = bounds.map((bound) => {
    if (bound === null) return undefined
    if (!isNumber(bound) || typeof bound === 'number') return Number.NaN
    return Number(bound)
  })
  if ([start, stop, step].some(Number.isNaN)) throw new Fault('the bounds of a slice must be whole numbers')
  if (step === 0) throw new Fault('the step of a slice is 0')
  const chosen: Value[] = []
  const by = step ?? 1
  const clamp = (index: number, low: number, high: number) =>
    Math.min(high, Math.max(low, index < 0 ? index + list.length : index))
  if (by > 0) {
    const end = clamp(stop ?? list.length, 0, list.length)
    for (let at = clamp(start ?? 0, 0, list.length); at < end; at += by) chosen.push(list[at]!)
  } else {
    const end = stop === undefined ? -1 : clamp(stop, -1, list.length - 1)
    for (let at = start === undefined ? list.length - 1 : clamp(start, -1, list.length - 1); at > end; at += by)
      chosen.push(list[at]!)
  }
  handle(chosen.length)
  if (typeof value === 'string') return (chosen as string[]).join('')
  return value instanceof Tuple ? new Tuple(chosen) : chosen
}
