// The attributes of Python's types: https://docs.python.org/3/library/stdtypes.html
import { Fault, unsupported } from './fault.js'
import { formatBraces } from './format.js'
import { GivenArguments } from './given.js'
import { handle, joined, scan } from './meter.js'
import {
  capitalize,
  characters,
  indexIn,
  isCased,
  isWhiteSpace,
  lastIndexIn,
  lengthOf,
  lower,
  pad,
  replaceText,
  splitAt,
  splitLines,
  splitWords,
  titleWords,
  trim,
  trimEnd,
  trimStart,
  upper,
} from './text.js'
import {
  Callable,
  isEqual,
  isList,
  isTrue,
  items,
  Loop,
  Namespace,
  PyDict,
  Tuple,
  toKey,
  typeName,
  type Value,
  View,
} from './values.js'

type Method<S> = (self: S, given: GivenArguments) => Value

const textMethods: Readonly<Record<string, Method<string>>> = {
  upper: (text) => upper(text),
  lower: (text) => lower(text),
  capitalize: (text) => capitalize(text),
  title: (text) => titleWords(text),
  strip: (text, given) => trim(text, setOf(given.optionalText('chars'))),
  lstrip: (text, given) => trimStart(text, setOf(given.optionalText('chars'))),
  rstrip: (text, given) => trimEnd(text, setOf(given.optionalText('chars'))),
  split: (text, given) => split(text, given, false),
  rsplit: (text, given) => split(text, given, true),
  splitlines: (text, given) => splitLines(text, isTrue(given.optional('keepends') ?? false)),
  startswith: (text, given) => affixes(given).some((affix) => text.startsWith(affix)),
  endswith: (text, given) => affixes(given).some((affix) => text.endsWith(affix)),
  replace: (text, given) => replaceText(text, given.text('old'), given.text('new'), given.integer('count', -1)),
  find: (text, given) => placeIn(text, indexIn(text, given.text('sub'))),
  rfind: (text, given) => placeIn(text, lastIndexIn(text, given.text('sub'))),
  index: (text, given) => found(placeIn(text, indexIn(text, given.text('sub')))),
  rindex: (text, given) => found(placeIn(text, lastIndexIn(text, given.text('sub')))),
  count(text, given) {
    const part = given.text('sub')
    return BigInt(part === '' ? lengthOf(text) + 1 : splitAt(text, part, -1, false).length - 1)
  },
  join: (text, given) =>
    joined(
      items(given.required('iterable')).map((item) => {
        if (typeof item !== 'string') throw new Fault(`join needs text, not a value of type ${typeName(item)}`)
        return item
      }),
      text,
    ),
  removeprefix(text, given) {
    const affix = given.text('prefix')
    scan(affix.length)
    return text.startsWith(affix) ? text.slice(affix.length) : text
  },
  removesuffix(text, given) {
    const affix = given.text('suffix')
    scan(affix.length)
    return affix !== '' && text.endsWith(affix) ? text.slice(0, -affix.length) : text
  },
  partition(text, given) {
    const separator = notEmpty(given.text('sep'))
    const at = indexIn(text, separator)
    return new Tuple(at < 0 ? [text, '', ''] : [text.slice(0, at), separator, text.slice(at + separator.length)])
  },
  rpartition(text, given) {
    const separator = notEmpty(given.text('sep'))
    const at = lastIndexIn(text, separator)
    return new Tuple(at < 0 ? ['', '', text] : [text.slice(0, at), separator, text.slice(at + separator.length)])
  },
  zfill(text, given) {
    const sign = /^[-+]/.exec(text)?.[0] ?? ''
    return sign + pad(text.slice(sign.length), width(given) - sign.length, '0', 'left')
  },
  ljust: (text, given) => pad(text, width(given), fill(given), 'right'),
  rjust: (text, given) => pad(text, width(given), fill(given), 'left'),
  center: (text, given) => pad(text, width(given), fill(given), 'both'),
  isspace: (text) => isWhiteSpace(text),
  islower: (text) => isCased(text, 'lower'),
  isupper: (text) => isCased(text, 'upper'),
  isalpha: (text) => matches(text, /^\p{L}+$/u),
  isdecimal: (text) => matches(text, /^\p{Nd}+$/u),
  isdigit: (text) => ofNumbers(text, /^\p{Nd}+$/u),
  isnumeric: (text) => ofNumbers(text, /^\p{Nd}+$/u),
  isalnum: (text) => matches(text, /^[\p{L}\p{Nd}]+$/u) || ofNumbers(text, /(?!)/),
  isascii: (text) => matches(text, /^[\0-\x7f]*$/),
}

const dictMethods: Readonly<Record<string, Method<PyDict>>> = {
  get(dict, given) {
    const key = toKey(given.required('key'))
    const fallback = given.optional('default') ?? null
    return dict.map.get(key) ?? (dict.map.has(key) ? null : fallback)
  },
  items: (dict) => new View('dict_items', entriesOf(dict)),
  keys: (dict) => new View('dict_keys', [...items(dict)]),
  values: (dict) =>
    new View(
      'dict_values',
      entriesOf(dict).map((entry) => entry.items[1]!),
    ),
  copy: (dict) => dict,
}

const listMethods: Readonly<Record<string, Method<readonly Value[]>>> = {
  index(list, given) {
    const value = given.required('value')
    return found(BigInt(list.findIndex((item) => isEqual(item, value))))
  },
  count(list, given) {
    const value = given.required('value')
    return BigInt(list.filter((item) => isEqual(item, value)).length)
  },
}

// Attributes that Python has and this engine has not. Where an attribute is in neither list, the value has no such attribute.
const names = (text: string) => new Set(text.split(' '))
const otherTextMethods = names(
  'casefold encode expandtabs format_map isidentifier isprintable istitle maketrans swapcase translate',
)
const otherDictMethods = names('clear fromkeys pop popitem setdefault update')
const otherListMethods = names('append clear copy extend insert pop remove reverse sort')
const otherNumberAttributes = names(
  'as_integer_ratio bit_count bit_length conjugate denominator from_bytes fromhex hex imag is_integer numerator real to_bytes',
)

/** `getattr(value, name)`; `undefined` if the value has no such attribute. @throws Fault for one that this engine lacks. */
export function attributeOf(value: Value, name: string): Value | undefined {
  if (/^__\w+__$/.test(name)) throw unsupported(`the attribute "${name}"`)
  if (value instanceof Namespace) return value.map.get(name)
  if (value instanceof Loop) return value.members.get(name)?.()
  if (typeof value === 'string') {
    if (name === 'format') return new Callable(name, ({ positional, named }) => formatBraces(value, positional, named))
    return method(value, name, textMethods, otherTextMethods)
  }
  if (value instanceof PyDict) return method(value, name, dictMethods, otherDictMethods)
  if (value instanceof Tuple) return method(value.items, name, listMethods, new Set())
  if (isList(value)) return method(value, name, listMethods, otherListMethods)
  const isOther =
    value instanceof View || value instanceof Callable || typeName(value) === 'range' || otherNumberAttributes.has(name)
  if (isOther) throw unsupported(`the attribute "${name}" of a value of type ${typeName(value)}`)
  return undefined
}

function method<S>(
  self: S,
  name: string,
  methods: Readonly<Record<string, Method<S>>>,
  others: ReadonlySet<string>,
): Value | undefined {
  if (others.has(name)) throw unsupported(`the method "${name}"`)
  if (!Object.hasOwn(methods, name)) return undefined
  return new Callable(name, (given) => {
    const reader = new GivenArguments(name, given)
    const result = methods[name]!(self, reader)
    reader.end()
    return result
  })
}

function entriesOf({ map }: PyDict): readonly Tuple[] {
  handle(map.size)
  return [...map].map((entry) => new Tuple(entry))
}

const setOf = (characterSet: string | undefined) =>
  characterSet === undefined ? undefined : new Set(characters(characterSet))

function split(text: string, given: GivenArguments, fromRight: boolean): Value {
  const separator = given.optionalText('sep')
  const most = given.integer('maxsplit', -1)
  if (separator === undefined) return splitWords(text, most, fromRight)
  return splitAt(text, notEmpty(separator), most, fromRight)
}

function notEmpty(separator: string): string {
  if (separator === '') throw new Fault('a separator is empty')
  return separator
}

function affixes(given: GivenArguments): readonly string[] {
  const value = given.required('prefix')
  const list = value instanceof Tuple ? value.items : [value]
  return list.map((affix) => {
    if (typeof affix !== 'string') throw new Fault(`a prefix or suffix must be text, not ${typeName(affix)}`)
    scan(affix.length)
    return affix
  })
}

const placeIn = (text: string, at: number) => BigInt(at < 0 ? -1 : lengthOf(text.slice(0, at)))

function found(index: bigint): bigint {
  if (index < 0n) throw new Fault('what is searched for is not there')
  return index
}

/** Wider is refused. */
const maximumWidth = 10_000

function width(given: GivenArguments): number {
  const columns = given.integer('width', 0)
  if (columns > maximumWidth) throw unsupported(`a width of more than ${maximumWidth}`)
  return columns
}

function fill(given: GivenArguments): string {
  const text = given.optionalText('fillchar') ?? ' '
  if (lengthOf(text) !== 1) throw new Fault('the character to fill with must be one character')
  return text
}

function matches(text: string, pattern: RegExp): boolean {
  handle(text.length)
  return pattern.test(text)
}

// Python counts superscripts, circled numbers and numerals of Chinese, too.
function ofNumbers(text: string, plain: RegExp): boolean {
  if (matches(text, plain)) return true
  if (/[\p{No}\p{Nl}]/u.test(text) || /[\u3007\u4e00-\u9fff]/.test(text)) throw unsupported('a test for such numbers')
  return false
}
