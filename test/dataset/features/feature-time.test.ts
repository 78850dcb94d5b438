import { describe, expect, it } from 'vitest'
import { nanosecondsOf, timeText } from '../../../src/dataset/features/feature-time.js'

const ns = BigInt(Date.UTC(2026, 4, 31, 12, 30)) * 1_000_000n

describe('a time of a sample or a row', () => {
  it.each([
    ['2026-05-31T12:30:00Z', ns],
    ['2026-05-31t12:30:00z', ns],
    ['2026-05-31T12:30Z', ns],
    ['2026-05-31 12:30:00+00:00', ns],
    ['2026-05-31T18:00:00+05:30', ns],
    ['2026-05-31T09:00:00-0330', ns],
    ['2026-05-31T11:30:00-01', ns],
    ['2026-05-31T12:30:00.5Z', ns + 500_000_000n],
    ['2026-05-31T12:30:00.123456789Z', ns + 123_456_789n],
    ['2026-05-31T12:30:00.123456789000Z', ns + 123_456_789n],
    ['1969-12-31T23:59:59.9Z', -100_000_000n],
    ['2024-02-29T00:00:00Z', BigInt(Date.UTC(2024, 1, 29)) * 1_000_000n],
    [new Date(Date.UTC(2026, 4, 31, 12, 30)), ns],
  ])('is read from %s', (value, expected) => {
    expect(nanosecondsOf(value, {})).toBe(expected)
  })

  it.each([
    ['s', 1780230600, 0n],
    ['s', '1780230600.25', 250_000_000n],
    ['ms', 1780230600001, 1_000_000n],
    ['us', 1780230600000001, 1_000n],
    ['ns', '1780230600000000001', 1n],
  ] as const)('is read from a number of %s', (timestampUnit, value, more) => {
    expect(nanosecondsOf(value, { timestampUnit })).toBe(ns + more)
  })

  it.each([
    ['2026-05-31T12:30:00', 'has no time zone'],
    ['2026-05-31', 'a date without a time of day is ambiguous'],
    ['2026-02-30T00:00:00Z', 'does not exist'],
    ['2026-13-01T00:00:00Z', 'does not exist'],
    ['2026-05-31T24:00:00Z', 'does not exist'],
    ['2026-05-31T12:60:00Z', 'does not exist'],
    ['2026-05-31T12:30:60Z', 'does not exist'],
    ['31.05.2026 12:30', 'is not a time'],
    ['2026-05-31T12:30:00.1234567891Z', 'is not a time'],
    ['tomorrow', 'is not a time'],
    ['', 'is not a time'],
    [1780230600, 'whose unit is not known'],
    [true, 'neither a text nor a number'],
    [{}, 'neither a text nor a number'],
    [new Date(Number.NaN), 'not a valid date'],
    [1e300, 'is not a time'],
  ])('is refused: %s', (value, fact) => {
    expect(nanosecondsOf(value, {})).toContain(fact)
  })

  it('is refused in another unit', () => {
    expect(nanosecondsOf(1780230600, { timestampUnit: 'ms' })).toContain('not between the years 1980 and 2100 in ms')
    expect(nanosecondsOf(1780230600000, { timestampUnit: 's' })).toContain('not between the years 1980 and 2100 in s')
    expect(nanosecondsOf('1780230600.0000000001', { timestampUnit: 's' })).toContain('finer than a nanosecond')
  })

  it('without a zone is in UTC if that is said', () => {
    expect(nanosecondsOf('2026-05-31T12:30:00', { timeZone: 'UTC' })).toBe(ns)
    expect(nanosecondsOf('2026-05-31T13:30:00+01:00', { timeZone: 'UTC' })).toBe(ns)
  })

  it.each([0n, 1n, -1n, ns, ns + 1n, ns + 500_000_000n, -ns, 10n ** 18n])(
    'is written so that it reads back: %s',
    (time) => {
      expect(nanosecondsOf(timeText(time), {})).toBe(time)
    },
  )
})
