import type { Json } from '../core/index.js'

// All control characters except newline and tab. The text of a sample, an id or a reason must not move the cursor, change the window title or reorder a line.
const commanding = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu

/** Escapes control characters, so that a terminal shows them instead of executing them. The escapes are valid in JSON strings. */
export function printable(text: string): string {
  return text.replace(commanding, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Applies `change` to every string in a value. Changing the JSON text instead could match across a quotation mark. */
export function mapStrings(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapStrings(member as Json, change)]))
}
