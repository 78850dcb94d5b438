// https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-filters
import { binary, roundHalfEven, toFloat } from './arithmetic.js'
import { applyTest } from './builtin-tests.js'
import { Fault, unsupported } from './fault.js'
import { formatPercent } from './format.js'
import { GivenArguments } from './given.js'
import { itemOf } from './items.js'
import { dumpJson } from './json.js'
import { handle, joined, scan } from './meter.js'
import { capitalize, characters, lower, pad, replaceText, splitLines, trim, upper } from './text.js'
import {
  compare,
  type Given,
  isEqual,
  isList,
  isNumber,
  isTrue,
  items,
  otherwise,
  PyDict,
  present,
  print,
  Stream,
  size,
  Tuple,
  toNumber,
  typeName,
  Undefined,
  type Value,
} from './values.js'

type Filter = (value: Value, given: GivenArguments) => Value

const length: Filter = (value) => BigInt(value instanceof Undefined ? 0 : size(value))

const fallback: Filter = (value, given) => {
  const other = otherwise(given.optional('default_value'), '')
  const alsoFalse = isTrue(given.optional('boolean') ?? false)
  return value instanceof Undefined || (alsoFalse && !isTrue(value)) ? other : value
}

const extreme =
  (wanted: 1 | -1): Filter =>
  (value, given) => {
    const key = sortKey(isTrue(given.optional('case_sensitive') ?? false), given.optional('attribute'))
    const list = items(value)
    if (list.length === 0) return new Undefined('the least or greatest of nothing')
    return list.reduce((best, item) => (compare(key(item), key(best)) * wanted > 0 ? item : best))
  }

const filters: ReadonlyMap<string, Filter> = new Map<string, Filter>(
  Object.entries<Filter>({
    length,
    count: length,
    default: fallback,
    d: fallback,
    string: (value) => print(value),
    upper: (value) => upper(print(value)),
    lower: (value) => lower(print(value)),
    capitalize: (value) => capitalize(print(value)),
    title(value) {
      const text = print(value)
      handle(text.length)
      return text
        .split(/([-\s({[<]+)/)
        .map((word) => {
          const [first = '', ...rest] = characters(word)
          return upper(first) + lower(rest.join(''))
        })
        .join('')
    },
    trim(value, given) {
      const stripped = given.optionalText('chars')
      return trim(print(value), stripped === undefined ? undefined : new Set(characters(stripped)))
    },
    replace: (value, given) =>
      replaceText(print(value), print(given.required('old')), print(given.required('new')), given.integer('count', -1)),
    center: (value, given) => pad(print(value), bounded(given.integer('width', 80)), ' ', 'both'),
    indent: indentLines,
    wordcount(value) {
      const text = print(value)
      handle(text.length)
      return BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)
    },
    join(value, given) {
      const separator = print(otherwise(given.optional('d'), ''))
      const attribute = given.optional('attribute') ?? null
      const list = attribute === null ? items(value) : items(value).map((item) => attributePath(item, attribute))
      return joined(list.map(print), separator)
    },
    list: (value) => [...items(value)],
    first: (value) =>
      otherwise((value instanceof Stream ? value.take(1) : items(value))[0], new Undefined('the first of nothing')),
    last(value) {
      if (value instanceof Stream) throw new Fault('a value that can be read once has no last item')
      return otherwise(items(present(value)).at(-1), new Undefined('the last of nothing'))
    },
    min: extreme(-1),
    max: extreme(1),
    sum(value, given) {
      const attribute = given.optional('attribute') ?? null
      const list = attribute === null ? items(value) : items(value).map((item) => attributePath(item, attribute))
      const start = otherwise(given.optional('start'), 0n)
      if (typeof start === 'string') throw new Fault('sum adds numbers, not text')
      // Python adds fractions with a correction since 3.12, so that the last digit depends on its version.
      if ([start, ...list].filter((item) => typeof item === 'number').length > 2)
        throw unsupported('a sum of fractions')
      return list.reduce<Value>((total, item) => binary('+', total, item), start)
    },
    sort(value, given) {
      const reverse = isTrue(given.optional('reverse') ?? false)
      const key = sortKey(isTrue(given.optional('case_sensitive') ?? false), given.optional('attribute'))
      return sorted(items(value), key, reverse)
    },
    dictsort(value, given) {
      if (!(value instanceof PyDict)) throw new Fault(`dictsort needs a mapping, not ${typeName(value)}`)
      const caseSensitive = isTrue(given.optional('case_sensitive') ?? false)
      const by = otherwise(given.optional('by'), 'key')
      if (by !== 'key' && by !== 'value') throw new Fault('dictsort sorts by "key" or "value"')
      const reverse = isTrue(given.optional('reverse') ?? false)
      const key = sortKey(caseSensitive, undefined)
      handle(value.map.size)
      const entries = [...value.map].map((entry) => new Tuple(entry))
      return sorted(entries, (entry) => key((entry as Tuple).items[by === 'key' ? 0 : 1]!), reverse)
    },
    unique(value, given) {
      const key = sortKey(isTrue(given.optional('case_sensitive') ?? false), given.optional('attribute'))
      const seen: Value[] = []
      return new Stream(
        items(value).filter((item) => {
          const one = key(item)
          if (isList(one) || one instanceof PyDict)
            throw new Fault(`the filter "unique" cannot compare ${typeName(one)}s`)
          const isNew = !seen.some((other) => isEqual(one, other))
          if (isNew) seen.push(one)
          return isNew
        }),
      )
    },
    reverse(value) {
      if (typeof value === 'string') return characters(value).reverse().join('')
      const reversed = [...items(present(value))].reverse()
      return value instanceof Stream ? reversed : new Stream(reversed)
    },
    items(value) {
      if (value instanceof Undefined) return new Stream([])
      if (!(value instanceof PyDict)) throw new Fault(`the filter "items" needs a mapping, not ${typeName(value)}`)
      handle(value.map.size)
      return new Stream([...value.map].map((entry) => new Tuple(entry)))
    },
    batch(value, given) {
      const count = given.integer('linecount', 0)
      if (count < 1) throw new Fault('batch needs a size of 1 or more')
      const filler = given.optional('fill_with') ?? null
      const list = items(value)
      const batches: Value[][] = []
      for (let at = 0; at < list.length; at += count) batches.push(list.slice(at, at + count))
      const last = batches.at(-1)
      handle(batches.length)
      if (filler !== null && last !== undefined) handle(count - last.length)
      if (filler !== null && last !== undefined) while (last.length < count) last.push(filler)
      return new Stream(batches)
    },
    abs(value) {
      if (!isNumber(present(value))) throw new Fault(`abs needs a number, not ${typeName(value)}`)
      const number = toNumber(value as bigint)
      return typeof number === 'bigint' ? (number < 0n ? -number : number) : Math.abs(number)
    },
    int(value, given) {
      const other = otherwise(given.optional('default'), 0n)
      if (given.integer('base', 10) !== 10) throw unsupported('a base other than 10')
      return toInteger(value) ?? other
    },
    float(value, given) {
      const other = otherwise(given.optional('default'), 0)
      return readFloat(value) ?? other
    },
    round: roundNumber,
    tojson(value, given) {
      const ensureAscii = isTrue(given.optional('ensure_ascii') ?? false)
      const indent = given.optional('indent') ?? undefined
      const separators = given.optional('separators') ?? undefined
      const sortKeys = isTrue(given.optional('sort_keys') ?? false)
      const [item, key] = separators === undefined ? [] : items(separators)
      return dumpJson(value, {
        ensureAscii,
        sortKeys,
        indent: indent === undefined ? undefined : typeof indent === 'string' ? indent : spaces(indent),
        itemSeparator: item === undefined ? (indent === undefined ? ', ' : ',') : print(item),
        keySeparator: key === undefined ? ': ' : print(key),
      })
    },
  }),
)

// These take arguments that are handed on.
const selecting = new Set(['select', 'reject', 'selectattr', 'rejectattr', 'map', 'format'])
/** `safe` is allowed only where text is printed; the parser sees to that. */
export const filterNames = { has: (name: string) => filters.has(name) || selecting.has(name) || name === 'safe' }

export function applyFilter(name: string, value: Value, given: Given): Value {
  if (selecting.has(name)) return select(name, value, given)
  const filter = filters.get(name)
  if (name === 'safe') throw unsupported('the filter "safe" inside of an expression')
  if (filter === undefined) throw unsupported(`the filter "${name}"`)
  const reader = new GivenArguments(`the filter "${name}"`, given)
  const result = filter(value, reader)
  reader.end()
  return result
}

function select(name: string, value: Value, { positional, named }: Given): Value {
  if (name === 'format') {
    if (positional.length > 0 && named.size > 0) throw new Fault('format takes values with or without names, not both')
    const mapping = named.size > 0 ? new PyDict(named) : new Tuple(positional)
    return formatPercent(print(value), positional, mapping)
  }
  if (name === 'map') {
    const attribute = named.get('attribute')
    if (positional.length === 0 && attribute !== undefined) {
      const other = named.get('default') ?? null
      for (const key of named.keys())
        if (key !== 'attribute' && key !== 'default') throw new Fault(`map has no "${key}"`)
      return new Stream(
        items(value).map((item) => {
          const found = attributePath(item, attribute)
          return found instanceof Undefined && other !== null ? other : found
        }),
      )
    }
    const [filter, ...rest] = positional
    if (typeof filter !== 'string') throw new Fault('map needs the name of a filter, or an attribute')
    return new Stream(items(value).map((item) => applyFilter(filter, item, { positional: rest, named })))
  }
  const [attribute, [test, ...rest]] = name.endsWith('attr')
    ? [positional[0], positional.slice(1)]
    : [undefined, positional]
  if (name.endsWith('attr') && attribute === undefined) throw new Fault(`${name} needs the name of an attribute`)
  if (test !== undefined && typeof test !== 'string') throw new Fault(`${name} needs the name of a test`)
  const wanted = name.startsWith('select')
  return new Stream(
    items(value).filter((item) => {
      const tested = attribute === undefined ? item : attributePath(item, attribute)
      const holds = test === undefined ? isTrue(tested) : applyTest(test, tested, { positional: rest, named })
      return holds === wanted
    }),
  )
}

/** `a.b.0` */
function attributePath(value: Value, attribute: Value): Value {
  if (typeof attribute === 'bigint') return itemOf(value, attribute)
  if (typeof attribute !== 'string') throw new Fault('the name of an attribute must be text')
  handle(attribute.length)
  return attribute
    .split('.')
    .reduce<Value>((object, part) => itemOf(object, /^\d+$/.test(part) ? BigInt(part) : part), value)
}

function sortKey(caseSensitive: boolean, attribute: Value | undefined): (item: Value) => Value {
  if (typeof attribute === 'string' && attribute.includes(',')) throw unsupported('sorting by several attributes')
  return (item) => {
    const value = attribute === undefined || attribute === null ? item : attributePath(item, attribute)
    return caseSensitive || typeof value !== 'string' ? value : lower(value)
  }
}

function sorted(list: readonly Value[], key: (item: Value) => Value, reverse: boolean): Value[] {
  const keyed = list.map((item) => ({ item, key: key(item) }))
  if (keyed.length === 1) return [...list]
  // An order with NaN depends on the algorithm.
  const order = (left: Value, right: Value) => {
    const result = compare(left, right)
    if (Number.isNaN(result)) throw unsupported('sorting "nan"')
    return result
  }
  keyed.sort((left, right) => (reverse ? order(right.key, left.key) : order(left.key, right.key)))
  return keyed.map(({ item }) => item)
}

function indentLines(value: Value, given: GivenArguments): Value {
  const width = otherwise(given.optional('width'), 4n)
  const first = isTrue(given.optional('first') ?? false)
  const blank = isTrue(given.optional('blank') ?? false)
  const indention = typeof width === 'string' ? width : spaces(width)
  if (typeof value !== 'string') throw new Fault(`indent needs text, not a value of type ${typeName(value)}`)
  scan(value.length)
  const lines = splitLines(`${value}\n`)
  const indented = lines.map((line, index) => ((index === 0 ? first : blank || line !== '') ? indention + line : line))
  return joined(indented, '\n')
}

function roundNumber(value: Value, given: GivenArguments): Value {
  const places = given.integer('precision', 0)
  const method = otherwise(given.optional('method'), 'common')
  if (!isNumber(present(value))) throw new Fault(`round needs a number, not ${typeName(value)}`)
  const number = toNumber(value as bigint)
  if (Math.abs(places) > 300) throw unsupported('such a precision')
  if (method === 'common') {
    if (typeof number === 'number') {
      if (!Number.isFinite(number)) return number
      return Number(roundHalfEven(number, places))
    }
    if (places >= 0) return number
    throw unsupported('rounding a whole number to tens')
  }
  if (method !== 'ceil' && method !== 'floor') throw new Fault('round knows the methods "common", "ceil" and "floor"')
  const scale = 10 ** Math.abs(places)
  if (places < 0) throw unsupported('rounding up or down to tens')
  const scaled = toFloat(number) * scale
  if (!Number.isSafeInteger(Math.trunc(scaled))) throw unsupported('rounding such a number')
  return Math[method](scaled) / scale + 0
}

function toInteger(value: Value): bigint | undefined {
  if (typeof value === 'string') handle(value.length)
  if (typeof value === 'string' && value.length <= 4300 && /^[+-]?\d+(_\d+)*$/.test(trim(value)))
    return BigInt(trim(value).replaceAll('_', '').replace(/^\+/, ''))
  if (isNumber(value) && typeof value !== 'number') return BigInt(toNumber(value))
  const float = readFloat(value)
  return float === undefined || !Number.isFinite(float) ? undefined : BigInt(Math.trunc(float))
}

/** Python's float(). */
function readFloat(value: Value): number | undefined {
  if (isNumber(value)) return toFloat(toNumber(value))
  if (value instanceof Undefined) present(value)
  if (typeof value !== 'string') return undefined
  handle(value.length)
  const text = trim(value).toLowerCase()
  const special = /^([+-]?)(inf|infinity|nan)$/.exec(text)
  if (special !== null)
    return special[2] === 'nan' ? Number.NaN : special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/[^\0-\x7f]/.test(text)) throw unsupported(`reading ${JSON.stringify(value)} as a number`)
  return /^[+-]?(\d+(_\d+)*(\.(\d+(_\d+)*)?)?|\.\d+(_\d+)*)(e[+-]?\d+(_\d+)*)?$/.test(text)
    ? Number(text.replaceAll('_', ''))
    : undefined
}

function spaces(width: Value): string {
  if (!isNumber(width) || typeof width === 'number') throw new Fault('an indent must be a whole number or text')
  return ' '.repeat(Math.max(0, bounded(Number(width))))
}

function bounded(width: number): number {
  if (width > 10_000) throw unsupported('a width of more than 10000')
  return width
}
