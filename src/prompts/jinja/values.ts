// The values of Python that a template can meet, and what Python does with them.
import { Fault, unsupported } from './fault.js'
import { handle, joined, nested, scan, toil } from './meter.js'
import { characters, compareText, indexIn, lengthOf } from './text.js'

/** Whole numbers are `bigint` and fractions are `number`, because Python prints `1` and `1.0` differently. */
export type Value = null | boolean | bigint | number | string | List | Value[] | PyObject
type List = readonly Value[]
export type Key = string | bigint | null
export type Dict = PyDict

/** A value that is neither a number, nor text, nor a list. */
export abstract class PyObject {
  /** As Python calls its type. */
  abstract readonly type: string
}

/** What is missing: it prints as nothing, is false and empty, and anything else that is done to it is an error. */
export class Undefined extends PyObject {
  readonly type = 'undefined'
  readonly what: string

  constructor(what: string) {
    super()
    this.what = what
  }
}

export class Tuple extends PyObject {
  readonly type = 'tuple'
  readonly items: readonly Value[]

  constructor(items: readonly Value[]) {
    super()
    this.items = items
  }
}

export class PyDict extends PyObject {
  readonly type = 'dict'
  readonly map: Map<Key, Value>

  constructor(entries: Iterable<readonly [Key, Value]>) {
    super()
    this.map = new Map(entries)
  }
}

/** `dict.items()`, `dict.keys()` or `dict.values()`: it has a length and no index. */
export class View extends PyObject {
  readonly type: 'dict_items' | 'dict_keys' | 'dict_values'
  readonly items: readonly Value[]

  constructor(type: View['type'], items: readonly Value[]) {
    super()
    this.type = type
    this.items = items
  }
}

export class Range extends PyObject {
  readonly type = 'range'
  readonly items: readonly Value[]
  readonly printed: string

  constructor(items: readonly Value[], printed: string) {
    super()
    this.items = items
    this.printed = printed
  }
}

/** What a filter such as `map` gives: it can be read once, and has neither length nor index. */
export class Stream extends PyObject {
  readonly type = 'generator'
  #items: readonly Value[]

  constructor(items: readonly Value[]) {
    super()
    this.#items = items
  }

  take(count = this.#items.length): readonly Value[] {
    handle(this.#items.length)
    const taken = this.#items.slice(0, count)
    this.#items = this.#items.slice(count)
    return taken
  }
}

export class Namespace extends PyObject {
  readonly type = 'Namespace'
  readonly map = new Map<string, Value>()
}

/** The arguments of a call that was made. */
export interface Given {
  readonly positional: readonly Value[]
  readonly named: ReadonlyMap<string, Value>
}

export class Callable extends PyObject {
  readonly type = 'function'
  readonly name: string
  readonly call: (given: Given) => Value

  constructor(name: string, call: (given: Given) => Value) {
    super()
    this.name = name
    this.call = call
  }
}

/** The variable `loop`. */
export class Loop extends PyObject {
  readonly type = 'LoopContext'
  readonly members: ReadonlyMap<string, () => Value>

  constructor(members: ReadonlyMap<string, () => Value>) {
    super()
    this.members = members
  }
}

/** As `??`, but `null` is the value `none`, and is not missing. */
export const otherwise = (value: Value | undefined, fallback: Value): Value => (value === undefined ? fallback : value)

export const isNumber = (value: Value): value is bigint | number | boolean =>
  typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean'
export const isList = (value: Value): value is Value[] => Array.isArray(value)
export const toNumber = (value: bigint | number | boolean): bigint | number =>
  typeof value === 'boolean' ? BigInt(value) : value

export function typeName(value: Value): string {
  if (value === null) return 'none'
  if (value instanceof PyObject) return value.type
  if (isList(value)) return 'list'
  return { boolean: 'bool', bigint: 'int', number: 'float', string: 'str' }[typeof value as 'string']
}

/** @throws Fault for a value that is missing, as Jinja2 does. */
export function present<V extends Value>(value: V): Exclude<V, Undefined> {
  if (value instanceof Undefined) throw new Fault(`${value.what} is undefined`)
  return value as Exclude<V, Undefined>
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false
  if (typeof value === 'string') return value !== ''
  if (isNumber(value)) return Boolean(value) || Number.isNaN(value)
  return !hasLength(value) || size(value) > 0
}

const hasLength = (value: Value) =>
  typeof value === 'string' ||
  isList(value) ||
  (value instanceof PyObject && !(value instanceof Stream) && isIterable(value))

/** `len(value)` */
export function size(value: Value): number {
  if (typeof value === 'string') return lengthOf(value)
  if (isList(value)) return value.length
  if (value instanceof PyDict) return value.map.size
  if (!hasLength(value)) throw new Fault(`a value of type ${typeName(value)} has no length`)
  return itemsOf(value).length
}

export function isIterable(value: Value): boolean {
  if (typeof value === 'string' || isList(value)) return true
  return [Tuple, PyDict, View, Range, Stream, Undefined].some((type) => value instanceof type)
}

/** What a loop over the value gives. */
export function items(value: Value): readonly Value[] {
  if (typeof value === 'string') return characters(value)
  const found = itemsOf(value)
  handle(found.length)
  return found
}

function itemsOf(value: Value): readonly Value[] {
  if (isList(value)) return value
  if (value instanceof Tuple || value instanceof View || value instanceof Range) return value.items
  if (value instanceof PyDict) return [...value.map.keys()]
  if (value instanceof Stream) return value.take()
  if (value instanceof Undefined) return []
  throw new Fault(`a value of type ${typeName(value)} cannot be looped over`)
}

export function isEqual(left: Value, right: Value): boolean {
  handle(1)
  if (typeof left === 'string' && typeof right === 'string') {
    if (left.length === right.length) scan(left.length)
    return left === right
  }
  // `<=` compares a bigint with a number exactly, as Python does.
  if (isNumber(left) && isNumber(right)) return toNumber(left) <= toNumber(right) && toNumber(left) >= toNumber(right)
  if (isList(left) && isList(right)) return nested(() => areEqual(left, right))
  if (left instanceof Tuple && right instanceof Tuple) return nested(() => areEqual(left.items, right.items))
  if (left instanceof Undefined && right instanceof Undefined) return true
  if (left instanceof PyDict && right instanceof PyDict)
    return nested(
      () =>
        left.map.size === right.map.size &&
        [...left.map].every(([key, value]) => right.map.has(key) && isEqual(value, right.map.get(key)!)),
    )
  if ((left instanceof View || left instanceof Range) && typeName(left) === typeName(right))
    throw unsupported(`a comparison of values of type ${left.type}`)
  return left === right
}

const areEqual = (left: readonly Value[], right: readonly Value[]) =>
  left.length === right.length && left.every((value, index) => isEqual(value, right[index]!))

/** Negative if `left` comes first. NaN if neither does. @throws Fault for values that Python does not order. */
export function compare(left: Value, right: Value): number {
  handle(1)
  if (isNumber(left) && isNumber(right)) {
    const [a, b] = [toNumber(left), toNumber(right)]
    return a < b ? -1 : a > b ? 1 : isEqual(a, b) ? 0 : Number.NaN
  }
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right)
  const lists =
    isList(left) && isList(right)
      ? [left, right]
      : left instanceof Tuple && right instanceof Tuple
        ? [left.items, right.items]
        : undefined
  if (lists === undefined)
    throw new Fault(`values of type ${typeName(present(left))} and ${typeName(present(right))} have no order`)
  const [a, b] = lists as [Value[], Value[]]
  const at = a.findIndex((value, index) => index >= b.length || !isEqual(value, b[index]!))
  if (at < 0) return a.length - b.length
  return at >= b.length ? 1 : nested(() => compare(a[at]!, b[at]!))
}

export function contains(container: Value, value: Value): boolean {
  if (typeof container === 'string') {
    if (typeof value !== 'string') throw new Fault(`a value of type ${typeName(value)} cannot be in text`)
    return indexIn(container, value) >= 0
  }
  if (container instanceof PyDict) return container.map.has(toKey(value))
  if (container instanceof View) checkLookUp(container, value)
  return items(container).some((item) => isEqual(item, value))
}

/** A view of keys or of items finds a key by its hash. @throws Fault for a value without one, also in an empty view. */
function checkLookUp({ type }: View, value: Value): void {
  const isItem = type === 'dict_items' && value instanceof Tuple && value.items.length === 2
  const key = type === 'dict_keys' ? value : isItem ? value.items[0]! : null
  const unhashable = withoutHash(key)
  if (unhashable !== undefined) throw new Fault(`a value of type ${typeName(unhashable)} cannot be a key`)
}

/** The value itself, or a part of a tuple, that Python cannot hash. */
function withoutHash(value: Value): Value | undefined {
  handle(1)
  if (value instanceof Tuple) return nested(() => value.items.map(withoutHash).find((part) => part !== undefined))
  const hasNone = isList(value) || value instanceof PyDict || (value instanceof View && value.type !== 'dict_values')
  return hasNone ? value : undefined
}

/** @throws Fault for a value that cannot be the key of a mapping. */
export function toKey(value: Value): Key {
  if (typeof value === 'string' || typeof value === 'bigint' || value === null) return value
  throw unsupported(`a key of type ${typeName(value)}`)
}

/** `str(value)`, which is also what `{{ value }}` prints. */
export function print(value: Value): string {
  if (typeof value === 'string') return value
  return value instanceof Undefined ? '' : represent(value)
}

/** `repr(value)` */
export function represent(value: Value): string {
  handle(1)
  if (value === null) return 'None'
  if (typeof value === 'string') return representText(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'bigint') return printInteger(value)
  if (typeof value === 'number') return representFloat(value)
  if (isList(value)) return `[${list(value)}]`
  if (value instanceof Tuple) return `(${list(value.items)}${value.items.length === 1 ? ',' : ''})`
  if (value instanceof PyDict)
    return nested(
      () =>
        `{${joined(
          [...value.map].map(([key, item]) => `${represent(key)}: ${represent(item)}`),
          ', ',
        )}}`,
    )
  if (value instanceof View) return `${value.type}(${represent([...value.items])})`
  if (value instanceof Range) return value.printed
  if (value instanceof Undefined) return 'Undefined'
  throw unsupported(`printing a value of type ${typeName(value)}`)
}

const list = (values: readonly Value[]) => nested(() => joined(values.map(represent), ', '))

function printInteger(value: bigint): string {
  // Long digits take a while to make.
  if (BigInt.asIntN(64, value) !== value) toil(64)
  return String(value)
}

/** The shortest digits that read back as the same number, which both languages have; the notation is Python's. */
export function representFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  if (Object.is(value, -0)) return '-0.0'
  const [digits = '', exponent = ''] = value.toExponential().split('e')
  const power = Number(exponent)
  if (value !== 0 && (power < -4 || power >= 16))
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  const text = power < 0 ? value.toFixed(Math.max(0, digits.replace(/[-.]/g, '').length - 1 - power)) : String(value)
  return text.includes('.') ? text : `${text}.0`
}

// What Python does not print: controls, surrogates, private and unassigned characters, and all spaces but U+0020.
const hidden = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u
const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

function representText(text: string): string {
  handle(text.length)
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const inner = Array.from(text, (character) => {
    if (character === quote) return `\\${character}`
    if (shortEscapes[character] !== undefined) return shortEscapes[character]
    if (!hidden.test(character)) return character
    const code = character.codePointAt(0)!
    const hex = code.toString(16)
    return code < 0x100
      ? `\\x${hex.padStart(2, '0')}`
      : code < 0x10000
        ? `\\u${hex.padStart(4, '0')}`
        : `\\U${hex.padStart(8, '0')}`
  })
  return quote + inner.join('') + quote
}

/** A value of JSON, as Python's json module would read it. @throws Fault for what JSON does not have */
export function toValue(value: unknown, path: string): Value {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint')
    return value
  if (value === undefined) return new Undefined(path)
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return value
    if (!Number.isSafeInteger(value))
      throw new Fault(`${path} is ${value}, and whole numbers beyond 2^53 have lost digits in JavaScript`)
    return BigInt(value)
  }
  if (value instanceof PyObject) return value
  if (Array.isArray(value)) return value.map((item, index) => toValue(item, `${path}[${index}]`))
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined
  if (prototype === Object.prototype || prototype === null)
    return new PyDict(
      Object.entries(value as object).flatMap(([key, item]) =>
        item === undefined ? [] : [[key, toValue(item, `${path}.${key}`)] as const],
      ),
    )
  throw new Fault(`${path} is not a JSON value`)
}
