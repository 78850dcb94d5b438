/** The unit of times that are numbers, counted since 1970 in UTC. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns'

/** How times are written, where their text does not say so. */
export interface TimeFormat {
  /** The unit of times that are numbers. @default a number is an error */
  readonly timestampUnit?: TimeUnit | undefined
  /** The zone of times without one. @default a time without a zone is an error */
  readonly timeZone?: 'UTC' | undefined
}

/** Decimal places of a time in this unit, in seconds. */
const places: Readonly<Record<TimeUnit, number>> = { s: 0, ms: 3, us: 6, ns: 9 }

const written =
  /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})0*)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?$/i
const counted = /^(-?)(\d{1,25})(?:\.(\d+))?$/

/** A number of another unit is almost always outside of these years. */
const [earliest, latest] = [Date.UTC(1980, 0), Date.UTC(2100, 0)].map((ms) => BigInt(ms) * 1_000_000n) as [
  bigint,
  bigint,
]

/**
 * A time in nanoseconds since 1970, or why a value is none. Reads ISO 8601 text with a date and a time of day, `Date`, and
 * numbers if their unit is known. A large integer may be given as its digits.
 */
export function nanosecondsOf(value: unknown, { timestampUnit, timeZone }: TimeFormat): bigint | string {
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'is not a valid date' : BigInt(value.getTime()) * 1_000_000n
  if (typeof value !== 'string' && typeof value !== 'number') return 'is neither a text nor a number'
  const text = String(value)
  const number = counted.exec(text)
  if (number !== null) return fromNumber(text, number, timestampUnit)
  const found = written.exec(text)
  if (found === null)
    return `is ${shown(text)}, which is not a time such as "2026-05-31T12:30:00Z"${/^\d{4}-\d\d-\d\d$/.test(text) ? ': a date without a time of day is ambiguous' : ''}`
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone] = found
  if (zone === undefined && timeZone === undefined)
    return `is ${shown(text)}, which has no time zone; add "Z", or set the time zone to UTC`
  // Only years of four digits are read by every engine without a sign.
  const milliseconds = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute))
  const date = new Date(milliseconds)
  const isReal = date.getUTCDate() === Number(day) && Number(month) <= 12 && Number(hour) < 24 && Number(minute) < 60
  if (!isReal || Number(second) > 59 || Number(year) < 100) return `is ${shown(text)}, which does not exist`
  const seconds = BigInt(milliseconds / 1000 + Number(second) - secondsOf(zone))
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
}

/** Seconds by which a zone is ahead of UTC. */
function secondsOf(zone: string | undefined): number {
  if (zone === undefined || /^z$/i.test(zone)) return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || 0)
  return (zone.startsWith('-') ? -60 : 60) * minutes
}

function fromNumber(text: string, found: RegExpExecArray, unit: TimeUnit | undefined): bigint | string {
  if (unit === undefined) return `is the number ${text}, whose unit is not known; set it to s, ms, us or ns`
  const [, sign, whole = '', fraction = ''] = found
  const digits = 9 - places[unit]
  if (fraction.length > digits) return `is the number ${text}, which is finer than a nanosecond`
  const nanoseconds = BigInt(whole + fraction.padEnd(digits, '0')) * (sign === '-' ? -1n : 1n)
  if (nanoseconds >= earliest && nanoseconds < latest) return nanoseconds
  return `is the number ${text}, which is not between the years 1980 and 2100 in ${unit}; correct the unit, or write the time as text`
}

const shown = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

/** A time as ISO 8601 text in UTC, without zeros at the end of the fraction. */
export function timeText(nanoseconds: bigint): string {
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const seconds = new Date(Number((nanoseconds - fraction) / 1_000_000n)).toISOString().replace(/\.000Z$/, '')
  const digits = String(fraction).padStart(9, '0').replace(/0+$/, '')
  return `${seconds}${digits === '' ? '' : `.${digits}`}Z`
}
