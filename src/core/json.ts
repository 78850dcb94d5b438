import { SheikhError } from './errors.js'

/** A read-only JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

// Deeper than any valid document. Keeps the recursion below the stack's limit.
const maximumDepth = 512

/**
 * The canonical text of a JSON value: RFC 8785 (JSON Canonicalization Scheme).
 *
 * Sorts keys by UTF-16 code units, formats numbers like ECMAScript, and adds no white space. Omits members that are
 * `undefined`, as `JSON.stringify` does.
 *
 * @throws `invalid-options` for values that JSON cannot represent: a number that is not finite, a lone surrogate, a
 * function, a cycle.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0)
}

/** A copy of an object as it reads back from its JSON text: without members that are `undefined`. */
export function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}

/** Whether a value is JSON as it stands, such as one that was parsed from JSON text, and can be written canonically. */
export const isJson = (value: unknown): value is Json => isJsonAt(value, 0)

function isJsonAt(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value !== 'object') return Number.isFinite(value)
  return depth <= maximumDepth && Object.values(value).every((member) => isJsonAt(member, depth + 1))
}

function write(value: unknown, depth: number): string {
  if (depth > maximumDepth) throw notJson(`it is nested more than ${maximumDepth} levels deep, or refers to itself`)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') {
    // A copy of a long text costs more than this look.
    if (!mayNeedEscape.test(value)) return `"${value}"`
    if (!value.isWellFormed()) throw notJson('a string contains a lone surrogate')
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson(`the number ${value} is not finite`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`
  if (typeof value === 'object') {
    const members = value as Record<string, unknown>
    let text = ''
    for (const key of sortedKeys(members)) {
      const member = members[key]
      if (member !== undefined) text += `${text === '' ? '' : ','}${keyText(key)}:${write(member, depth + 1)}`
    }
    return `{${text}}`
  }
  throw notJson(`a ${typeof value} is not JSON`)
}

// JSON escapes these, and surrogates without a partner, which are not JSON.
const mayNeedEscape = /["\\\u0000-\u001f\ud800-\udfff]/

const fewKeys = 32

/** The names of an object's members, sorted by UTF-16 code units. */
function sortedKeys(members: Readonly<Record<string, unknown>>): readonly string[] {
  const keys = Object.keys(members)
  if (keys.length > fewKeys) return keys.sort()
  // `sort` allocates about 2 kB for three keys, which is most of what a sample of a dataset takes.
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index]!
    let at = index
    for (; at > 0 && keys[at - 1]! > key; at -= 1) keys[at] = keys[at - 1]!
    keys[at] = key
  }
  return keys
}

/** Names of members repeat in all samples of a dataset. */
const keyTexts = new Map<string, string>()
const mostKeyTexts = 1000
const longestKey = 100

function keyText(key: string): string {
  const known = keyTexts.get(key)
  if (known !== undefined) return known
  const text = write(key, 0)
  if (keyTexts.size < mostKeyTexts && key.length <= longestKey) keyTexts.set(key, text)
  return text
}

const notJson = (fact: string) =>
  new SheikhError(
    'invalid-options',
    `Cannot write a value as JSON: ${fact}. Use plain, finite, well-formed JSON values.`,
  )
