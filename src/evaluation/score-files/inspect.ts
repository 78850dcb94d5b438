import {
  checkedDigest,
  has,
  type ItemRow,
  invalidRow,
  isRecord,
  isSet,
  isTimeout,
  member,
  type ToolFormat,
  type ToolRow,
  targetOf,
  textMember,
} from './rows.js'

/** Grades that Inspect counts as numbers: `value_to_float` of its scorers. */
const grades: Readonly<Record<string, number>> = { C: 1, P: 0.5, I: 0, N: 0, yes: 1, true: 1, no: 0, false: 0 }

/**
 * A sample of a log of Inspect 0.3 (`inspect eval --log-format json`). With `--epochs`, epochs of a sample are repeats. Inspect also
 * grades what a sample has when its time is over; here that is a time-out.
 */
export const inspect: ToolFormat = {
  isRow: (row) => has(row, 'id', 'epoch', 'input', 'metrics'),
  headline: ([first]) => first?.expects[0],
  toItem(row, place): ItemRow {
    const id = member(row, 'id')
    if (typeof id !== 'number' && typeof id !== 'string')
      throw invalidRow(place, 'it has no "id"', 'Write it with inspect eval --log-format json')
    // Another question under the same id is another item.
    const target = targetOf([checkedDigest(member(row, 'input') ?? null, place), member(row, 'target') ?? null], place)
    const common = { item: String(id), expects: member(row, 'metrics') as readonly string[], target }
    const [error, limit] = [member(row, 'error'), textMember(member(row, 'limit'), 'type')]
    const isLate = limit === 'time' || limit === 'working' || isTimeout(textMember(error, 'message') ?? '')
    if (isLate || isSet(error)) return { ...common, scores: {}, outcome: isLate ? 'timeout' : 'error' }
    return { ...common, scores: scoresOf(row), outcome: 'ok' }
  },
}

/** The samples of a log, each with the metrics of the log. The one that Inspect shows first is first. */
export function inspectRows(document: ToolRow): readonly ToolRow[] {
  const samples = (member(document, 'samples') as readonly unknown[]).filter(isRecord)
  const headline = member(member(document, 'results'), 'headline')
  const [scorer, score] = [textMember(headline, 'scorer'), textMember(headline, 'score')]
  const names = new Set(samples.flatMap((sample) => Object.keys(scoresOf(sample))))
  const shown = [`${scorer}/${score}`, score].filter((name) => name !== undefined && names.has(name))
  const metrics = [...new Set([...shown, ...names])]
  return samples.map((sample) => ({ ...sample, metrics }))
}

/** Values by scorer. A scorer with several values has a metric for each: `scorer/value`. */
function scoresOf(sample: ToolRow): Readonly<Record<string, number>> {
  const scores = member(sample, 'scores')
  const values = Object.entries(isRecord(scores) ? scores : {}).flatMap(([scorer, score]) => {
    const value = member(score, 'value')
    if (!isRecord(value)) return [[scorer, value] as const]
    return Object.entries(value).map(([name, part]) => [`${scorer}/${name}`, part] as const)
  })
  return Object.fromEntries(values.flatMap(([name, value]) => numberOf(value).map((number) => [name, number])))
}

function numberOf(value: unknown): readonly number[] {
  if (typeof value === 'string') return Object.hasOwn(grades, value) ? [grades[value]!] : []
  if (typeof value === 'boolean') return [Number(value)]
  return typeof value === 'number' && Number.isFinite(value) ? [value] : []
}
