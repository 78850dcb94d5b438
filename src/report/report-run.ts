import type { Json } from '../core/index.js'
import type { RunRecord } from '../pipeline/index.js'
import { duration, escapeMarkdown, isKnown, markdownTable, moment } from './markdown.js'
import { reportComparison } from './report-comparison.js'

/**
 * A run as Markdown: what happened in a sentence, why, and what it was made of. It contains ids and numbers and no text of a
 * sample, except in what the host's own stages return.
 */
export function reportRun(record: RunRecord): string {
  const sections = [`# ${escapeMarkdown(runTitle(record))}`, escapeMarkdown(runSentence(record))]
  if (record.verdict !== undefined) sections.push('## Verdict', reportComparison(record.verdict))
  for (const { heading, header, rows, note } of runSections(record))
    sections.push(`## ${heading}`, markdownTable(header, rows), ...(note === undefined ? [] : [note]))
  return `${sections.join('\n\n')}\n`
}

/** A table of a run's report, whatever it is written in. */
export interface RunSection {
  readonly heading: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly (string | number | undefined)[])[]
  readonly note?: string | undefined
  /** Names with one value each. */
  readonly isList?: boolean | undefined
}

export function runSections(record: RunRecord): readonly RunSection[] {
  const { metrics, dataset, stages } = record
  const sections: RunSection[] = []
  if (metrics !== undefined)
    sections.push({
      heading: 'Metrics of the candidate',
      header: ['Metric', 'Value'],
      rows: Object.entries(metrics).map(([name, value]) => [name, isKnown(value) ? value.toFixed(4) : '–']),
    })
  if (dataset !== undefined) sections.push(dataSection(dataset))
  if (stages.length > 0)
    sections.push({
      heading: 'Stages',
      header: ['Stage', 'How', 'Time'],
      rows: stages.map(({ name, cached, durationMs }) => [
        name,
        cached ? 'kept from an earlier run' : 'ran',
        duration(durationMs),
      ]),
    })
  const values = stages.flatMap(({ name, value }) => (value === undefined ? [] : [[name, shortJson(value)]]))
  if (values.length > 0) sections.push({ heading: 'What stages returned', header: ['Stage', 'Value'], rows: values })
  return [...sections, { heading: 'Made of', header: ['What', 'Which'], rows: provenance(record), isList: true }]
}

const maximumValueLength = 500

/** A report is read by people: the record has the value in full. */
function shortJson(value: Json): string {
  const text = JSON.stringify(value)
  if (text.length <= maximumValueLength) return text
  return `${text.slice(0, maximumValueLength)}… (${text.length} characters, in full in the JSON of the run)`
}

export const runTitle = ({ runId, status, reason }: RunRecord) =>
  `Run ${runId}: ${status}${reason === undefined ? '' : ` (${reason})`}`

export function runSentence(record: RunRecord): string {
  const { status, version, restoredFrom, error } = record
  switch (status) {
    case 'released':
      return `Version ${version} was released: ${whyReleased(record)}${whoDecided(record)}`
    case 'restored':
      return `Version ${version} was released: it is version ${restoredFrom} again, byte for byte. Nothing was trained.`
    case 'up-to-date':
      return `Nothing to do: version ${version} is what this data and configuration give.`
    case 'held':
      return record.reason === 'withdrawn'
        ? `Nothing was released: this leads to version ${version}, which was rolled back from. Roll back to it by name to use it again.`
        : 'Nothing was released: the release before it stays what it is.'
    case 'awaiting-approval':
      return `Nothing is released yet: the evidence leaves it open, and a person decides. Release it with: sheikh approve ${record.runId} --reason "…"`
    case 'promoted':
      return `A further channel points at version ${version} now.`
    case 'imported':
      return `Version ${version} was imported: it was scored, and not judged.`
    case 'reproduced':
      return 'A release was trained again from nothing, to the same bytes.'
    case 'not-reproduced':
      return 'A release was to be made again, and what is here now gives something else.'
    case 'collected':
      return 'The files of old releases were removed.'
    case 'failed':
      return `The run failed and released nothing${version === undefined ? '' : ` further than ${version}`}. ${error?.message ?? ''}`
    case 'aborted':
      return 'The run was aborted. What was done is kept, and the next run goes on from there.'
    case 'interrupted':
      return 'The process of the run was killed before it ended. What was done is kept, and the next run continues from there.'
    case 'running':
      return 'The run has not ended.'
  }
}

function whoDecided({ decision }: RunRecord): string {
  if (decision === undefined) return ''
  const { by, reason, untilMs } = decision
  return ` Decided by ${by}${untilMs === undefined ? '' : `, until ${moment(untilMs)}`}: ${reason}`
}

/** A run that was held or left open is released by a person, or by the rules for what is left open. */
function whyReleased({ command, verdict, baseline }: RunRecord): string {
  const held = verdict?.status === 'fail' || (verdict?.status === 'inconclusive' && verdict.whenInconclusive === 'hold')
  if (held || command === 'override') return 'a person who answers for it overrode the gate.'
  if (verdict?.status === 'inconclusive')
    return verdict.whenInconclusive === 'release' && command === 'run'
      ? 'the evidence left it open, and the rules release what is left open.'
      : 'the evidence left it open, and a person approved it.'
  return baseline === undefined
    ? 'the first, so there was nothing to compare it with.'
    : `it was compared with ${baseline} on the same items and passed.`
}

function dataSection({ counts, labels, slices }: NonNullable<RunRecord['dataset']>): RunSection {
  const rows: (string | number | undefined)[][] = [['all', counts.training, counts.evaluation]]
  const merge = (
    parts: { training: Readonly<Record<string, number>>; evaluation: Readonly<Record<string, number>> },
    prefix: string,
  ) => {
    const names = [...new Set([...Object.keys(parts.training), ...Object.keys(parts.evaluation)])].sort()
    // A report is read by people: a hundred labels are enough of them.
    for (const name of names.slice(0, 100))
      rows.push([`${prefix}${name}`, parts.training[name] ?? 0, parts.evaluation[name] ?? 0])
  }
  if (labels !== undefined) merge(labels, 'label ')
  merge(slices, '')
  const { excludedByGroup, leftOut = 0 } = counts
  const notes = [
    ...(excludedByGroup > 0
      ? [`${excludedByGroup} rows are set aside: near relatives of pinned items, in neither part.`]
      : []),
    ...(leftOut > 0 ? [`${leftOut} rows are left out of training, as the configuration says.`] : []),
  ]
  const note = notes.length === 0 ? undefined : notes.join(' ')
  return { heading: 'Data', header: ['Rows', 'Training', 'Evaluation'], rows, note }
}

function provenance(record: RunRecord): readonly (readonly [string, string | undefined])[] {
  const lines: [string, string | undefined][] = [
    ['Started', moment(record.startedAtMs)],
    [
      'Commit',
      record.commit === undefined ? undefined : `${record.commit}${record.dirty ? ' with uncommitted changes' : ''}`,
    ],
    ['Source key', record.sourceKey],
    ['Data', record.dataset?.fingerprint],
    ['Evaluation set', record.dataset?.evaluationDigest],
    ['Weights', record.candidate?.weights],
    ['Bundle', record.bundle],
    ['Started from', baseOf(record)],
    ['Compared with', record.baseline],
    ['Best release', record.best],
  ]
  return lines.filter(([, value]) => value !== undefined)
}

function baseOf({ candidate }: RunRecord): string | undefined {
  const { base } = candidate?.record ?? {}
  if (base === undefined) return undefined
  const { version, replayed } = base
  return replayed === undefined ? version : `${version}, with ${replayed.rows} of ${replayed.of} rows that it knew`
}
