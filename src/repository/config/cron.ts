const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** The five fields in order, with their ranges and the names that stand for numbers. */
const fields: readonly {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly names?: readonly string[]
}[] = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of the month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, names: months },
  { name: 'day of the week', from: 0, to: 6, names: days },
]

export const fiveFields = /^\s*\S+(\s+\S+){4}\s*$/

/** The same schedule, however it is spaced. */
export const plainCron = (cron: string): string => cron.trim().split(/\s+/).join(' ')

/**
 * What is wrong with a schedule of five fields, as GitHub takes it: POSIX cron with lists, ranges, steps and names.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#schedule
 */
export function cronProblem(cron: string): string | undefined {
  if (!fiveFields.test(cron)) return undefined
  for (const [index, part] of plainCron(cron).split(' ').entries()) {
    const { name, from, to } = fields[index]!
    if (valuesOf(part, index) === undefined)
      return `"${part}" is not a valid ${name} of a schedule (${from}-${to}, *, lists, ranges or steps)`
  }
  return undefined
}

const [minuteMs, minutesPerDay] = [60_000, 1440]

/**
 * Whether a valid schedule has a time after `afterMs` and not after `untilMs`, in UTC. As in POSIX cron, a day matches if either
 * the day of the month or the day of the week does, where both are limited.
 */
export function isDueBetween(cron: string, afterMs: number, untilMs: number): boolean {
  const parts = plainCron(cron).split(' ')
  const [minutes, hours, monthDays, months, weekDays] = parts.map(
    (part, index) => valuesOf(part, index) ?? new Set<number>(),
  )
  const isAny = (index: number) => parts[index]!.startsWith('*')
  const [first, last] = [Math.floor(afterMs / minuteMs) + 1, Math.floor(untilMs / minuteMs)]
  for (let day = Math.floor(first / minutesPerDay); day * minutesPerDay <= last; day += 1) {
    const date = new Date(day * minutesPerDay * minuteMs)
    const [inMonth, inWeek] = [monthDays!.has(date.getUTCDate()), weekDays!.has(date.getUTCDay())]
    const isDay = isAny(2) || isAny(4) ? inMonth && inWeek : inMonth || inWeek
    if (!isDay || !months!.has(date.getUTCMonth() + 1)) continue
    for (const hour of hours!)
      for (const minute of minutes!) {
        const at = day * minutesPerDay + hour * 60 + minute
        if (at >= first && at <= last) return true
      }
  }
  return false
}

/** The numbers that a field selects; `undefined` if it is not valid. */
function valuesOf(part: string, index: number): ReadonlySet<number> | undefined {
  const { from, to, names = [] } = fields[index]!
  const numberOf = (text: string) => {
    const named = names.indexOf(text.toLowerCase())
    if (named >= 0) return from + named
    return /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  }
  const values = new Set<number>()
  for (const item of part.split(',')) {
    const [, first, last, step] = /^([^-/]+)(?:-([^-/]+))?(?:\/(\d{1,2}))?$/.exec(item) ?? []
    if (first === undefined || (step !== undefined && Number(step) === 0)) return undefined
    if (first === '*' && last !== undefined) return undefined
    const start = first === '*' ? from : numberOf(first)
    // As in cron, `5/15` is every 15th from 5 on.
    const end = last !== undefined ? numberOf(last) : first === '*' || step !== undefined ? to : start
    if (!(start >= from && end <= to && start <= end)) return undefined
    for (let value = start; value <= end; value += Number(step ?? 1)) values.add(value)
  }
  return values
}
