import { Fault } from './fault.js'
import { handle, joined, nested, scan } from './meter.js'
import { compareText } from './text.js'
import { isList, type Key, PyDict, represent, representFloat, Tuple, typeName, type Value } from './values.js'

export interface JsonOptions {
  readonly ensureAscii: boolean
  /** For one level; `undefined` for a single line. */
  readonly indent: string | undefined
  readonly itemSeparator: string
  readonly keySeparator: string
  readonly sortKeys: boolean
}

/** Python's json.dumps: https://docs.python.org/3/library/json.html#json.dumps */
export const dumpJson = (value: Value, options: JsonOptions, depth = 1): string =>
  nested(() => dump(value, options, depth))

function dump(value: Value, options: JsonOptions, depth: number): string {
  handle(1)
  if (value === null) return 'null'
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (typeof value === 'number')
    return Number.isFinite(value)
      ? representFloat(value)
      : Number.isNaN(value)
        ? 'NaN'
        : value < 0
          ? '-Infinity'
          : 'Infinity'
  if (typeof value === 'string') return dumpText(value, options)
  const { indent = '' } = options
  scan(2 * indent.length * depth)
  const inner = options.indent === undefined ? '' : `\n${indent.repeat(depth)}`
  const outer = options.indent === undefined ? '' : `\n${indent.repeat(depth - 1)}`
  const container = (open: string, parts: readonly string[], close: string) =>
    parts.length === 0 ? open + close : open + inner + joined(parts, options.itemSeparator + inner) + outer + close
  if (isList(value) || value instanceof Tuple) {
    const list = isList(value) ? value : value.items
    return container(
      '[',
      list.map((item) => dumpJson(item, options, depth + 1)),
      ']',
    )
  }
  if (!(value instanceof PyDict)) throw new Fault(`a value of type ${typeName(value)} cannot be written as JSON`)
  handle(value.map.size)
  const entries = [...value.map]
  if (options.sortKeys) entries.sort(([left], [right]) => orderKeys(left, right))
  return container(
    '{',
    entries.map(
      ([key, item]) => dumpText(keyText(key), options) + options.keySeparator + dumpJson(item, options, depth + 1),
    ),
    '}',
  )
}

const keyText = (key: Key) => (key === null ? 'null' : String(key))

function orderKeys(left: Key, right: Key): number {
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right)
  if (typeof left === 'bigint' && typeof right === 'bigint') return left < right ? -1 : left > right ? 1 : 0
  throw new Fault(`the keys ${represent(left)} and ${represent(right)} have no order`)
}

function dumpText(text: string, { ensureAscii }: JsonOptions): string {
  handle(text.length)
  const quoted = JSON.stringify(text)
  if (!ensureAscii) return quoted
  return quoted.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
