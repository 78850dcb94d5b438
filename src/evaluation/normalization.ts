import type { Json } from '../core/index.js'

/**
 * A kind of difference between prediction and target that is ignored. `trim`: white space at the ends. `case`: upper
 * and lower case. `punctuation`: quotes, brackets, `*` and `` ` `` around the text, and `.,;:!?…` at its end. `number`:
 * number formats, also as text (`"3"`, `3` and `"3.0"`).
 */
export type Normalization = 'trim' | 'case' | 'punctuation' | 'number'

export const normalizations: readonly Normalization[] = ['trim', 'case', 'punctuation', 'number']

export const isNormalization = (name: string): name is Normalization =>
  (normalizations as readonly string[]).includes(name)

/** Normalizes a value for comparison. With any step, text is also converted to Unicode form NFC. */
export function normalized(value: Json, steps: readonly Normalization[] = []): Json {
  if (steps.length === 0 || typeof value !== 'string') return value
  const has = (step: Normalization) => steps.includes(step)
  let text = value.normalize('NFC')
  if (has('trim')) text = text.trim()
  if (has('punctuation')) text = withoutPunctuation(text, has('trim'))
  if (has('case')) text = text.toLowerCase()
  return has('number') ? numberOf(text) : text
}

const opening = '"\'“”‘’«»()[]{}*`'
const closing = `${opening}.,;:!?…`

function withoutPunctuation(text: string, trims: boolean): string {
  const isLeftOut = (character: string, from: string) => from.includes(character) || (trims && character.trim() === '')
  let [start, end] = [0, text.length]
  while (start < end && isLeftOut(text[start]!, opening)) start += 1
  while (end > start && isLeftOut(text[end - 1]!, closing)) end -= 1
  return start === end ? text : text.slice(start, end)
}

/** The number that a decimal text represents, if it can be converted without loss; otherwise the text. */
function numberOf(text: string): Json {
  const trimmed = text.trim()
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed)) return text
  const number = Number(trimmed)
  const keeps = Number.isFinite(number) && trimmed.replace(/\D/g, '').length <= 15
  // Minus zero is zero.
  return keeps ? number + 0 : text
}
