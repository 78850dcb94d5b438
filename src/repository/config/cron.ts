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
    const { name, from, to, names = [] } = fields[index]!
    const numberOf = (text: string) => {
      const named = names.indexOf(text.toLowerCase())
      if (named >= 0) return from + named
      return /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
    }
    const isSound = (item: string) => {
      const [, first, last, step] = /^([^-/]+)(?:-([^-/]+))?(?:\/(\d{1,2}))?$/.exec(item) ?? []
      if (first === undefined || (step !== undefined && Number(step) === 0)) return false
      if (first === '*') return last === undefined
      const start = numberOf(first)
      const end = last === undefined ? start : numberOf(last)
      return start >= from && end <= to && start <= end
    }
    if (!part.split(',').every(isSound))
      return `"${part}" is not a valid ${name} of a schedule (${from}-${to}, *, lists, ranges or steps)`
  }
  return undefined
}
