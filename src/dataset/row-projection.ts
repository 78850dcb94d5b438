import { type CallContext, canonicalJson, identityOf, isSheikhError, type Json, messageOf } from '../core/index.js'
import type { Row } from '../model/index.js'
import type { AnyDatasetOptions, AnyFieldSelector } from './dataset-options.js'
import type { ProjectionPass, ReadPlace } from './dataset-types.js'
import type { FileDigests } from './files/named-files.js'

const maximumIdLength = 1024

export interface Place {
  readonly path: string
  /** Called for a sample without an id of its own, at most once: repeated samples are counted. */
  readonly fallback: () => Fallback
}

export interface Fallback {
  /** The id of a sample without an id of its own. */
  readonly fallbackId: string
  /** For a repeated sample without an id: the fallback id of its first copy. */
  readonly duplicateOf?: string | undefined
}

/** Runs each part's `load` before the first sample. */
export async function loadParts(options: AnyDatasetOptions, context: CallContext): Promise<void> {
  for (const part of partsOf(options)) if (typeof part === 'object') await part.load?.(context)
}

/** Parts of a row that were made in a pass over many samples. */
export type MadeParts = { readonly [part in 'input' | 'target']?: unknown }

/** Makes the parts of many samples together, where a part can be made so. */
export interface PartsPass {
  /** Whether any part is made so. */
  readonly makesParts: boolean
  /** @returns one for each sample; `undefined` if no part is made so. */
  makeAll(samples: readonly unknown[], place: (index: number) => ReadPlace): Promise<readonly MadeParts[] | undefined>
  close(): void
}

/** Begins a pass over samples. Parts must be loaded. */
export function openPartsPass(options: AnyDatasetOptions, context: CallContext): PartsPass {
  const passes: (readonly [part: keyof MadeParts, pass: ProjectionPass<unknown, unknown>])[] = []
  for (const part of ['input', 'target'] as const) {
    const selector = options[part]
    const pass = typeof selector === 'object' ? selector.openPass?.(context) : undefined
    if (pass !== undefined) passes.push([part, pass])
  }
  return {
    makesParts: passes.length > 0,
    async makeAll(samples, place) {
      if (passes.length === 0) return undefined
      const places = samples.map((_, index) => place(index))
      const made: Record<string, unknown>[] = samples.map(() => ({}))
      for (const [part, pass] of passes)
        for (const [index, value] of (await pass.projectAll(samples, places)).entries()) made[index]![part] = value
      return made
    },
    close() {
      for (const [, pass] of passes) pass.close()
    },
  }
}

/** The id that a sample has in a field. A function is not asked, because it may answer differently the next time. */
export function namedId(options: AnyDatasetOptions, sample: unknown, written: unknown): { readonly id?: string } {
  if (options.id !== undefined && typeof options.id !== 'string') return {}
  try {
    const id = idOf(options, sample, written)
    return id === undefined ? {} : { id }
  } catch {
    return {}
  }
}

/** Describes a part for a key. */
export function describePart(part: AnyFieldSelector | undefined): Json {
  if (part === undefined) return null
  if (typeof part === 'string') return { field: part }
  if (typeof part === 'function') return { function: part.name }
  return identityOf(part) ?? { contract: part.contract, name: part.name, describe: part.describe() }
}

/** Whether all parts are field names or have a version, so that no unversioned function decides a row. */
export function partsHaveIdentity(options: AnyDatasetOptions): boolean {
  return (
    typeof options.slices !== 'function' &&
    partsOf(options).every(
      (part) => typeof part === 'string' || (typeof part === 'object' && identityOf(part) !== undefined),
    )
  )
}

const partsOf = ({ id, input, target, group }: AnyDatasetOptions): readonly AnyFieldSelector[] =>
  [id, input, target, group].filter((part) => part !== undefined)

/**
 * Projects a sample to a row. Throws `Unprojectable` if that is impossible.
 *
 * @param sample the schema's output. @param written the sample as it was read: a schema may drop an unknown `id`.
 * @param made parts that need not be made. @param files digests of the files that the sample names.
 */
export function projectRow(
  options: AnyDatasetOptions,
  sample: unknown,
  written: unknown,
  place: Place,
  made: MadeParts = {},
  files?: FileDigests | undefined,
): Row<unknown, unknown> {
  const input = 'input' in made ? made.input : partOf(options.input, sample, 'input')
  if (input === undefined) throw new Unprojectable(missing(options.input, 'input'))
  const target = 'target' in made ? made.target : targetOf(options, sample)
  const named = options.group === undefined ? undefined : nameOf(partOf(options.group, sample, 'group'), 'group')
  const own = idOf(options, sample, written)
  const fallback = own === undefined ? place.fallback() : undefined
  const id = checkedId(own ?? fallback!.fallbackId)
  // Copies of one sample must not be split between training and evaluation.
  const group = named ?? fallback?.duplicateOf
  const row = {
    id,
    input,
    ...(target === undefined ? {} : { target }),
    ...(group === undefined ? {} : { group }),
    slices: slicesOf(options, sample, place),
    ...(files === undefined ? {} : { files }),
  }
  checkPlain(input, 'input')
  checkPlain(target, 'target')
  return isExactJson(input) && isExactJson(target) ? row : asRead(row)
}

const targetOf = ({ target }: AnyDatasetOptions, sample: unknown): unknown =>
  target === undefined ? undefined : (partOf(target, sample, 'target') ?? undefined)

/**
 * Whether a value reads back from its JSON text as it is. A digest does not cover −0 and members that are `undefined`, so
 * a row must not contain them: equal digests are equal rows.
 */
function isExactJson(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return !Object.is(value, -0)
  // Canonical JSON rejects deeper nesting.
  return depth > 512 || Object.values(value).every((item) => item !== undefined && isExactJson(item, depth + 1))
}

function asRead(row: Row<unknown, unknown>): Row<unknown, unknown> {
  rowText(row)
  return JSON.parse(JSON.stringify(row)) as Row<unknown, unknown>
}

/** Thrown for a sample that cannot become a row. */
export class Unprojectable extends Error {}

function idOf({ id }: AnyDatasetOptions, sample: unknown, written: unknown): string | undefined {
  const given = id === undefined ? (fieldOf(sample, 'id') ?? fieldOf(written, 'id')) : partOf(id, sample, 'id')
  const name = nameOf(given, 'id')
  if (name === undefined && id !== undefined) throw new Unprojectable(missing(id, 'id'))
  return name
}

function checkedId(result: string): string {
  if (result === '' || result.length > maximumIdLength)
    throw new Unprojectable(`its id has ${result.length} characters; an id has 1 to ${maximumIdLength}`)
  return result
}

function slicesOf(
  { slices = [], sliceByFolder }: AnyDatasetOptions,
  sample: unknown,
  { path }: Place,
): Record<string, string> {
  const found: Record<string, string> = {}
  const separator = path.indexOf('/')
  if (sliceByFolder !== undefined && separator > 0) found[sliceByFolder] = path.slice(0, separator)
  if (slices.length === 0 && typeof slices !== 'function') return found
  const given: unknown =
    typeof slices === 'function'
      ? called(slices, sample, 'slices')
      : Object.fromEntries(slices.map((name) => [name, fieldOf(sample, name)]))
  if (typeof given !== 'object' || given === null) throw new Unprojectable('its slices are not an object')
  for (const [kind, value] of Object.entries(given)) {
    const name = nameOf(value, `slice ${JSON.stringify(kind)}`)
    if (name !== undefined) found[kind] = name
  }
  return found
}

function partOf(part: AnyFieldSelector, sample: unknown, what: string): unknown {
  if (typeof part === 'string') return fieldOf(sample, part) ?? undefined
  return called(typeof part === 'function' ? part : (value) => part.project(value), sample, what)
}

function called(project: (sample: unknown) => unknown, sample: unknown, what: string): unknown {
  try {
    return project(sample)
  } catch (error) {
    // An error of this library is more specific: it names a template's file and line.
    if (isSheikhError(error)) throw error
    throw new Unprojectable(`its ${what} cannot be derived: ${messageOf(error)}`)
  }
}

/** A member of a sample; `undefined` if it has none. */
export function fieldOf(sample: unknown, name: string): unknown {
  if (typeof sample !== 'object' || sample === null || !Object.hasOwn(sample, name)) return undefined
  return (sample as Record<string, unknown>)[name]
}

/** A value as a name. Throws `Unprojectable` for a list or an object. */
export function nameOf(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new Unprojectable(`its ${what} is neither text nor a number`)
}

const missing = (part: AnyFieldSelector, what: string) =>
  typeof part === 'string' ? `it has no field ${JSON.stringify(part)} for the ${what}` : `its ${what} is undefined`

// Canonical JSON writes a Date or a Map as `{}`, so two different rows would have the same digest.
function checkPlain(value: unknown, what: string): void {
  const other = notPlain(value)
  if (other !== undefined)
    throw new Unprojectable(`its ${what} contains a ${other.constructor?.name ?? 'value'}, which is not plain JSON`)
}

/** The first object in a value that is neither a list nor a plain object. */
export function notPlain(value: unknown, depth = 0): object | undefined {
  // Canonical JSON rejects deeper nesting.
  if (typeof value !== 'object' || value === null || depth > 512) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== null && Object.getPrototypeOf(prototype) !== null) return value
  for (const item of Object.values(value)) {
    const other = notPlain(item, depth + 1)
    if (other !== undefined) return other
  }
  return undefined
}

/** The canonical text of a row, which its digest covers. */
export function rowText(row: Row<unknown, unknown>): string {
  try {
    return canonicalJson(row)
  } catch (error) {
    throw new Unprojectable(`it cannot be written as JSON: ${messageOf(error)}`)
  }
}
