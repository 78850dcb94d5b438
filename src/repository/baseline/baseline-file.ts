import {
  type Digest,
  digestJson,
  finite,
  fits,
  list,
  misfitOf,
  nullable,
  object,
  optional,
  recordOf,
  SheikhError,
  shapeOf,
  text,
  word,
} from '../../core/index.js'
import type { ScoreFile, ScoreLine } from '../../evaluation/index.js'

/** The folder of the baselines, at the top of the Git work tree. */
export const baselineFolder = '.sheikh-gate'

/** Scores that later results are compared with. */
export interface Baseline {
  readonly name: string
  /** Where the baseline was read: a file, or `<ref>:<path>` for a file in a commit. */
  readonly path: string
  /** Milliseconds since 1970, UTC. */
  readonly acceptedAtMs: number
  /** HEAD when the baseline was accepted. Absent outside Git and before the first commit. */
  readonly commit?: string | undefined
  /** The file that was accepted, such as `results.json`. Absent if the scores came from a program. */
  readonly source?: string | undefined
  readonly scores: ScoreFile
}

/** The name becomes a file name, so it must be the same on file systems that ignore case. */
const namePattern = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9_-])?$/

export const isBaselineName = (name: string) => namePattern.test(name) && !name.includes('..')

/** @returns the path below the top of the work tree. @throws `invalid-options` for anything that is not a plain name. */
export function baselinePath(name: string): string {
  if (isBaselineName(name)) return `${baselineFolder}/${name}.jsonl`
  throw new SheikhError(
    'invalid-options',
    `Cannot use the baseline name ${JSON.stringify(name.slice(0, 80))}: a name has 1 to 64 lower-case letters, digits, dots, dashes and underscores, and starts with a letter or digit.`,
  )
}

/**
 * The file of a baseline: a header, then one line per item, sorted by id. Git compresses it and keeps only differences
 * between versions, and a diff shows which items changed. Targets are kept as digests, so that the file contains no
 * text of items besides their ids.
 */
export function formatBaseline({ name, acceptedAtMs, commit, source, scores }: Omit<Baseline, 'path'>): string {
  const lines = scores.lines.map(withDigests)
  const answered = lines.flatMap(({ score }) => (score === null ? [] : score))
  const header = {
    'sheikh-baseline': 1,
    name,
    acceptedAt: new Date(acceptedAtMs).toISOString(),
    ...(commit !== undefined && { commit }),
    ...(source !== undefined && { source }),
    ...(scores.format !== undefined && { format: scores.format }),
    ...(scores.metric !== undefined && { metric: scores.metric }),
    items: lines.length,
    answered: answered.length,
    mean: answered.reduce((sum, score) => sum + score, 0) / answered.length,
    digest: digestJson(lines),
  }
  return `${[header, ...lines.map(compact)].map((line) => JSON.stringify(line)).join('\n')}\n`
}

/** Leaves out what has its usual value. */
function compact({ id, score, outcome, target, group, slices, others }: ScoreLine) {
  return {
    ...{ id, score },
    ...(outcome !== 'ok' && { outcome }),
    ...(group !== undefined && { group }),
    ...(Object.keys(slices).length > 0 && { slices }),
    ...(target !== null && { target }),
    ...(others !== undefined && { others }),
  }
}

/** The same items with digests in place of their targets: what a baseline keeps of them. */
export function withDigests({ id, score, outcome, target, group, slices, others }: ScoreLine): ScoreLine {
  // 64 bits tell two targets of one item apart.
  const kept = target === null ? null : digestJson(target).slice(0, 'sha256:'.length + 16)
  return {
    ...{ id, score, outcome, target: kept, slices },
    ...(group !== undefined && { group }),
    ...(others !== undefined && { others }),
  }
}

const headerShape = object({
  'sheikh-baseline': word(1),
  acceptedAt: shapeOf((value): value is string => typeof value === 'string' && Number.isFinite(Date.parse(value))),
  commit: optional(shapeOf((value): value is string => typeof value === 'string' && /^[0-9a-f]{40,64}$/.test(value))),
  source: optional(text),
  metric: optional(text),
  items: finite,
  digest: text,
})
const linesShape = list(
  object({
    id: text,
    score: nullable(finite),
    outcome: optional(word('timeout', 'error')),
    group: optional(text),
    slices: optional(recordOf(text)),
    target: optional(text),
    others: optional(recordOf(finite)),
  }),
)

/** @throws `artifact-corrupt` for a file that is not whole, or that somebody edited. */
export function parseBaseline(content: string, name: string, path: string): Baseline {
  const corrupt = (fact: string) =>
    new SheikhError(
      'artifact-corrupt',
      `Cannot read the baseline "${name}" from "${path}": ${fact}. Restore the file with Git, or accept results again: sheikh gate accept <file> --name ${name}`,
      { facts: { name, path } },
    )
  const values = content.split(/\r?\n/).filter((line) => line !== '')
  if (values.some((line) => /^(<{7}|={7}|>{7})/.test(line))) throw corrupt('it contains a merge conflict')
  const [header, ...items] = values.map((line, index): unknown => {
    try {
      return JSON.parse(line)
    } catch {
      throw corrupt(`line ${index + 1} is not JSON, so the file may be truncated`)
    }
  })
  if (!fits(headerShape, header))
    throw corrupt(`its ${misfitOf(headerShape, header, 'header')} is missing or has another form`)
  const { acceptedAt, commit, source, metric, digest } = header
  if (items.length !== header.items) throw corrupt(`it has ${items.length} of ${header.items} items`)
  const rows: unknown = items
  if (!fits(linesShape, rows))
    throw corrupt(`its ${misfitOf(linesShape, rows, 'items')} is missing or has another form`)
  const lines = rows.map(
    ({ id, score, outcome, target = null, group, slices = {}, others }): ScoreLine => ({
      id,
      score,
      outcome: outcome ?? 'ok',
      target,
      slices,
      ...(group !== undefined && { group }),
      ...(others !== undefined && { others }),
    }),
  )
  if (digestOf(lines) !== digest) throw corrupt('its items differ from the digest in its first line')
  return {
    ...{ name, path, acceptedAtMs: Date.parse(acceptedAt) },
    ...(commit !== undefined && { commit }),
    ...(source !== undefined && { source }),
    scores: { path, lines, ...(metric !== undefined && { metric }) },
  }
}

/** `undefined` for text that no digest can be made of, such as a lone surrogate. */
function digestOf(lines: readonly ScoreLine[]): Digest | undefined {
  try {
    return digestJson(lines)
  } catch {
    return undefined
  }
}
