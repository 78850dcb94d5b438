import { escapeHtml, escapeMarkdown } from '../core/index.js'
import { expectedText, roundedText } from '../pipeline/index.js'
import type { AfterMerge } from '../repository/index.js'
import { htmlTable, paragraph } from './html.js'
import { markdownTable } from './markdown.js'

const title = 'After the merge'
const header = ['stage', 'action', 'expected', 'why']

/** What the run after the merge will do, stage by stage. */
export function outlookMarkdown(outlook: AfterMerge | undefined): readonly string[] {
  if (outlook === undefined) return []
  const rows = rowsOf(outlook)
  const sentences = escapeMarkdown(sentencesOf(outlook).join(' '))
  return [`**${title}**`, sentences, ...(rows.length === 0 ? [] : [markdownTable(header, rows)])]
}

export function outlookHtml(outlook: AfterMerge | undefined): readonly string[] {
  if (outlook === undefined) return []
  const rows = rowsOf(outlook)
  return [
    `<h2>${escapeHtml(title)}</h2>`,
    paragraph(sentencesOf(outlook).join(' ')),
    ...(rows.length === 0 ? [] : [htmlTable(title, header, rows)]),
  ]
}

function sentencesOf({ trigger, run, unknown }: AfterMerge): readonly string[] {
  return [
    ...(trigger === undefined ? [] : [trigger.reason]),
    ...(unknown === undefined ? [] : [`Not known here: ${unknown}`]),
    ...(run?.nextVersion === undefined
      ? []
      : [`The next version is ${run.nextVersion}, unless another release comes first.`]),
    ...(run?.outcome === 'judge' ? [expectedText(run.expected)] : []),
  ]
}

const rowsOf = ({ run }: AfterMerge) =>
  (run?.stages ?? []).map(({ stage, action, expected, reason }) => [
    ...[stage, action],
    expected === undefined ? (action === 'skip' ? '' : 'unknown') : roundedText(expected.medianMs),
    reason,
  ])
