// Jinja's tokens carry no positions, and its errors no lines. This finds the tags and names of a template once more, in the order
// in which the tokens come.

export interface TemplatePositions {
  /** `{{ … }}` and `{% … %}`, in order. */
  readonly tags: readonly TemplateTag[]
  /** Words in tags, outside of strings, in order. */
  readonly names: readonly { readonly name: string; readonly line: number }[]
  /** The line of a tag, a comment or a string that is not closed. */
  readonly unclosedLine?: number | undefined
}

export interface TemplateTag {
  readonly line: number
  readonly text: string
  /** The first word of a `{% … %}`. */
  readonly statement?: string | undefined
}

// The interpreter takes these out of the template before it reads it.
const generation = /^{%-?\s*(?:end)?generation\s*-?%}$/

export function templatePositions(template: string): TemplatePositions {
  const lineOf = lineCounter(template)
  const tags: TemplateTag[] = []
  const names: { name: string; line: number }[] = []
  opening.lastIndex = 0
  for (let open = opening.exec(template); open !== null; open = opening.exec(template)) {
    const start = open.index
    const end =
      open[0] === '{#' ? endOfComment(template, start) : endOfTag(template, start, open[0] === '{%' ? '%}' : '}}')
    if (end === undefined) return { tags, names, unclosedLine: lineOf(start) }
    opening.lastIndex = end.at
    const text = template.slice(start, end.at)
    if (open[0] === '{#' || generation.test(text)) continue
    const words = end.words.map((at) => ({ name: wordAt(template, at), line: lineOf(at) }))
    names.push(...words)
    tags.push({ line: lineOf(start), text, ...(open[0] === '{%' ? { statement: words[0]?.name } : {}) })
  }
  return { tags, names }
}

/** The first block that is opened and never closed. */
export function unclosedBlock(tags: readonly TemplateTag[]): TemplateTag | undefined {
  const open: TemplateTag[] = []
  for (const tag of tags) {
    const { statement = '', text } = tag
    if (statement.startsWith('end')) open.pop()
    else if (blocks.has(statement) || (statement === 'set' && !text.includes('='))) open.push(tag)
  }
  return open.at(-1)
}

const blocks = new Set(['for', 'if', 'macro', 'call', 'filter'])
const opening = /{[{%#]/g
const word = /[A-Za-z_]\w*/y
const digits = /\d+/y

interface End {
  readonly at: number
  readonly words: readonly number[]
}

function endOfComment(template: string, start: number): End | undefined {
  const close = template.indexOf('#}', start + 2)
  return close < 0 ? undefined : { at: close + 2, words: [] }
}

function endOfTag(template: string, start: number, close: string): End | undefined {
  const words: number[] = []
  let depth = 0
  for (let at = start + 2; at < template.length; ) {
    const character = template[at]!
    if (depth === 0 && template.startsWith(close, at)) return { at: at + 2, words }
    if (character === '"' || character === "'") {
      for (at += 1; at < template.length && template[at] !== character; at += 1) if (template[at] === '\\') at += 1
      at += 1
      continue
    }
    if (character === '{') depth += 1
    if (character === '}') depth = Math.max(0, depth - 1)
    const number = wordOf(digits, template, at)
    const name = wordOf(word, template, at)
    if (name > 0) words.push(at)
    at += Math.max(1, number, name)
  }
  return undefined
}

function wordOf(pattern: RegExp, template: string, at: number): number {
  pattern.lastIndex = at
  return pattern.exec(template)?.[0].length ?? 0
}

const wordAt = (template: string, at: number) => template.slice(at, at + wordOf(word, template, at))

function lineCounter(template: string): (at: number) => number {
  let counted = 0
  let line = 1
  return (at) => {
    if (at < counted) {
      counted = 0
      line = 1
    }
    for (; counted < at; counted += 1) if (template[counted] === '\n') line += 1
    return line
  }
}
