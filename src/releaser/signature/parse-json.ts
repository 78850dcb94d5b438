import { messageOf } from '../../core/index.js'

type Members = Readonly<Record<string, unknown>>

/** As `canonicalJson`: deeper than any honest document. Megabytes of `[` would fill gigabytes. */
const maximumDepth = 512

/** A JSON object (bytes: in UTF-8), or in words why there is none. Never throws. */
export function parseJson(source: string | Uint8Array): Members | string {
  try {
    const text = typeof source === 'string' ? source : new TextDecoder('utf-8', { fatal: true }).decode(source)
    if (isTooDeep(text)) return `it is nested more than ${maximumDepth} levels deep`
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : 'it is not a JSON object'
  } catch (error) {
    return `it is not JSON (${messageOf(error)})`
  }
}

/** An object as it is; anything else as one without members. */
export function objectOf(value: unknown): Members {
  return isObject(value) ? value : {}
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

// Brackets inside strings do not count; in what is not JSON the answer does not matter.
function isTooDeep(text: string): boolean {
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (quoted && character === '\\') at += 1
    else if (character === '"') quoted = !quoted
    else if (!quoted && (character === '[' || character === '{')) depth += 1
    else if (!quoted && (character === ']' || character === '}')) depth -= 1
    if (depth > maximumDepth) return true
  }
  return false
}
