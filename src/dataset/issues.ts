import { SheikhError } from '../core/index.js'

/** One problem with the samples. */
export interface DatasetIssue {
  /** Path relative to the source's root. */
  readonly path: string
  /** Position in the file: `line 3`, `[2]`; empty for the whole file. */
  readonly position: string
  readonly message: string
}

/** Number of issues after which reading stops. */
export const maximumIssues = 100
const namedIssues = 5

/** An error that names the first few issues. `facts.issues` contains all of them. */
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

/** The issues of an error from `issuesError`; `undefined` for any other error. */
export function issuesOf(error: unknown): readonly DatasetIssue[] | undefined {
  if (!(error instanceof SheikhError) || error.code !== 'dataset-invalid') return undefined
  const { issues } = error.facts
  return Array.isArray(issues) ? (issues as readonly DatasetIssue[]) : undefined
}

/** A warning about files that names the first few with their reasons. */
export function filesWarning(
  code: string,
  [one, many]: readonly [string, string],
  files: readonly SkippedFile[],
): readonly { readonly code: string; readonly message: string; readonly ids: readonly string[] }[] {
  if (files.length === 0) return []
  const named = files.slice(0, namedIssues).map(({ path, reason }) => (reason === '' ? path : `${path} (${reason})`))
  const more = files.length > named.length ? ` and ${files.length - named.length} more` : ''
  const message = `${files.length} ${files.length === 1 ? 'file' : 'files'} among the samples ${files.length === 1 ? one : many}: ${named.join(', ')}${more}.`
  return [{ code, message, ids: files.slice(0, maximumIssues).map(({ path }) => path) }]
}

/** A file in the samples directory that contains no samples. */
export interface SkippedFile {
  readonly path: string
  readonly reason: string
}

/** Lists the first few names in quotes, and how many more there are. */
export function someOf(names: readonly string[], shown = namedIssues): string {
  const first = names.slice(0, shown).map((name) => JSON.stringify(name))
  return names.length > shown ? `${first.join(', ')} and ${names.length - shown} more` : first.join(', ')
}
