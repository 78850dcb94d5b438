import { escapeHtml, escapeMarkdown, visible } from '../core/index.js'
import { diffLines, linesOf, type TextLine } from './diff-lines.js'
import { count } from './markdown.js'

/** A text of a report that keeps its lines, such as a rendered prompt. */
export interface TextBlock {
  readonly name: string
  readonly lines: readonly TextLine[]
}

/** Enough of a digest for a person to compare. */
export const shortDigest = (digest: string) => digest.slice('sha256:'.length, 'sha256:'.length + 12)

/** Longer texts are cut in their middle. */
const [mostCharacters, mostShown] = [4000, 200]

/** A rendered prompt, or how it changed. */
export function textBlock(name: string, text: string, before?: string): TextBlock {
  const same = (line: string): TextLine => ({ kind: 'same', text: line })
  const lines = before === undefined || before === text ? linesOf(text).map(same) : diffLines(before, text)
  return { name, lines: shortened(lines) }
}

function shortened(lines: readonly TextLine[]): readonly TextLine[] {
  const cut = lines.slice(0, mostShown).map((line) => ({ ...line, text: shortLine(line.text) }))
  const left = lines.length - cut.length
  return left === 0 ? cut : [...cut, { kind: 'left-out', text: `${count(left)} more lines` }]
}

function shortLine(text: string): string {
  if (text.length <= mostCharacters) return text
  const half = mostCharacters / 2
  return `${text.slice(0, half)} … ${count(text.length - mostCharacters)} characters left out … ${text.slice(-half)}`
}

const marks = { same: '  ', removed: '- ', added: '+ ', 'left-out': '… ' } as const

/** A code block that no line of the text can end. */
export function textBlockMarkdown({ name, lines }: TextBlock): readonly string[] {
  const isDiff = lines.some(({ kind }) => kind === 'removed' || kind === 'added')
  // With a mark, no line of a text begins as a heading or a list does.
  const text = lines.map((line) => `${marks[line.kind]}${visible(line.text)}`)
  const longest = Math.max(2, ...[...text.join('\n').matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return [`**${escapeMarkdown(name)}**`, [`${fence}${isDiff ? 'diff' : 'text'}`, ...text, fence].join('\n')]
}

export function textBlockHtml({ name, lines }: TextBlock): string {
  const tags = { same: 'span', removed: 'del', added: 'ins', 'left-out': 'i' } as const
  const isDiff = lines.some(({ kind }) => kind === 'removed' || kind === 'added')
  const text = lines.map(({ kind, text: line }) => {
    const mark = isDiff || kind === 'left-out' ? marks[kind] : ''
    return `<${tags[kind]}>${mark}${escapeHtml(line)}</${tags[kind]}>`
  })
  return `<figure><figcaption>${escapeHtml(name)}</figcaption><pre class="prompt" role="region" aria-label="${escapeHtml(name)}" tabindex="0">${text.join('\n')}</pre></figure>`
}
