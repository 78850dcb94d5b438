import { escapeHtml, escapeMarkdown } from '../core/index.js'
import { htmlTable, paragraph } from './html.js'
import { markdownTable } from './markdown.js'
import { type TextBlock, textBlockHtml, textBlockMarkdown } from './prompt-texts.js'

/** A table of a report, independent of the output format. */
export interface Section {
  readonly heading: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly (string | number | undefined)[])[]
  readonly note?: string | undefined
  /** True for a list of names with one value each. */
  readonly isList?: boolean | undefined
  /** Texts below the table. */
  readonly texts?: readonly TextBlock[] | undefined
}

/** Its blocks. */
export const sectionMarkdown = ({ heading, header, rows, note, texts = [] }: Section): readonly string[] => [
  `## ${escapeMarkdown(heading)}`,
  ...(rows.length === 0 && note !== undefined ? [] : [markdownTable(header, rows)]),
  ...(note === undefined ? [] : [note]),
  ...texts.flatMap(textBlockMarkdown),
]

export const sectionHtml = ({ heading, header, rows, note, isList, texts = [] }: Section): readonly string[] => [
  `<h2>${escapeHtml(heading)}</h2>`,
  ...(rows.length === 0 ? [] : [isList === true ? values(rows) : htmlTable(heading, header, rows)]),
  ...(note === undefined ? [] : [paragraph(note, 'note')]),
  ...texts.map(textBlockHtml),
]

/** A list of names with one value each. Digests are too long for a table on a phone. */
function values(rows: Section['rows']): string {
  const lines = rows.map(([name, value]) => `<dt>${escapeHtml(String(name))}</dt><dd>${escapeHtml(String(value))}</dd>`)
  return `<dl class="values">${lines.join('\n')}</dl>`
}
