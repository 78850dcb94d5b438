import { canonicalJson, escapeMarkdown, withoutLinks } from '../../core/index.js'
import type { FeedbackBatch, LeftOutFeedback } from '../../feedback/index.js'

/** Lists longer than this are cut: a person does not read them, and GitHub limits the text. */
const mostListed = 20
/** Longer text of a sample is cut. In UTF-16 code units. */
const longestText = 300

export interface ProposalText {
  readonly title: string
  readonly body: string
}

/**
 * What a reviewer of a batch reads. Sources are pseudonyms.
 *
 * @param place.path the file of the samples. @param place.base the branch that the batch is proposed for.
 */
export function proposalText(
  batch: FeedbackBatch,
  { path, branch, base, includeText }: Readonly<Record<'path' | 'branch' | 'base', string>> & { includeText: boolean },
): ProposalText {
  const { id, samples, labelChanges, leftOut } = batch
  const sources = countsOf(samples.flatMap(({ origin }) => origin.sources))
  const releases = countsOf(samples.flatMap(({ origin }) => origin.releases))
  const inputs = leftOut.length === 1 ? '1 input is' : `${leftOut.length} inputs are`
  const parts = [
    `${counted(samples.length, 'sample')} from what ${counted(sources.length, 'source')} said about answers of ${releases.map(([name]) => code(name)).join(', ')}. Read the samples in ${code(path)} before you merge.`,
    section(
      'Answers and corrections',
      labelChanges.map(({ from, to, samples: number }) => `${code(from)} → ${code(to)}: ${number}`),
    ),
    section(
      'Sources',
      sources.map(([name, number]) => `${code(name)}: ${counted(number, 'sample')}`),
    ),
    leftOut.length === 0 ? '' : `${inputs} left out.\n${section('Left out', reasonsOf(leftOut))}`,
    includeText
      ? section(
          'Samples',
          samples.map(({ sample }) => code(shortened(canonicalJson(sample)))),
        )
      : '',
    [
      '### What this does not prove',
      '',
      '- That the corrections are right. The checks find contradictions, floods and copies, and no error that nobody contradicts.',
      '- That the sources are different people. One person with several pseudonyms counts as several sources.',
      '- That quality improves. Measure it before you merge:',
      '',
      '```sh',
      `git fetch origin && git switch ${branch}`,
      `npx sheikh review ${base} --train`,
      '```',
      '',
      `To take the batch out after the merge: \`npx sheikh feedback undo ${id}\``,
    ].join('\n'),
  ]
  return {
    title: `Add ${counted(samples.length, 'sample')} from feedback (${id})`,
    body: withoutLinks(parts.filter((part) => part !== '').join('\n\n')),
  }
}

const counted = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
const shortened = (text: string) => (text.length > longestText ? `${text.slice(0, longestText).toWellFormed()}…` : text)

/** Data in a sentence or a list: nothing in it becomes markup. */
const code = (text: string) => `"${escapeMarkdown(text)}"`

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return ''
  const rest = lines.length > mostListed ? [`and ${lines.length - mostListed} more`] : []
  return [`### ${title}`, '', ...[...lines.slice(0, mostListed), ...rest].map((line) => `- ${line}`)].join('\n')
}

function reasonsOf(leftOut: readonly LeftOutFeedback[]): readonly string[] {
  return countsOf(leftOut.map(({ reason }) => reason)).map(([reason, number]) => {
    const found = leftOut.filter((one) => one.reason === reason)
    const ids = found.flatMap(({ predictions }) => predictions)
    const more = ids.length > 5 ? `, and ${ids.length - 5} more` : ''
    return `${reason}: ${number}, such as ${escapeMarkdown(found[0]!.detail)} (${ids.slice(0, 5).map(escapeMarkdown).join(', ')}${more})`
  })
}

/** The most frequent first. */
function countsOf(names: readonly string[]): readonly (readonly [name: string, count: number])[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].sort(([left, a], [right, b]) => b - a || (left < right ? -1 : 1))
}
