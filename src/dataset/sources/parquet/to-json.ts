import { isUtf8 } from 'node:buffer'
import type { SchemaElement, SchemaTree } from 'hyparquet'
import { type InexactNumber, parseJsonKeepingDigits } from '../../json-text.js'
import { damaged, Unreadable } from './damaged.js'

/** What a value is part of. */
interface Place {
  /** A JSON Pointer. */
  readonly pointer: string
  readonly inexact: InexactNumber[]
}

/** Converts a value of a column to JSON. Throws `Unreadable` for a value that JSON cannot represent. */
export type ToJson = (value: unknown, place: Place) => unknown

export interface ParquetOptions {
  /**
   * Reads BYTE_ARRAY columns without an annotation as UTF-8 text, as some old writers need. @default false: they are
   * base64 text
   */
  readonly binaryAsText?: boolean | undefined
  /** The columns that are read. A file without one of them is an error. @default all */
  readonly columns?: readonly string[] | undefined
}

/**
 * How the values of a column become JSON:
 *
 * - integers, floats, doubles: numbers; integers beyond ±2⁵³ keep their digits as text and may only be an id or a group
 * - decimals: text with all digits of the scale, `"12.50"`
 * - dates `"2024-05-31"`, times `"12:30:00.5"`, timestamps `"2024-05-31T12:30:00.5Z"`, with `Z` if they are in UTC, and
 *   without zeros at the end of the fraction
 * - text, enums: text; UUIDs: text in lower case; JSON: its value; other bytes: base64 text
 * - structs: objects; lists: arrays; maps: objects, if their keys are text, integers or booleans
 */
export function toJsonOf(
  tree: SchemaTree,
  annotations: ReadonlyMap<SchemaElement, SchemaElement>,
  options: ParquetOptions,
): ToJson {
  const element = annotations.get(tree.element)!
  const of = (child: SchemaTree) => toJsonOf(child, annotations, options)
  const name = JSON.stringify(tree.path.join('.'))
  if (tree.children.length === 0) return orNull(repeated(tree, leafToJson(element, name, options)))
  const kind = element.logical_type?.type ?? element.converted_type
  if (kind === 'VARIANT') throw new Unreadable(unsupported(name, kind))
  const [only] = tree.children
  if (kind === 'LIST' && isList(tree)) {
    const inner = only!.children.length === 1 ? only!.children[0]! : only!
    const item = of(inner)
    // A repeated element without a level of its own: the list is the repetition.
    return orNull(inner === only ? item : list(item))
  }
  const isMap = (kind === 'MAP' || kind === 'MAP_KEY_VALUE') && tree.children.length === 1
  if (isMap && only!.children.length === 2 && only!.element.repetition_type === 'REPEATED')
    return orNull(mapToJson(only!, of, name))
  const members = tree.children.map((child) => {
    const { name: key } = child.element
    // A literal object would get a prototype instead of a member.
    if (key === '__proto__') throw new Unreadable('it has a field "__proto__"; rename it')
    return [key, of(child), `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`] as const
  })
  return orNull(
    repeated(tree, (value, { pointer, inexact }) => {
      const result: Record<string, unknown> = {}
      for (const [key, convert, step] of members)
        result[key] = convert((value as Record<string, unknown>)[key], { pointer: pointer + step, inexact })
      return result
    }),
  )
}

/** As hyparquet recognizes lists. */
const isList = ({ children: [first, second] }: SchemaTree) =>
  second === undefined && first!.children.length <= 1 && first!.element.repetition_type === 'REPEATED'

const orNull =
  (convert: ToJson): ToJson =>
  (value, place) => {
    if (value === undefined) throw damaged('a value is missing')
    return value === null ? null : convert(value, place)
  }

const repeated = ({ element }: SchemaTree, convert: ToJson): ToJson =>
  element.repetition_type === 'REPEATED' ? list(orNull(convert)) : convert

const list =
  (convert: ToJson): ToJson =>
  (value, { pointer, inexact }) => {
    if (!Array.isArray(value)) throw damaged('a list is missing')
    return value.map((item, index) => convert(item, { pointer: `${pointer}/${index}`, inexact }))
  }

function mapToJson(pairs: SchemaTree, of: (child: SchemaTree) => ToJson, name: string): ToJson {
  const [keyTree, valueTree] = pairs.children as [SchemaTree, SchemaTree]
  const [toKey, toValue] = [of(keyTree), of(valueTree)]
  return (value, { pointer, inexact }) => {
    const entries = (value as Record<string, unknown>)[pairs.element.name]
    if (!Array.isArray(entries)) throw damaged('a map is missing')
    const result: Record<string, unknown> = {}
    for (const entry of entries as Record<string, unknown>[]) {
      const key = toKey(entry[keyTree.element.name], { pointer, inexact: [] })
      if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'boolean')
        throw new Unreadable(`the map ${name} has a key that is not text`)
      const text = String(key)
      if (text === '__proto__' || Object.hasOwn(result, text))
        throw new Unreadable(`the map ${name} has the key ${JSON.stringify(text)} twice, or it is not allowed`)
      const step = `/${text.replaceAll('~', '~0').replaceAll('/', '~1')}`
      result[text] = toValue(entry[valueTree.element.name], { pointer: pointer + step, inexact })
    }
    return result
  }
}

function leafToJson(element: SchemaElement, name: string, { binaryAsText = false }: ParquetOptions): ToJson {
  const { type, converted_type: converted, logical_type: logical } = element
  const kind = logical?.type ?? converted
  switch (kind) {
    case undefined:
    case 'INTEGER':
    case 'INT_8':
    case 'INT_16':
    case 'INT_32':
    case 'INT_64':
    case 'UINT_8':
    case 'UINT_16':
    case 'UINT_32':
    case 'UINT_64':
      return plainToJson(element, binaryAsText)
    case 'NULL':
      return () => null
    case 'UTF8':
    case 'STRING':
    case 'ENUM':
      return (value) => (typeof value === 'string' ? value : textOf(value as Uint8Array))
    case 'JSON':
      return (value, { pointer, inexact }) => {
        const parsed = parseJsonKeepingDigits(textOf(value as Uint8Array))
        if ('problem' in parsed) throw new Unreadable(`the value at ${pointer}: ${parsed.problem.message}`)
        for (const number of parsed.inexact) inexact.push({ ...number, pointer: pointer + number.pointer })
        return parsed.value
      }
    case 'DECIMAL': {
      const scale = (logical?.type === 'DECIMAL' ? logical.scale : element.scale) ?? 0
      if (!(scale >= 0 && scale <= 1000)) throw damaged(`the column ${name} has the scale ${scale}`)
      return (value) => decimalText(value instanceof Uint8Array ? signed(value) : BigInt(value as number), scale)
    }
    case 'DATE':
      return (value) => dateText(BigInt(value as number))
    case 'TIME':
    case 'TIME_MILLIS':
    case 'TIME_MICROS': {
      const perSecond = perSecondOf(element)
      return (value) => timeText(BigInt(value as number), perSecond)
    }
    case 'TIMESTAMP':
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS': {
      const perSecond = perSecondOf(element)
      const zone = logical?.type === 'TIMESTAMP' && !logical.isAdjustedToUTC ? '' : 'Z'
      return (value) => timestampText(BigInt(value as number), perSecond, zone)
    }
    case 'UUID':
      return (value) =>
        hex(value as Uint8Array).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, (_, ...parts) =>
          parts.slice(0, 5).join('-'),
        )
    case 'FLOAT16':
      return (value, place) => finite(halfFloat(value as Uint8Array), place)
    default:
      throw new Unreadable(unsupported(name, type === undefined ? 'a struct' : kind))
  }
}

const unsupported = (name: string, kind: string) =>
  `the column ${name} has the type ${kind}, which is not supported; write it as text, or leave it out`

function plainToJson(
  { type, converted_type: converted, logical_type: logical }: SchemaElement,
  asText: boolean,
): ToJson {
  const isUnsigned = logical?.type === 'INTEGER' ? !logical.isSigned : converted?.startsWith('UINT') === true
  switch (type) {
    case 'BOOLEAN':
      return (value) => value
    case 'INT32':
      return isUnsigned ? (value) => (value as number) >>> 0 : (value) => value
    case 'INT64':
      return (value, { pointer, inexact }) => {
        const integer = isUnsigned ? BigInt.asUintN(64, value as bigint) : (value as bigint)
        const number = Number(integer)
        if (BigInt(number) === integer && String(number) === String(integer)) return number
        inexact.push({ pointer, digits: String(integer) })
        return String(integer)
      }
    // Nanoseconds since 1970, without a time zone.
    case 'INT96':
      return (value) => timestampText(value as bigint, 1_000_000_000n, '')
    case 'FLOAT':
    case 'DOUBLE':
      return (value, place) => finite(value as number, place)
    default:
      return asText && type === 'BYTE_ARRAY'
        ? (value) => textOf(value as Uint8Array)
        : (value) => bufferOf(value as Uint8Array).toString('base64')
  }
}

function finite(value: number, { pointer }: Place): number {
  if (Number.isFinite(value)) return value
  throw new Unreadable(`the number at ${pointer} is ${value}, which JSON cannot represent; write null`)
}

function halfFloat([low = 0, high = 0]: Uint8Array): number {
  const [exponent, fraction] = [(high >> 2) & 0x1f, ((high & 3) << 8) | low]
  const sign = high >> 7 === 1 ? -1 : 1
  if (exponent === 0) return sign * 2 ** -24 * fraction
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * 2 ** (exponent - 25) * (1024 + fraction)
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const hex = (bytes: Uint8Array) => bufferOf(bytes).toString('hex')

/** @throws `Unreadable` for bytes that are not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  const text = bufferOf(bytes).toString('utf8')
  // An invalid byte becomes U+FFFD, which may also be in the text.
  if (text.includes('\uFFFD') && !isUtf8(bytes)) throw new Unreadable('a text is not UTF-8')
  return text
}

/** A big-endian integer in two's complement. */
function signed(bytes: Uint8Array): bigint {
  if (bytes.length === 0 || bytes.length > 1024) throw damaged(`a decimal has ${bytes.length} bytes`)
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex(bytes)}`))
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

function perSecondOf({ converted_type: converted, logical_type: logical }: SchemaElement): bigint {
  const unit = logical?.type === 'TIME' || logical?.type === 'TIMESTAMP' ? logical.unit : undefined
  if (unit === 'NANOS') return 1_000_000_000n
  return unit === 'MICROS' || converted?.endsWith('MICROS') === true ? 1_000_000n : 1000n
}

const secondsPerDay = 86_400n

function timestampText(ticks: bigint, perSecond: bigint, zone: string): string {
  const perDay = secondsPerDay * perSecond
  const inDay = ((ticks % perDay) + perDay) % perDay
  return `${dateText((ticks - inDay) / perDay)}T${timeText(inDay, perSecond)}${zone}`
}

function timeText(ticks: bigint, perSecond: bigint): string {
  const seconds = ticks / perSecond
  if (ticks < 0n || seconds >= secondsPerDay) throw new Unreadable('a time is not within a day')
  const two = (value: bigint) => String(value).padStart(2, '0')
  const fraction = String(ticks % perSecond)
    .padStart(String(perSecond).length - 1, '0')
    .replace(/0+$/, '')
  const time = `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`
  return fraction === '' ? time : `${time}.${fraction}`
}

/** The range of `Date` is ±100,000,000 days. */
function dateText(days: bigint): string {
  const date = new Date(Number(days) * 86_400_000)
  if (Number.isNaN(date.getTime())) throw new Unreadable('a date is outside the years that can be represented')
  // Years below 0 and above 9999 have a sign and six digits.
  return date.toISOString().replace(/T.*$/, '')
}
