import type { Random } from '../../src/core/index.js'

/** A piece of JSON Lines, or of anything else, as bytes in a string: one character each. */
type Text = string

const bytesOf = (text: string): Text => Buffer.from(text).toString('latin1')
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

const numbers = [
  ...['NaN', 'Infinity', '-Infinity', '1e999', '-1e999', '-0', '0', '-1', '0.5', '1.0', '1e3', '00', '+1', '0x1f'],
  ...['4294967296', '9007199254740992', '9007199254740993', '18446744073709551616', '1e-400', '1'.repeat(400)],
]
const strings = [
  '__proto__',
  'constructor',
  'toString',
  '__metadata__',
  '',
  '\\ud800',
  '\\u0000',
  '\ufeff',
  '\u2028',
  '😀',
]
const values = [
  'null',
  'true',
  'false',
  '{}',
  '[]',
  '[1,"x"]',
  '{"__proto__":1}',
  '"text"',
  nested(600),
  nested(20_000),
]
const fragments = [
  ...'"{}[],:-.e09\\ \t\r\n\0',
  '\\u',
  '\\ud83d',
  '\ufeff',
  '\r\n',
  '//',
  '\x80',
  '\xff',
  '\xed\xa0\x80',
]

const spans = {
  number: /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
  string: /"(?:[^"\\\n]|\\.)*"/g,
  value: /(?<=:)(?:"(?:[^"\\\n]|\\.)*"|[^",{}[\]\s]+|\{[^{}]*\}|\[[^[\]]*\])/g,
}

export const pick = <T>(random: Random, items: readonly T[]): T => items[random.below(items.length)]!
/** Chances are given in per cent. */
export const happens = (random: Random, percent: number) => random.below(100) < percent

/** One to four small changes, of bytes, of lines or of JSON; mostly one, so that something is left to read. */
export function mutate(random: Random, text: Text): Text {
  let changed = text
  for (let left = pick(random, [1, 1, 1, 2, 3, 4]); left > 0; left -= 1) changed = pick(random, edits)(random, changed)
  return changed
}

type Edit = (random: Random, text: Text) => Text

const edits: readonly Edit[] = [
  flipBit,
  (random, text) => replace(text, span(random, text, 1), String.fromCharCode(random.below(256))),
  (random, text) => replace(text, span(random, text, 3), bytesOf(pick(random, fragments))),
  (random, text) => replace(text, span(random, text, 1 + random.below(40)), ''),
  (random, text) => text.slice(0, random.below(text.length + 1)),
  (random, text) => {
    const [from, to] = span(random, text, 60)
    return replace(text, [to, to], text.slice(from, to))
  },
  (random, text) => {
    const [[a, b], [c, d]] = [span(random, text, 30), span(random, text, 30)].sort(
      (one, other) => one[0] - other[0],
    ) as [Span, Span]
    return b > c ? text : text.slice(0, a) + text.slice(c, d) + text.slice(b, c) + text.slice(a, b) + text.slice(d)
  },
  editLines,
  editLines,
  replacing(spans.number, (random) => pick(random, numbers)),
  replacing(spans.number, (random) => pick(random, numbers)),
  replacing(spans.number, (random) => String(random.below(300))),
  replacing(spans.string, (random) => `"${pick(random, strings)}"`),
  // Another string of the same text: a key twice, a dtype in the place of another.
  replacing(spans.string, (random, text) => pick(random, text.match(spans.string)!)),
  replacing(spans.value, (random) => pick(random, values)),
  // White space is harmless, or is not.
  replacing(
    /[{}[\],:]/g,
    (random, text) => `${pick(random, text.match(/[{}[\],:]/g)!)}${pick(random, [' ', '\t', '\r\n'])}`,
  ),
  replacing(/,(?=")/g, (random) => `,${pick(random, [' ', '\t', '\r'])}`),
  replacing(spans.value, (random, text) => pick(random, text.match(spans.value)!)),
]

function flipBit(random: Random, text: Text): Text {
  const [at, end] = span(random, text, 1)
  return at === end ? text : replace(text, [at, end], String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8))))
}

function editLines(random: Random, text: Text): Text {
  const lines = text.split('\n')
  const [from, to] = [random.below(lines.length), random.below(lines.length)]
  const kind = random.below(4)
  if (kind === 0) lines.splice(from, 1)
  else if (kind === 1) lines.splice(to, 0, lines[from]!)
  else if (kind === 2) [lines[from], lines[to]] = [lines[to]!, lines[from]!]
  else lines.splice(to, 0, ...lines.splice(from, 1))
  return lines.join('\n')
}

function replacing(pattern: RegExp, to: (random: Random, text: Text) => string): Edit {
  return (random, text) => {
    const found = [...text.matchAll(pattern)]
    if (found.length === 0) return text
    const { index, 0: old } = pick(random, found)
    return replace(text, [index, index + old.length], bytesOf(to(random, text)))
  }
}

type Span = readonly [from: number, to: number]

const span = (random: Random, text: Text, longest: number): Span => {
  const from = random.below(text.length + 1)
  return [from, Math.min(text.length, from + random.below(longest) + 1)]
}
const replace = (text: Text, [from, to]: Span, by: Text): Text => text.slice(0, from) + by + text.slice(to)
