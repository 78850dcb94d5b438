import { randomUUID } from 'node:crypto'
import { conflictFact, isConflictMarker } from '../core/index.js'

/** Parses JSON. For invalid JSON, returns the position of the error, which `JSON.parse` does not always report. */
export function parseJsonText(text: string): { readonly value: unknown } | { readonly problem: JsonProblem } {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { problem: problemAt(text, jsonErrorOffset(text)) }
  }
}

export interface JsonProblem {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  readonly message: string
}

function problemAt(text: string, offset: number): JsonProblem {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  const column = offset - before.lastIndexOf('\n')
  if (offset >= text.length) return { line, column, message: 'it is not JSON: the text ends too early' }
  const start = offset - column + 1
  const end = text.indexOf('\n', start)
  if (isConflictMarker(text.slice(start, end < 0 ? undefined : end))) return { line, column, message: conflictFact }
  return {
    line,
    column,
    message: `it is not JSON: unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(offset)!))}`,
  }
}

type Expected = 'value' | 'value-or-close' | 'key' | 'key-or-close' | 'colon' | 'comma-or-close' | 'end'

/**
 * The offset of the first character that is invalid at its place (RFC 8259), or the length of a text that ends too
 * early.
 */
export function jsonErrorOffset(text: string): number {
  // A list instead of recursion, because hostile text may be nested deeper than the stack allows.
  const open: string[] = []
  let expected = 'value' as Expected
  let at = 0
  const afterValue = () => {
    expected = open.length === 0 ? 'end' : 'comma-or-close'
  }
  for (;;) {
    while (' \t\n\r'.includes(text[at] ?? '-')) at += 1
    const character = text[at]
    if (character === undefined || expected === 'end') return at
    const closes = character === (open.at(-1) === '{' ? '}' : ']') && open.length > 0
    if (closes && expected.endsWith('-or-close')) {
      open.pop()
      at += 1
      afterValue()
    } else if (expected === 'comma-or-close') {
      if (character !== ',') return at
      expected = open.at(-1) === '{' ? 'key' : 'value'
      at += 1
    } else if (expected === 'colon') {
      if (character !== ':') return at
      expected = 'value'
      at += 1
    } else if (expected === 'key' || expected === 'key-or-close') {
      if (character !== '"') return at
      const end = skipString(text, at)
      if (!end.whole) return end.at
      at = end.at
      expected = 'colon'
    } else if (character === '{' || character === '[') {
      open.push(character)
      expected = character === '{' ? 'key-or-close' : 'value-or-close'
      at += 1
    } else {
      const end = character === '"' ? skipString(text, at) : skipScalar(text, at)
      if (!end.whole) return end.at
      at = end.at
      afterValue()
    }
  }
}

function skipString(text: string, start: number): { readonly at: number; readonly whole: boolean } {
  let at = start + 1
  for (;;) {
    const character = text[at]
    if (character === undefined || character < ' ') return { at, whole: false }
    if (character === '"') return { at: at + 1, whole: true }
    if (character !== '\\') at += 1
    else {
      escapes.lastIndex = at
      const sequence = escapes.exec(text)
      if (sequence === null) return { at: Math.min(at + 1, text.length), whole: false }
      at += sequence[0].length
    }
  }
}

function skipScalar(text: string, at: number): { readonly at: number; readonly whole: boolean } {
  scalars.lastIndex = at
  const scalar = scalars.exec(text)
  return scalar === null ? { at, whole: false } : { at: at + scalar[0].length, whole: true }
}

const escapes = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const scalars = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** A number in a JSON text that a JavaScript number cannot represent exactly. */
export interface InexactNumber {
  /** A JSON Pointer (RFC 6901): `/id`. */
  readonly pointer: string
  /** The digits as written in the text. */
  readonly digits: string
}

/**
 * Parses JSON like `parseJsonText`, but keeps the digits of integers that would be rounded (beyond ±2⁵³) and of numbers
 * that are too large to be finite (`1e400`). These become text and are listed.
 */
export function parseJsonKeepingDigits(
  text: string,
): { readonly value: unknown; readonly inexact: readonly InexactNumber[] } | { readonly problem: JsonProblem } {
  const parsed = parseJsonText(text)
  if ('problem' in parsed || !mayBeInexact.test(text)) return { inexact: [], ...parsed }
  const marked = text.replace(tokens, (token) => (isInexact(token) ? `"\\u0000${mark}${token}"` : token))
  if (marked === text) return { value: parsed.value, inexact: [] }
  const inexact: InexactNumber[] = []
  try {
    return { value: unmarked(JSON.parse(marked), '', inexact), inexact }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { problem: { line: 1, column: 1, message: 'it is nested too deeply' } }
  }
}

function isInexact(token: string): boolean {
  if (token.startsWith('"') || !mayBeInexact.test(token)) return false
  const number = Number(token)
  return !Number.isFinite(number) || (/^-?\d+$/.test(token) && String(number) !== token)
}

function unmarked(value: unknown, pointer: string, found: InexactNumber[]): unknown {
  if (typeof value === 'string' && value.startsWith(prefix)) {
    const digits = value.slice(prefix.length)
    found.push({ pointer, digits })
    return digits
  }
  if (Array.isArray(value)) return value.map((item, index) => unmarked(item, `${pointer}/${index}`, found))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      unmarked(member, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, found),
    ]),
  )
}

/** The message for an inexact number that is neither an id nor a group. */
export const inexactProblem = ({ pointer, digits }: InexactNumber): string =>
  `the number ${digits.length > 40 ? `${digits.slice(0, 40)}…` : digits} at ${pointer} has more digits than a JavaScript number can represent; write it as text, in quotes`

/** Whether a number is the whole value of one of these members, which are read as text. */
export const isTextMember = ({ pointer, digits }: InexactNumber, members: readonly string[]): boolean =>
  members.some((member) => pointer === `/${member}`) && /^-?\d+$/.test(digits)

// Random, so that no string in the text starts with it.
const mark = `${randomUUID()}:`
const prefix = `\u0000${mark}`
const mayBeInexact = /\d{16}|[eE]\+?\d{3}/
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g
