import { escapeHtml, escapeMarkdown } from '../core/index.js'
import type { DatasetDifference, NamedCounts, SampleChange } from '../dataset/index.js'
import type {
  EvaluationSetDifference,
  ProjectDiff,
  PromptChange,
  SettingChange,
  StateName,
} from '../repository/index.js'
import { htmlPage, paragraph } from './html.js'
import { count, countChange, shorten } from './markdown.js'
import { shortDigest, textBlock } from './prompt-texts.js'
import { type Section, sectionHtml, sectionMarkdown } from './section.js'

/**
 * Renders the comparison of two states of a project as Markdown. It contains text of samples only if the comparison
 * does (`includeText`).
 */
export function reportDiff(diff: ProjectDiff): string {
  const lines = summary(diff).map((line) => `- ${escapeMarkdown(line)}`)
  const blocks = [`# ${escapeMarkdown(diffTitle(diff))}`, lines.join('\n'), ...sections(diff).flatMap(sectionMarkdown)]
  return `${blocks.join('\n\n')}\n`
}

/** Renders the same as a self-contained HTML page. */
export function reportDiffHtml(diff: ProjectDiff): string {
  const blocks = [`<h1>${escapeHtml(diffTitle(diff))}</h1>`, ...diffBlocksHtml(diff)]
  return htmlPage(diffTitle(diff), blocks.join('\n'))
}

/** The page's content without its title. */
export const diffBlocksHtml = (diff: ProjectDiff): readonly string[] => [
  ...summary(diff).map((line) => paragraph(line)),
  ...sections(diff).flatMap(sectionHtml),
]

export const diffTitle = ({ from, to }: ProjectDiff) => `Changes from ${stateText(from)} to ${stateText(to)}`

function stateText({ name, commit, version }: StateName): string {
  const named = version === undefined || name.includes(version) ? name : `${name} (${version})`
  return commit === undefined || commit.startsWith(name) ? named.slice(0, 40) : `${named} (${commit.slice(0, 10)})`
}

/** The most important changes first, a sentence each. */
function summary({ gate, problems, evaluation, data, files, prompts, configuration }: ProjectDiff): readonly string[] {
  const looser = gate.filter((change) => change.looser)
  const pinned = evaluation && list(changeCounts(evaluation.added, evaluation.removed, evaluation.changed))
  const lines = [
    ...problems.map(
      ({ state, message }) =>
        `Not compared, because the ${state === 'from' ? 'older' : 'newer'} state cannot be read: ${message}`,
    ),
    ...(looser.length > 0 ? [`The gate was loosened: ${looser.map(({ change }) => change).join('; ')}.`] : []),
    ...(gate.length > looser.length
      ? [`The gate was changed in ${some(gate.length - looser.length, 'other way')}.`]
      : []),
    ...(pinned ? [`The evaluation set changed (${pinned}). Results before and after cannot be compared.`] : []),
    ...(evaluation === undefined ? [] : brokenPins(evaluation)),
    ...(data === undefined ? [] : dataSummary(data)),
    ...files.map(
      ({ path, change }) =>
        `${path} was ${change}.${/^sheikh\.config\./.test(path) ? ' What its code changes is not part of this comparison.' : ''}`,
    ),
    ...(prompts.length > 0
      ? [`Prompts: ${prompts.map(({ path, change }) => `${path} was ${change}`).join('; ')}.`]
      : []),
    ...(configuration.length > 0 ? [`${some(configuration.length, 'setting')} changed.`] : []),
  ]
  return lines.length > 0 ? lines : ['Nothing that a run reads differs.']
}

function brokenPins({ edited = [], deleted = [] }: EvaluationSetDifference): readonly string[] {
  const broken = [...edited, ...deleted]
  if (broken.length === 0) return []
  const counts = list(changeCounts([], deleted, edited))
  return [
    `Samples of the evaluation set were edited or deleted (${counts}): ${broken.slice(0, 5).join(', ')}${broken.length > 5 ? ', …' : ''}. A run refuses this. Restore them, or accept them with sheikh evaluation repin.`,
  ]
}

function dataSummary({ rows, added, removed, changed, moved, relabelled, projectedDifferently }: DatasetDifference) {
  const labels = relabelled.reduce((sum, { ids }) => sum + ids.length, 0)
  const counts = list([
    ...changeCounts(added, removed, changed),
    ...(moved.length > 0 ? [`${count(moved.length)} moved`] : []),
  ])
  return [
    ...(counts === '' ? [] : [`Samples: ${counts}; in total ${countChange(rows.before, rows.after)}.`]),
    ...(labels > 0 ? [`${some(labels, 'sample')} got another label.`] : []),
    ...(projectedDifferently.length > 0
      ? [`Of ${some(projectedDifferently.length, 'unchanged sample')}, the model receives something else.`]
      : []),
  ]
}

const changeCounts = (added: readonly unknown[], removed: readonly unknown[], changed: readonly unknown[]) =>
  (
    [
      ['added', added],
      ['removed', removed],
      ['changed', changed],
    ] as const
  ).flatMap(([what, items]) => (items.length > 0 ? [`${count(items.length)} ${what}`] : []))

const list = (parts: readonly string[]) => parts.join(', ')
const some = (number: number, noun: string) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`

const maximumRows = 100
const maximumLabels = 20

function sections(diff: ProjectDiff): readonly Section[] {
  const { gate, configuration, prompts, evaluation, data } = diff
  return [
    ...table(
      'Gate',
      ['Change', 'Effect'],
      gate.map(({ change, looser }) => [change, looser ? 'looser' : 'stricter, or the same']),
    ),
    ...(evaluation === undefined
      ? []
      : table(
          'Evaluation set',
          ['Item', 'Change'],
          [
            ...evaluation.added.map((id) => [id, 'added']),
            ...evaluation.removed.map((id) => [id, 'removed']),
            ...evaluation.changed.map((id) => [id, 'other content or group']),
          ],
        )),
    ...(data === undefined ? [] : dataSections(data)),
    ...prompts.flatMap(renderedSection),
    ...table('Settings', ['File', 'Setting', 'Before', 'After'], configuration.map(settingRow)),
  ]
}

/** How many samples a changed template renders to another text, with some of them. */
function renderedSection({ path, rendered }: PromptChange): readonly Section[] {
  if (rendered === undefined) return []
  const { samples, changed, examples } = rendered
  return [
    {
      heading: `Prompt ${path}`,
      header: ['Sample', 'Characters', 'Digest before', 'Digest after'],
      rows: examples.map(({ id, before, after }) => [
        id,
        countChange(before.characters, after.characters),
        shortDigest(before.digest),
        shortDigest(after.digest),
      ]),
      note: `${count(changed)} of ${some(samples, 'rendered sample')} ${changed === 1 ? 'changes' : 'change'}.`,
      texts: examples.flatMap(({ id, before, after }) =>
        after.text === undefined ? [] : [textBlock(id, after.text, before.text)],
      ),
    },
  ]
}

const settingRow = ({ file, key, before, after }: SettingChange) => [file, key, valueText(before), valueText(after)]

const valueText = (value: unknown) =>
  value === undefined ? '–' : shorten(typeof value === 'string' ? value : JSON.stringify(value))

function dataSections(data: DatasetDifference): readonly Section[] {
  const { added, removed, moved, changed } = data
  return [
    ...relabelledSection(data),
    ...countSection('Labels', data.labels),
    ...countSection('Slices', data.slices),
    ...changedSection(changed),
    ...table(
      'Added and removed samples',
      ['Sample', 'Label', 'Change'],
      [
        ...added.map(({ id, label }) => [id, label ?? '–', 'added']),
        ...removed.map(({ id, label }) => [id, label ?? '–', 'removed']),
        ...moved.map(({ id, previousId }) => [id, '–', `moved from ${previousId}`]),
      ],
    ),
  ]
}

/** A matrix of the labels that changed, or a list if there are many. */
function relabelledSection({ relabelled }: DatasetDifference): readonly Section[] {
  if (relabelled.length === 0) return []
  const name = (label: string | undefined) => label ?? 'none'
  const old = [...new Set(relabelled.map(({ before }) => before))]
  const now = [...new Set(relabelled.map(({ after }) => after))]
  const heading = 'Changed labels'
  if (old.length > maximumLabels || now.length > maximumLabels)
    return table(
      heading,
      ['Before', 'After', 'Samples'],
      relabelled.map(({ before, after, ids }) => [name(before), name(after), ids.length]),
    )
  const cell = (before: string | undefined, after: string | undefined) =>
    relabelled.find((kind) => kind.before === before && kind.after === after)?.ids.length ?? 0
  const rows = old.map((before) => [name(before), ...now.map((after) => cell(before, after))])
  return [
    {
      heading,
      header: ['Before', ...now.map(name)],
      rows,
      note: 'Rows are the labels before, columns the labels after. Cells count samples.',
    },
  ]
}

const countSection = (heading: string, counts: readonly NamedCounts[]) =>
  table(
    heading,
    ['Name', 'Samples'],
    counts.flatMap(({ name, before, after }) => (before === after ? [] : [[name, countChange(before, after)]])),
  )

function changedSection(changed: readonly SampleChange[]): readonly Section[] {
  const hasText = changed.some(({ fields = [] }) =>
    fields.some(({ before, after }) => before !== undefined || after !== undefined),
  )
  if (!hasText)
    return table(
      'Changed samples',
      ['Sample', 'Fields'],
      changed.map(({ id, fields }) => [id, fields?.map(({ field }) => field).join(', ') ?? '–']),
    )
  const rows = changed.flatMap(({ id, fields = [] }) =>
    fields.map(({ field, before, after }) => [id, field, valueText(before), valueText(after)]),
  )
  return table('Changed samples', ['Sample', 'Field', 'Before', 'After'], rows)
}

/** No section without rows. Long tables are cut, and say so. */
function table(heading: string, header: Section['header'], rows: Section['rows']): readonly Section[] {
  if (rows.length === 0) return []
  const left = rows.length - maximumRows
  return [
    { heading, header, rows: rows.slice(0, maximumRows), ...(left > 0 && { note: `${some(left, 'more row')}.` }) },
  ]
}
