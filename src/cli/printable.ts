import type { Json } from '../core/index.js'

// All but newline and tab: a sample's text, an id or a reason must not move the cursor, retitle the window, or reorder a line.
const commanding = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu

/** Text that a terminal shows and does not obey. What is escaped inside a JSON document keeps its meaning there. */
export function printable(text: string): string {
  return text.replace(commanding, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Every string in a value, changed. Never the value's JSON text: a match there may reach past a quotation mark. */
export function mapStrings(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapStrings(member as Json, change)]))
}
