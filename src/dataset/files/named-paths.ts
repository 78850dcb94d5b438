import type { CallContext } from '../../core/index.js'
import type { Source } from '../dataset-types.js'
import { fieldOf } from '../row-projection.js'
import { sampleBatches } from '../sources/sample-batches.js'

/** A path that a sample has in a field. */
export interface NamedPath {
  /** The field, such as `image` or `messages.image`. */
  readonly field: string
  /** As the sample has it. */
  readonly path: string
}

/**
 * The paths that a sample has in some fields, each path once. A value is a path or a list of paths. An absent field, null
 * and an empty text name no file, because a table has no other way to leave a field out.
 *
 * @param fields names. `messages.image` is the field `image` of an object, or of each object of a list, in `messages`,
 * unless the sample has a field with this whole name.
 * @returns what is wrong with the first value that is something else.
 */
export function namedPaths(sample: unknown, fields: readonly string[]): readonly NamedPath[] | string {
  const found = new Map<string, NamedPath>()
  for (const field of fields)
    for (const value of valuesAt(sample, field)) {
      if (value === undefined || value === null || value === '') continue
      if (typeof value !== 'string') return `its field ${JSON.stringify(field)} is neither a path nor a list of paths`
      if (!found.has(value)) found.set(value, { field, path: value })
    }
  return [...found.values()]
}

/** The values in a field, without lists around them. */
function valuesAt(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, field))
  const whole = fieldOf(value, field)
  if (whole !== undefined) return [whole].flat(20)
  const dot = field.indexOf('.')
  return dot < 0 ? [] : valuesAt(fieldOf(value, field.slice(0, dot)), field.slice(dot + 1))
}

/** The paths in fields of all samples of a source, each once. Samples that cannot be read are left out. */
export async function namedFilesIn(
  source: Source,
  fields: readonly string[],
  context: CallContext,
): Promise<readonly string[]> {
  const paths = new Set<string>()
  for (const entry of await source.list(context))
    if (entry.skipped === undefined)
      for await (const batch of sampleBatches(entry, context))
        for (const { value, problem } of batch) {
          const named = problem === undefined ? namedPaths(value, fields) : []
          if (typeof named !== 'string') for (const { path } of named) if (!pathProblem(path)) paths.add(path)
        }
  return [...paths]
}

const longestPath = 1024

/**
 * Why a path cannot name a file of the dataset on every machine; `undefined` if it can. Such a path has only names below
 * the folder, separated by `/`.
 */
export function pathProblem(path: string): string | undefined {
  if (path.length > longestPath) return `has ${path.length} characters, but the maximum is ${longestPath}; shorten it`
  if (path.includes('\0')) return 'contains the character NUL; remove it'
  if (/^([a-z][a-z\d+.-]+:\/\/|data:)/i.test(path)) return 'is an address; download the file, and name the copy'
  if (path.includes('\\')) return 'contains a backslash; separate folders with "/"'
  if (/^(\/|[a-z]:)/i.test(path)) return 'is absolute; name the file by its path below the folder'
  const names = path.split('/')
  if (names.includes('..')) return 'contains ".."; name the file by its path below the folder'
  if (names.includes('.') || names.includes('')) return 'contains "." or an empty name; write the path without it'
  return undefined
}
