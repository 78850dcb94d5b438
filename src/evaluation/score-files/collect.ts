import type { Log } from '../../core/index.js'
import { type ItemRow, invalidFile, listed, type ToolFormat } from './rows.js'
import type { ScoreLine } from './score-file.js'

export interface Collected {
  readonly lines: readonly ScoreLine[]
  readonly metric: string
}

export type CollectedRow = ItemRow & Pick<ScoreLine, 'slices'>

/** Chooses system and metric of a tool's rows. @throws `evaluation-invalid` if there is a choice and none was made. */
export function collect(
  rows: readonly CollectedRow[],
  format: ToolFormat,
  asked: { readonly metric?: string | undefined; readonly system?: string | undefined },
  { path, log }: { readonly path: string; readonly log: Log },
): Collected {
  const chosen = ofSystem(rows, format, asked.system, path)
  const metric = metricOf(chosen, format, asked.metric, path)
  const measured = chosen.filter(({ scores, expects }) => Object.hasOwn(scores, metric) || expects.includes(metric))
  if (measured.length < chosen.length)
    log.warn(
      `"${path}": ${chosen.length - measured.length} of ${chosen.length} results do not measure "${metric}" and are ignored.`,
    )
  const lines = measured.map(({ item, scores, outcome, failures, group, slices, target = null }): ScoreLine => {
    const isAnswered = outcome === 'ok' && Object.hasOwn(scores, metric)
    const others = Object.entries(scores).filter(([name]) => name !== metric)
    return {
      id: item,
      score: isAnswered ? scores[metric]! : null,
      outcome: isAnswered ? 'ok' : outcome === 'ok' ? (failures?.get(metric) ?? 'error') : outcome,
      target,
      ...(group !== undefined && { group }),
      slices,
      ...(isAnswered && others.length > 0 && { others: Object.fromEntries(others) }),
    }
  })
  return { lines: withRepeats(lines), metric }
}

/** Numbers the repeats of an item (`id #1`, `id #2`), and makes them one group. */
export function withRepeats(lines: readonly ScoreLine[]): readonly ScoreLine[] {
  const counts = new Map<string, number>()
  for (const { id } of lines) counts.set(id, (counts.get(id) ?? 0) + 1)
  const seen = new Map<string, number>()
  return lines.map((line) => {
    if (counts.get(line.id) === 1) return line
    let repeat = (seen.get(line.id) ?? 0) + 1
    while (counts.has(`${line.id} #${repeat}`)) repeat += 1 // the id of another item
    seen.set(line.id, repeat)
    return { ...line, id: `${line.id} #${repeat}`, group: line.group ?? line.id }
  })
}

function ofSystem(
  rows: readonly CollectedRow[],
  { systems = 'system' }: ToolFormat,
  asked: string | undefined,
  path: string,
): readonly CollectedRow[] {
  const names = [...new Set(rows.map(({ system }) => system ?? ''))]
  if (asked === undefined && names.length === 1) return rows
  const partOf = (name: string) => name === asked || name.split(' × ').includes(asked!)
  // The whole name first: it may be a part of another one.
  const found = asked === undefined ? [] : names.includes(asked) ? [asked] : names.filter(partOf)
  if (found.length === 1) return rows.filter(({ system }) => (system ?? '') === found[0])
  const fact =
    found.length > 1
      ? `"${asked}" names several of them: ${listed(found)}`
      : `${asked === undefined ? 'it contains several systems' : `it does not contain "${asked}"`} (${systems}): ${listed(names)}`
  throw invalidFile(path, fact, 'Choose one with --system')
}

function metricOf(
  rows: readonly CollectedRow[],
  { headline }: ToolFormat,
  asked: string | undefined,
  path: string,
): string {
  const names = [...new Set(rows.flatMap(({ scores }) => Object.keys(scores)))].sort()
  if (names.length === 0) throw invalidFile(path, 'no result has a score', 'Evaluate again, and see the errors there')
  if (asked !== undefined && names.includes(asked)) return asked
  if (asked !== undefined)
    throw invalidFile(
      path,
      `no result has the metric "${asked}". The metrics are ${listed(names)}`,
      'Choose one with --metric',
    )
  const first = names.length === 1 ? names[0] : headline?.(rows)
  if (first !== undefined) return first
  throw invalidFile(path, `it contains several metrics: ${listed(names)}`, 'Choose one with --metric')
}
