import { fits, type Json, json } from '../core/index.js'
import { Fault } from './fault.js'

// Far above any request, and far below what recursive code can process.
const maximumDepth = 64

const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses the JSON value of a request. Refuses what two JSON parsers may read differently: duplicate keys, invalid UTF-8,
 * numbers that are not finite, integers that a 64-bit float rounds.
 */
export function parseJson(bytes: Uint8Array): Json {
  let text: string
  let value: unknown
  try {
    text = decoder.decode(bytes)
  } catch {
    throw invalid('it is not UTF-8')
  }
  const problem = structureProblem(text)
  if (problem !== undefined) throw invalid(problem)
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid(text.trim() === '' ? 'it is empty' : 'it is not JSON')
  }
  if (!fits(json, value)) throw invalid('it contains a number that is too large for a 64-bit float')
  return value
}

const invalid = (fact: string) => new Fault('invalid-json', `Cannot read the body: ${fact}. Send one JSON value.`)

/** Nesting, duplicate keys and rounded integers, before anything is built from the text. Says nothing about a text that is not JSON. */
function structureProblem(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '{' || character === '[') {
      if (open.length === maximumDepth) return `it is nested more than ${maximumDepth} levels deep`
      open.push(character === '{' ? new Set() : undefined)
    } else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = stringEnd(text, at)
      const keys = open.at(-1)
      if (keys !== undefined && isKey(text, end)) {
        const key = keyOf(text.slice(at, end))
        if (key !== undefined && keys.has(key)) return `it has the key ${JSON.stringify(key.slice(0, 100))} twice`
        if (key !== undefined) keys.add(key)
      }
      at = end - 1
    } else if (character === '-' || (character! >= '0' && character! <= '9')) {
      const token = tokenAt(text, at)
      if (isRounded(token)) return `it has the integer ${token}, which a 64-bit float rounds. Send it as a string`
      at += token.length - 1
    }
  }
  return undefined
}

function tokenAt(text: string, start: number): string {
  let end = start + 1
  while ('0123456789.eE+-'.includes(text[end] ?? 'x')) end += 1
  return text.slice(start, end)
}

// 15 digits always fit. Integers with more than 309 are infinite as a float.
function isRounded(token: string): boolean {
  if (token.length <= 15 || token.length > 310 || !/^-?\d+$/.test(token)) return false
  const value = Number(token)
  return Number.isFinite(value) && BigInt(value) !== BigInt(token)
}

/** The offset after a string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}

function isKey(text: string, end: number): boolean {
  let at = end
  while (' \t\n\r'.includes(text[at] ?? '-')) at += 1
  return text[at] === ':'
}

function keyOf(token: string): string | undefined {
  try {
    return JSON.parse(token) as string
  } catch {
    return undefined
  }
}
