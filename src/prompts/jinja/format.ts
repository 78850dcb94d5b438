import { roundHalfEven, toFloat } from './arithmetic.js'
import { Fault, unsupported } from './fault.js'
import { handle, made } from './meter.js'
import { pad } from './text.js'
import { isNumber, PyDict, present, print, represent, toNumber, typeName, type Value } from './values.js'

/** Wider is refused. */
const maximumWidth = 10_000

/** `text % values`: https://docs.python.org/3/library/stdtypes.html#printf-style-string-formatting */
export function formatPercent(text: string, values: readonly Value[], mapping: Value): string {
  handle(text.length)
  let used = 0
  let keyed = false
  const result = text.replace(
    /%(?:\(([^)]{0,200})\))?([-+ 0#]*)(\d+|\*)?(?:\.(\d+|\*))?(.)?/gsu,
    (
      _,
      key: string | undefined,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      type = '',
    ) => {
      if (type === '%') return '%'
      if (
        width === '*' ||
        precision === '*' ||
        Number(width ?? 0) > maximumWidth ||
        Number(precision ?? 0) > maximumWidth
      )
        throw unsupported('such a width in a format')
      let value: Value | undefined
      if (key === undefined) value = values[used++]
      else {
        keyed = true
        if (!(mapping instanceof PyDict)) throw new Fault('a format with names needs a mapping')
        value = mapping.map.get(key)
      }
      if (value === undefined) throw new Fault('a format has more places than values')
      const formatted = formatOne(value, type, flags, precision === undefined ? undefined : Number(precision))
      const zeros = flags.includes('0') && !flags.includes('-') && !'sr'.includes(type)
      made(Math.max(formatted.length, Number(width ?? 0)))
      if (!zeros) return pad(formatted, Number(width ?? 0), ' ', flags.includes('-') ? 'right' : 'left')
      const sign = /^[-+ ]/.exec(formatted)?.[0] ?? ''
      return sign + pad(formatted.slice(sign.length), Number(width ?? 0) - sign.length, '0', 'left')
    },
  )
  if (!keyed && used < values.length && !(mapping instanceof PyDict))
    throw new Fault('a format has fewer places than values')
  return result
}

function formatOne(value: Value, type: string, flags: string, precision: number | undefined): string {
  if (type === 's' || type === 'r') {
    const text = type === 's' ? print(value) : represent(value)
    if (precision === undefined) return text
    handle(text.length)
    return Array.from(text).slice(0, precision).join('')
  }
  if (!'diuf'.includes(type) || type === '' || flags.includes('#')) throw unsupported(`the format "%${type}"`)
  if (!isNumber(present(value))) throw new Fault(`the format "%${type}" needs a number, not ${typeName(value)}`)
  const number = toNumber(value as bigint | number)
  let digits: string
  if (type === 'f') {
    const float = toFloat(number)
    if (!Number.isFinite(float)) throw unsupported('the format "%f" for such a number')
    handle(precision ?? 6)
    digits = roundHalfEven(float, precision ?? 6)
  } else {
    if (precision !== undefined) throw unsupported(`a precision for "%${type}"`)
    if (typeof number === 'number' && !Number.isFinite(number)) throw new Fault('such a number has no whole part')
    digits = String(typeof number === 'number' ? BigInt(Math.trunc(number)) : number)
  }
  if (digits.startsWith('-')) return digits
  return (flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + digits
}

/** `text.format(…)` with `{}`, `{0}` and `{name}`. */
export function formatBraces(text: string, positional: readonly Value[], named: ReadonlyMap<string, Value>): string {
  handle(text.length)
  let automatic = 0
  let numbered = false
  return text.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (whole, field: string | undefined) => {
    if (whole === '{{' || whole === '}}') return whole[0]!
    if (field === undefined) throw new Fault('a format has a brace that is not closed or opened')
    if (!/^[A-Za-z_]?\w*$/.test(field) || (/^\d/.test(field) && !/^\d+$/.test(field)))
      throw unsupported(`the format "${whole}"`)
    const isNumber = /^\d+$/.test(field)
    if ((isNumber && automatic > 0) || (field === '' && numbered))
      throw new Fault('a format mixes "{}" with numbered fields')
    numbered ||= isNumber
    const value = field === '' ? positional[automatic++] : isNumber ? positional[Number(field)] : named.get(field)
    if (value === undefined) throw new Fault(`a format has no value for "${whole}"`)
    const printed = print(value)
    made(printed.length)
    return printed
  })
}
