import type { Json } from '../core/index.js'

/**
 * A difference between a prediction and a target that does not count: `trim` white space at the ends, `case` upper and lower
 * case, `punctuation` quotes, brackets, `*` and `` ` `` around the text and `.,;:!?…` behind it, `number` how a number is
 * written, as text too (`"3"`, `3` and `"3.0"`).
 */
export type Normalization = 'trim' | 'case' | 'punctuation' | 'number'

export const normalizations: readonly Normalization[] = ['trim', 'case', 'punctuation', 'number']

export const isNormalization = (name: string): name is Normalization =>
  (normalizations as readonly string[]).includes(name)

/** A value brought to the form in which values are compared; with any step, text is also in Unicode form NFC. */
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

/** The number that a text writes in decimal, if a number keeps all its digits; else the text. */
function numberOf(text: string): Json {
  const trimmed = text.trim()
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed)) return text
  const number = Number(trimmed)
  const keeps = Number.isFinite(number) && trimmed.replace(/\D/g, '').length <= 15
  // Minus zero is zero.
  return keeps ? number + 0 : text
}
