import { escapeMarkdown, type Json } from '../../core/index.js'
import type { RunRecord } from '../../pipeline/index.js'
import { promptSnapshotOf, promptStageName } from '../../prompts/index.js'
import { duration, isKnown, moment } from '../markdown.js'
import { dataQualitySection, tokensSection } from '../report-data-quality.js'
import { type Section, sectionMarkdown } from '../section.js'
import { candidatesSection } from './report-candidates.js'
import { reportComparison } from './report-comparison.js'
import { detailSections, type ReportDetails } from './report-details.js'

/**
 * Renders a run as Markdown: the result in one sentence, the reasons, and the inputs. It contains ids and numbers but
 * no text of samples, except in values that the host's own stages return, and with `inputs`.
 */
export function reportRun(record: RunRecord, details: ReportDetails = {}): string {
  const sections = [
    `# ${escapeMarkdown(runTitle(record, details))}`,
    runLine(record),
    escapeMarkdown(runSentence(record)),
  ]
  if (record.verdict !== undefined) sections.push('## Verdict', reportComparison(record.verdict))
  return `${[...sections, ...runSections(record, details).flatMap(sectionMarkdown)].join('\n\n')}\n`
}

export function runSections(record: RunRecord, details: ReportDetails): readonly Section[] {
  const { metrics, dataset, stages } = record
  const sections: Section[] = [...candidatesSection(record), ...detailSections(record, details)]
  if (metrics !== undefined)
    sections.push({
      heading: 'Metrics of the candidate',
      header: ['Metric', 'Value'],
      rows: Object.entries(metrics).map(([name, value]) => [name, isKnown(value) ? value.toFixed(4) : '–']),
    })
  if (dataset !== undefined) sections.push(dataSection(dataset))
  if (record.quality !== undefined) sections.push(dataQualitySection(record.quality), ...tokensSection(record.quality))
  if (stages.length > 0)
    sections.push({
      heading: 'Stages',
      header: ['Stage', 'How', 'Time'],
      rows: stages.map(({ name, candidate, cached, durationMs }) => [
        stageText(name, candidate),
        cached ? 'cached' : 'ran',
        duration(durationMs),
      ]),
    })
  // The snapshot of prompts has a section of its own.
  const hasPrompts = promptSnapshotOf(record) !== undefined
  const values = stages.flatMap(({ name, candidate, value }) =>
    value === undefined || (hasPrompts && name === promptStageName)
      ? []
      : [[stageText(name, candidate), shortJson(value)]],
  )
  if (values.length > 0)
    sections.push({ heading: 'Values returned by stages', header: ['Stage', 'Value'], rows: values })
  return [...sections, { heading: 'Inputs', header: ['Input', 'Value'], rows: provenance(record), isList: true }]
}

const stageText = (name: string, candidate: string | undefined) =>
  candidate === undefined ? name : `${name} (${candidate})`

const maximumValueLength = 500

/** Shortens a value for the report. The record contains the full value. */
function shortJson(value: Json): string {
  const text = JSON.stringify(value)
  if (text.length <= maximumValueLength) return text
  return `${text.slice(0, maximumValueLength)}… (${text.length} characters; the full value is in the run's JSON)`
}

/** The project and the version if they are known: `tickets 1.2.0: released`. */
export function runTitle({ runId, status, reason, version }: RunRecord, { project }: ReportDetails): string {
  const name = [project, version].filter((part) => part !== undefined).join(' ')
  return `${name === '' ? `Run ${runId}` : name}: ${status}${reason === undefined ? '' : ` (${reason})`}`
}

/** The run and its time. */
export const runLine = ({ runId, startedAtMs, endedAtMs }: RunRecord) =>
  `Run ${runId}, ${moment(endedAtMs ?? startedAtMs)}`

export function runSentence(record: RunRecord): string {
  const { status, version, restoredFrom, error } = record
  switch (status) {
    case 'released':
      return `Version ${version} was released: ${whyReleased(record)}${whoDecided(record)}`
    case 'restored':
      return `Version ${version} was released. It is identical to version ${restoredFrom}; nothing was trained.`
    case 'up-to-date':
      return `Nothing to do: version ${version} was already released from this data and configuration.`
    case 'held':
      return record.reason === 'withdrawn'
        ? `Nothing was released: this data and configuration lead to version ${version}, which is withdrawn. To use it again, roll back to it by name.`
        : 'Nothing was released. The current release is unchanged.'
    case 'awaiting-approval':
      return `Nothing is released yet: the evidence is inconclusive, so a person decides. To release it, run: sheikh approve ${record.runId} --reason "…"`
    case 'awaiting-release':
      return `Nothing is released yet, and the verdict is preliminary. A machine that may publish decides again: sheikh release ${record.runId}`
    case 'promoted':
      return `A further channel now points at version ${version}.`
    case 'withdrawn':
      return `Version ${version} was withdrawn: it is not used again as baseline, best release or base.`
    case 'imported':
      return `Version ${version} was imported. It was scored, but not judged by the gate.`
    case 'reproduced':
      return 'A release was trained again from scratch, with identical results.'
    case 'not-reproduced':
      return 'A release could not be reproduced: the current inputs give a different result.'
    case 'scored':
      return 'A trial of a search was trained and scored on the development rows. Trials are not judged by the gate.'
    case 'collected':
      return 'The files of old releases were removed.'
    case 'failed':
      return `The run failed and released nothing${version === undefined ? '' : ` after ${version}`}. ${error?.message ?? ''}`
    case 'aborted':
      return 'The run was aborted. Finished work is kept, and the next run continues from there.'
    case 'interrupted':
      return 'The process of the run was killed before it ended. Finished work is kept, and the next run continues from there.'
    case 'running':
      return 'The run has not ended.'
  }
}

function whoDecided({ decision }: RunRecord): string {
  if (decision === undefined) return ''
  const { by, reason, untilMs } = decision
  return ` Decided by ${by}${untilMs === undefined ? '' : `, until ${moment(untilMs)}`}: ${reason}`
}

/** A held run is released by a person; an inconclusive one by a person or by the policy. */
function whyReleased({ command, verdict, baseline }: RunRecord): string {
  const held = verdict?.status === 'fail' || (verdict?.status === 'inconclusive' && verdict.whenInconclusive === 'hold')
  if (held || command === 'override') return 'a person overrode the gate.'
  if (verdict?.status === 'inconclusive')
    return verdict.whenInconclusive === 'release' && (command === 'run' || command === 'release')
      ? 'the evidence was inconclusive, and the policy releases in that case.'
      : 'the evidence was inconclusive, and a person approved it.'
  return baseline === undefined
    ? 'it is the first release, so there was nothing to compare it with.'
    : `it was compared with ${baseline} on the same items and passed.`
}

function dataSection({ counts, labels, slices }: NonNullable<RunRecord['dataset']>): Section {
  const rows: (string | number | undefined)[][] = [['all', counts.training, counts.evaluation]]
  const merge = (
    parts: { training: Readonly<Record<string, number>>; evaluation: Readonly<Record<string, number>> },
    prefix: string,
  ) => {
    const names = [...new Set([...Object.keys(parts.training), ...Object.keys(parts.evaluation)])].sort()
    // A report lists at most a hundred labels.
    for (const name of names.slice(0, 100))
      rows.push([`${prefix}${name}`, parts.training[name] ?? 0, parts.evaluation[name] ?? 0])
  }
  if (labels !== undefined) merge(labels, 'label ')
  merge(slices, '')
  const { excludedByGroup, leftOut = 0 } = counts
  const notes = [
    ...(excludedByGroup > 0
      ? [`${excludedByGroup} rows are excluded from training because they share a group with pinned items.`]
      : []),
    ...(leftOut > 0 ? [`${leftOut} rows are excluded from training by the configuration.`] : []),
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
    ['Made with the releases', record.candidate?.record.releases?.map(({ version }) => version).join(', ')],
    ['Compared with', record.baseline],
    ['Best release', record.best],
  ]
  return lines.filter(([, value]) => value !== undefined)
}

function baseOf({ candidate }: RunRecord): string | undefined {
  const { base } = candidate?.record ?? {}
  if (base === undefined) return undefined
  const { version, replayed } = base
  return replayed === undefined
    ? version
    : `${version}, with ${replayed.rows} of ${replayed.of} rows of its training data`
}
