// Python's methods of `str`, where JavaScript's differ: https://docs.python.org/3/library/stdtypes.html#string-methods
// A character is a code point here, as in Python, and not a UTF-16 code unit.
import { unsupported } from './fault.js'

/** Python's `str.isspace`, which is also its `\s`. JavaScript's trim() differs by U+FEFF, U+0085 and U+001C to U+001F. */
const whiteSpace = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
)
/** Python's `str.splitlines`. */
const lineBreaks = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g

const hasSurrogates = (text: string) => /[\ud800-\udfff]/.test(text)

export const characters = (text: string): string[] => (hasSurrogates(text) ? Array.from(text) : text.split(''))
export const lengthOf = (text: string) => (hasSurrogates(text) ? Array.from(text).length : text.length)

export function trimStart(text: string, stripped: ReadonlySet<string> = whiteSpace): string {
  let start = 0
  while (start < text.length) {
    const character = String.fromCodePoint(text.codePointAt(start)!)
    if (!stripped.has(character)) break
    start += character.length
  }
  return text.slice(start)
}

export function trimEnd(text: string, stripped: ReadonlySet<string> = whiteSpace): string {
  let end = text.length
  while (end > 0) {
    const pair = end > 1 && /[\udc00-\udfff]/.test(text[end - 1]!) && /[\ud800-\udbff]/.test(text[end - 2]!)
    if (!stripped.has(text.slice(end - (pair ? 2 : 1), end))) break
    end -= pair ? 2 : 1
  }
  return text.slice(0, end)
}

export const trim = (text: string, stripped?: ReadonlySet<string>) => trimEnd(trimStart(text, stripped), stripped)
export const isWhiteSpace = (text: string) => text !== '' && trimStart(text) === ''

export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = []
  let start = 0
  for (const { 0: lineBreak, index } of text.matchAll(lineBreaks)) {
    lines.push(text.slice(start, index + (keepEnds ? lineBreak.length : 0)))
    start = index + lineBreak.length
  }
  return start < text.length ? [...lines, text.slice(start)] : lines
}

/** @param most splits; negative for no limit. */
export function splitWords(text: string, most: number, fromRight: boolean): string[] {
  const parts: string[] = []
  let rest = fromRight ? trimEnd(text) : trimStart(text)
  const all = characters(rest)
  if (most < 0) {
    let word = ''
    for (const character of all)
      if (!whiteSpace.has(character)) word += character
      else if (word !== '') {
        parts.push(word)
        word = ''
      }
    return word === '' ? parts : [...parts, word]
  }
  while (rest !== '') {
    if (parts.length === most) {
      parts.push(rest)
      break
    }
    const points = characters(rest)
    const gap = fromRight
      ? points.findLastIndex((character) => whiteSpace.has(character))
      : points.findIndex((character) => whiteSpace.has(character))
    parts.push(points.slice(...(gap < 0 ? [0] : fromRight ? [gap + 1] : [0, gap])).join(''))
    rest = gap < 0 ? '' : fromRight ? trimEnd(points.slice(0, gap).join('')) : trimStart(points.slice(gap).join(''))
  }
  return fromRight ? parts.reverse() : parts
}

/** @param most splits; negative for no limit. */
export function splitAt(text: string, separator: string, most: number, fromRight: boolean): string[] {
  const parts = text.split(separator)
  if (most < 0 || parts.length <= most + 1) return parts
  return fromRight
    ? [parts.slice(0, parts.length - most).join(separator), ...parts.slice(parts.length - most)]
    : [...parts.slice(0, most), parts.slice(most).join(separator)]
}

/** @param most replacements; negative for no limit. */
export function replaceText(text: string, old: string, replacement: string, most: number): string {
  if (most < 0 && old !== '') return text.replaceAll(old, () => replacement)
  const parts = old === '' ? ['', ...characters(text), ''] : text.split(old)
  const count = most < 0 ? parts.length - 1 : Math.min(most, parts.length - 1)
  return (
    parts.slice(0, count + 1).join(replacement) +
    (count + 1 < parts.length ? old : '') +
    parts.slice(count + 1).join(old)
  )
}

export function capitalize(text: string): string {
  const [first = ''] = characters(text)
  // The text is lowered as a whole, because the lower case of a final sigma depends on the letters before it.
  return titleCase(first) + lower(text).slice(lower(first).length)
}

/** `str.title`: every letter after a character that has no case is a capital. */
export const titleWords = (text: string) => text.replace(/\p{Cased}+/gu, capitalize)

export const lower = (text: string) => text.toLowerCase()
export const upper = (text: string) => text.toUpperCase()

// JavaScript has no title case. Upper case is the same, except for ligatures and digraphs.
export function titleCase(character: string): string {
  const upperCase = character.toUpperCase()
  if (lengthOf(upperCase) > 1 || /[\u01c4-\u01cc\u01f1-\u01f3\u10d0-\u10ff]/.test(character))
    throw unsupported(`the title case of "${character}"`)
  return upperCase
}

export const compareText = (left: string, right: string): number => {
  if (left === right) return 0
  if (!hasSurrogates(left) && !hasSurrogates(right)) return left < right ? -1 : 1
  const [a, b] = [Array.from(left), Array.from(right)]
  const at = a.findIndex((character, index) => character !== b[index])
  return at < 0 || (b[at] !== undefined && a[at]!.codePointAt(0)! < b[at].codePointAt(0)!) ? -1 : 1
}

export function isCased(text: string, wanted: 'lower' | 'upper'): boolean {
  const other = wanted === 'lower' ? /[\p{Uppercase}\p{Lt}]/u : /[\p{Lowercase}\p{Lt}]/u
  return !other.test(text) && (wanted === 'lower' ? /\p{Lowercase}/u : /\p{Uppercase}/u).test(text)
}

export function pad(text: string, width: number, fill: string, side: 'left' | 'right' | 'both'): string {
  const missing = width - lengthOf(text)
  if (missing <= 0) return text
  // Python's str.center puts the odd space to the left if the width is odd.
  const left = side === 'left' ? missing : side === 'right' ? 0 : Math.floor(missing / 2) + (missing & width & 1)
  return fill.repeat(left) + text + fill.repeat(missing - left)
}
