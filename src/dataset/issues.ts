import { SheikhError } from '../core/index.js'

/** One thing that is wrong with the samples. */
export interface DatasetIssue {
  /** Below the source's root. */
  readonly path: string
  /** Where in the file: `line 3`, `[2]`; empty for the whole file. */
  readonly position: string
  readonly message: string
}

/** How many issues are collected before reading stops: enough to see a pattern. */
export const maximumIssues = 100
const namedIssues = 5

/** An error that names the first few issues; all of them are in `facts.issues`. */
export function issuesError(issues: readonly DatasetIssue[], cause?: unknown): SheikhError {
  const named = issues
    .slice(0, namedIssues)
    .map(({ path, position, message }) => `${placeOf(path, position)}: ${message}`)
  const rest = issues.length - named.length
  const more = rest > 0 ? `, and ${rest} more` : ''
  const stopped = issues.length >= maximumIssues ? ` (reading stopped after ${issues.length})` : ''
  return new SheikhError(
    'dataset-invalid',
    `Cannot use the samples: ${named.join('; ')}${more}${stopped}. Correct or remove them.`,
    { facts: { issues }, ...(cause === undefined ? {} : { cause }) },
  )
}

export function placeOf(path: string, position: string): string {
  return position === '' ? path : `${path} ${position}`
}

/** The issues that an error carries, where it is one of `issuesError`. */
export function issuesOf(error: unknown): readonly DatasetIssue[] | undefined {
  if (!(error instanceof SheikhError) || error.code !== 'dataset-invalid') return undefined
  const { issues } = error.facts
  return Array.isArray(issues) ? (issues as readonly DatasetIssue[]) : undefined
}

/** A warning about files, of which the first few are named with the reason. */
export function filesWarning(
  code: string,
  what: string,
  files: readonly SkippedFile[],
): readonly { readonly code: string; readonly message: string; readonly ids: readonly string[] }[] {
  if (files.length === 0) return []
  const named = files.slice(0, namedIssues).map(({ path, reason }) => (reason === '' ? path : `${path} (${reason})`))
  const more = files.length > named.length ? ` and ${files.length - named.length} more` : ''
  const message = `${files.length} ${files.length === 1 ? 'file' : 'files'} among the samples ${what}: ${named.join(', ')}${more}.`
  return [{ code, message, ids: files.slice(0, maximumIssues).map(({ path }) => path) }]
}

/** A file among the samples that gives none. */
export interface SkippedFile {
  readonly path: string
  readonly reason: string
}

/** Names that stand for many: the first few in quotes, and how many more there are. */
export function someOf(names: readonly string[], shown = namedIssues): string {
  const first = names.slice(0, shown).map((name) => JSON.stringify(name))
  return names.length > shown ? `${first.join(', ')} and ${names.length - shown} more` : first.join(', ')
}
