// Python's methods of `str`, where JavaScript's differ: https://docs.python.org/3/library/stdtypes.html#string-methods
// A character is a code point here, as in Python, and not a UTF-16 code unit.
import { unsupported } from './fault.js'
import { handle, joined, remembered, scan } from './meter.js'

/** Python's `str.isspace`, which is also its `\s`. JavaScript's trim() differs by U+FEFF, U+0085 and U+001C to U+001F. */
const whiteSpace = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
)
/** Python's `str.splitlines`. */
const lineBreaks = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g

function hasSurrogates(text: string): boolean {
  // A loop over the positions of a text looks at the same text again and again.
  if (text === remembered.plain && text.length > 64) return false
  scan(text.length)
  const found = /[\ud800-\udfff]/.test(text)
  if (!found) remembered.plain = text
  return found
}

export function characters(text: string): string[] {
  handle(text.length)
  return hasSurrogates(text) ? Array.from(text) : text.split('')
}

export function lengthOf(text: string): number {
  if (!hasSurrogates(text)) return text.length
  handle(text.length)
  return Array.from(text).length
}

/** @param at from the end if negative. */
export const characterAt = (text: string, at: number): string | undefined =>
  hasSurrogates(text) ? characters(text).at(at) : text.at(at)

/** A longer part is found in linear time; `indexOf` may compare all of its characters at each place. */
const longestForIndexOf = 32

/** As `text.indexOf(part, from)`. */
export function indexIn(text: string, part: string, from = 0): number {
  if (part.length <= longestForIndexOf) {
    const at = text.indexOf(part, from)
    scan((at < 0 ? text.length : at + part.length) - from)
    return at
  }
  if (part.length > text.length - from) return -1
  return indexOfLong(text, part, from)
}

/** The algorithm of Knuth, Morris and Pratt (1977). */
function indexOfLong(text: string, part: string, from: number): number {
  handle(part.length)
  const borders = bordersOf(part)
  let matched = 0
  for (let at = from; at < text.length; at += 1) {
    while (matched > 0 && text.charCodeAt(at) !== part.charCodeAt(matched)) matched = borders[matched - 1]!
    if (text.charCodeAt(at) === part.charCodeAt(matched)) matched += 1
    if (matched === part.length) {
      handle(at + 1 - from)
      return at + 1 - matched
    }
  }
  handle(text.length - from)
  return -1
}

/** For each prefix of a text: the length of its longest border, which is both a proper prefix and a suffix. */
function bordersOf(part: string): Int32Array {
  if (part === remembered.part) return remembered.borders
  const borders = new Int32Array(part.length)
  for (let at = 1, length = 0; at < part.length; at += 1) {
    while (length > 0 && part.charCodeAt(at) !== part.charCodeAt(length)) length = borders[length - 1]!
    if (part.charCodeAt(at) === part.charCodeAt(length)) length += 1
    borders[at] = length
  }
  Object.assign(remembered, { part, borders })
  return borders
}

/** As `text.lastIndexOf(part)`. */
export function lastIndexIn(text: string, part: string): number {
  if (part.length <= longestForIndexOf) {
    scan(text.length)
    return text.lastIndexOf(part)
  }
  const reversed = (one: string) => one.split('').reverse().join('')
  handle(2 * (text.length + part.length))
  const at = indexIn(reversed(text), reversed(part))
  return at < 0 ? at : text.length - at - part.length
}

export function trimStart(text: string, stripped: ReadonlySet<string> = whiteSpace): string {
  let start = 0
  while (start < text.length) {
    const character = String.fromCodePoint(text.codePointAt(start)!)
    if (!stripped.has(character)) break
    start += character.length
  }
  handle(start)
  return text.slice(start)
}

export function trimEnd(text: string, stripped: ReadonlySet<string> = whiteSpace): string {
  let end = text.length
  while (end > 0) {
    const pair = end > 1 && /[\udc00-\udfff]/.test(text[end - 1]!) && /[\ud800-\udbff]/.test(text[end - 2]!)
    if (!stripped.has(text.slice(end - (pair ? 2 : 1), end))) break
    end -= pair ? 2 : 1
  }
  handle(text.length - end)
  return text.slice(0, end)
}

export const trim = (text: string, stripped?: ReadonlySet<string>) => trimEnd(trimStart(text, stripped), stripped)
export const isWhiteSpace = (text: string) => text !== '' && trimStart(text) === ''

export function splitLines(text: string, keepEnds = false): string[] {
  handle(text.length)
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
  const parts: string[] = []
  let start = 0
  for (let at = indexIn(text, separator); at >= 0; at = indexIn(text, separator, start)) {
    parts.push(text.slice(start, at))
    start = at + separator.length
  }
  parts.push(text.slice(start))
  handle(parts.length)
  if (most < 0 || parts.length <= most + 1) return parts
  return fromRight
    ? [parts.slice(0, parts.length - most).join(separator), ...parts.slice(parts.length - most)]
    : [...parts.slice(0, most), parts.slice(most).join(separator)]
}

/** @param most replacements; negative for no limit. */
export function replaceText(text: string, old: string, replacement: string, most: number): string {
  const parts = old === '' ? ['', ...characters(text), ''] : splitAt(text, old, most, false)
  if (old !== '' || most < 0) return joined(parts, replacement)
  const count = Math.min(most, parts.length - 1)
  return joined([joined(parts.slice(0, count + 1), replacement), ...parts.slice(count + 1)], '')
}

export function capitalize(text: string): string {
  const [first = ''] = characters(text)
  // The text is lowered as a whole, because the lower case of a final sigma depends on the letters before it.
  return titleCase(first) + lower(text).slice(lower(first).length)
}

/** `str.title`: every letter after a character that has no case is a capital. */
export function titleWords(text: string): string {
  handle(text.length)
  return text.replace(/\p{Cased}+/gu, capitalize)
}

export function lower(text: string): string {
  handle(text.length)
  return text.toLowerCase()
}

export function upper(text: string): string {
  handle(text.length)
  return text.toUpperCase()
}

// JavaScript has no title case. Upper case is the same, except for ligatures and digraphs.
export function titleCase(character: string): string {
  const upperCase = character.toUpperCase()
  if (lengthOf(upperCase) > 1 || /[\u01c4-\u01cc\u01f1-\u01f3\u10d0-\u10ff]/.test(character))
    throw unsupported(`the title case of "${character}"`)
  return upperCase
}

export const compareText = (left: string, right: string): number => {
  scan(Math.min(left.length, right.length))
  if (left === right) return 0
  if (!hasSurrogates(left) && !hasSurrogates(right)) return left < right ? -1 : 1
  const [a, b] = [characters(left), characters(right)]
  const at = a.findIndex((character, index) => character !== b[index])
  return at < 0 || (b[at] !== undefined && a[at]!.codePointAt(0)! < b[at].codePointAt(0)!) ? -1 : 1
}

export function isCased(text: string, wanted: 'lower' | 'upper'): boolean {
  handle(text.length)
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
