import { Fault, unsupported } from './fault.js'
import { trimEnd } from './text.js'

export interface LexerOptions {
  /** Removes the newline after a block or a comment. @default false, as in Jinja2 */
  readonly trimBlocks?: boolean
  /** Removes the white space before a block or a comment that begins a line. @default false, as in Jinja2 */
  readonly lstripBlocks?: boolean
}

export type Token = { readonly at: number } & (
  | { readonly type: 'data' | 'name' | 'string'; readonly value: string }
  | { readonly type: 'integer'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'operator'; readonly value: string }
  | { readonly type: 'output-begin' | 'output-end' | 'block-begin' | 'block-end' | 'end'; readonly value: string }
)

// The rules are those of jinja2/lexer.py: https://jinja.palletsprojects.com/en/stable/templates/#whitespace-control
const whiteSpace = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const sticky = (pattern: string, flags = '') => new RegExp(pattern.replaceAll('\\s', whiteSpace), `y${flags}`)
const rawBegin = sticky('\\{%([-+]?)\\s*raw\\s*(?:-%\\}\\s*|%\\})')
const spaces = sticky('\\s+')
const float = sticky('(?<!\\.)(\\d+_)*\\d+((\\.(\\d+_)*\\d+)?e[+-]?(\\d+_)*\\d+|\\.(\\d+_)*\\d+)', 'i')
const integer = sticky('0b(_?[01])+|0o(_?[0-7])+|0x(_?[\\da-f])+|[1-9](_?\\d)*|0(_?0)*', 'i')
const name = sticky('[\\p{ID_Start}_]\\p{ID_Continue}*', 'u')
const string = /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/sy
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y
const closing: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' }

/** As Jinja2 reads a template: every newline is `\n`, and one at the end is dropped. */
export const normalizeNewlines = (template: string) => template.replace(/\r\n?/g, '\n').replace(/\n$/, '')

/** @param source with normalised newlines. @throws Fault */
export function tokenize(source: string, { trimBlocks = false, lstripBlocks = false }: LexerOptions = {}): Token[] {
  const tokens: Token[] = []
  const blockEnd = sticky(`\\+%\\}|-%\\}\\s*|%\\}${trimBlocks ? '\\n?' : ''}`)
  const outputEnd = sticky('-\\}\\}\\s*|\\}\\}')
  const commentEnd = sticky(`\\+#\\}|-#\\}\\s*|#\\}${trimBlocks ? '\\n?' : ''}`)
  const endRaw = new RegExp(`\\{%([-+]?)${whiteSpace}*endraw${whiteSpace}*(?:${blockEnd.source})`, 'g')
  let at = 0
  let lineStarts = true

  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    return pattern.exec(source) ?? undefined
  }
  const skip = (matched: string) => {
    at += matched.length
    lineStarts = matched.endsWith('\n')
  }
  const data = (end: number, sign: string, isOutput: boolean) => {
    let text = source.slice(at, end)
    const line = text.lastIndexOf('\n') + 1
    if (sign === '-') text = trimEnd(text)
    else if (sign !== '+' && lstripBlocks && !isOutput && (line > 0 || lineStarts) && trimEnd(text.slice(line)) === '')
      text = text.slice(0, line)
    if (text !== '') tokens.push({ type: 'data', value: text, at })
    at = end
  }

  function tag(kind: 'output' | 'block', end: RegExp, begin: number): void {
    const open: string[] = []
    for (;;) {
      const closed = open.length === 0 ? match(end) : undefined
      if (closed !== undefined) {
        tokens.push({ type: `${kind}-end`, value: closed[0], at })
        skip(closed[0])
        return
      }
      const space = match(spaces)
      if (space !== undefined) {
        at += space[0].length
        continue
      }
      if (at >= source.length) throw new Fault('this tag is not closed', begin)
      const token = inTag()
      if (token.type === 'operator') balance(token, open)
      tokens.push(token)
    }

    function inTag(): Token {
      const start = at
      const read = (pattern: RegExp) => {
        const text = match(pattern)?.[0]
        if (text !== undefined) at += text.length
        return text
      }
      const fraction = read(float)
      if (fraction !== undefined) return { type: 'float', value: Number(fraction.replaceAll('_', '')), at: start }
      const whole = read(integer)
      if (whole !== undefined) return { type: 'integer', value: BigInt(whole.replaceAll('_', '')), at: start }
      const word = read(name)
      if (word !== undefined) return { type: 'name', value: word, at: start }
      const quoted = read(string)
      if (quoted !== undefined) return { type: 'string', value: unescapeText(quoted.slice(1, -1), start), at: start }
      const sign = read(operator)
      if (sign !== undefined) return { type: 'operator', value: sign, at: start }
      if (source[at] === '"' || source[at] === "'") throw new Fault('this text in quotes is not closed', at)
      const character = String.fromCodePoint(source.codePointAt(at)!)
      throw new Fault(`the character ${JSON.stringify(character)} does not belong in a tag`, at)
    }
  }

  while (at < source.length) {
    const begin = nextTag(source, at)
    if (begin === undefined) {
      tokens.push({ type: 'data', value: source.slice(at), at })
      break
    }
    const kind = source[begin + 1]!
    const sign = /[-+]/.exec(source[begin + 2] ?? '')?.[0] ?? ''
    rawBegin.lastIndex = begin
    const raw = rawBegin.exec(source)
    data(begin, sign, kind === '{')
    if (raw !== null) {
      skip(raw[0])
      endRaw.lastIndex = at
      const end = endRaw.exec(source)
      if (end === null) throw new Fault('the block "raw" is not closed', begin)
      data(end.index, end[1]!, false)
      skip(end[0])
      continue
    }
    at = begin + 2 + sign.length
    if (kind === '#') {
      const close = source.indexOf('#}', at)
      if (close < 0) throw new Fault('this comment is not closed', begin)
      at = close > at && /[-+]/.test(source[close - 1]!) ? close - 1 : close
      skip(match(commentEnd)![0])
    } else {
      const type = kind === '{' ? 'output' : 'block'
      tokens.push({ type: `${type}-begin`, value: source.slice(begin, at), at: begin })
      tag(type, kind === '{' ? outputEnd : blockEnd, begin)
    }
  }
  tokens.push({ type: 'end', value: 'the end of the template', at: source.length })
  return tokens

  function balance({ value, at }: Token & { readonly type: 'operator' }, open: string[]): void {
    if (closing[value] !== undefined) open.push(closing[value])
    else if (')}]'.includes(value)) {
      const expected = open.pop()
      if (expected !== value)
        throw new Fault(`"${value}" is unexpected${expected === undefined ? '' : `: "${expected}" is missing`}`, at)
    }
  }
}

function nextTag(source: string, from: number): number | undefined {
  const begin = /\{[{%#]/g
  begin.lastIndex = from
  return begin.exec(source)?.index
}

const escapes: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

// Python's "unicode-escape"; an unknown escape keeps its backslash.
function unescapeText(text: string, at: number): string {
  return text.replace(/\\([0-7]{1,3}|x.{0,2}|u.{0,4}|U.{0,8}|.)/gsu, (whole, code: string) => {
    const digits = code.slice(1)
    if (/^[0-7]/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8))
    if ('xuU'.includes(code[0]!)) {
      const point = /^[\da-f]+$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
      if (digits.length !== { x: 2, u: 4, U: 8 }[code[0] as 'x' | 'u' | 'U'] || !(point <= 0x10ffff))
        throw new Fault(`the escape "${whole}" is not complete`, at)
      return String.fromCodePoint(point)
    }
    if (code === 'N') throw unsupported('the escape "\\N{…}"', at)
    return escapes[code] ?? whole
  })
}
