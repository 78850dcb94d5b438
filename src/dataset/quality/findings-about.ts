import type { CallContext } from '../../core/index.js'
import type { DatasetSummary } from '../dataset-types.js'
import type { ScannedRow } from '../row-table.js'
import type { Facts } from './collect-facts.js'
import { driftOf } from './drift.js'
import type { QualityFinding, QualityKind } from './quality-finding.js'
import { optionOf, type QualitySettings } from './quality-options.js'
import { type LabelMoves, movesText, relabelledRows } from './relabelled.js'
import type { LabelledRow } from './row-labels.js'

type DetailOf<F> = F extends QualityFinding ? Omit<F, 'key' | 'ids' | 'places' | 'severity' | 'message'> : never

/** A finding with indices of rows in place of ids. */
export type Found = DetailOf<QualityFinding> & {
  readonly severity: 'fail' | 'warn'
  readonly members: readonly number[]
  readonly message: string
}

interface About {
  readonly settings: QualitySettings
  readonly summary: Pick<DatasetSummary, 'labels' | 'slices'>
  readonly released: ReleasedData | undefined
}

/** What is known about the dataset of a release. */
export interface ReleasedData extends Pick<DatasetSummary, 'labels' | 'slices'> {
  /** The rows by id, for `relabelled`. @default not known: relabelled rows are not looked for */
  readonly rows?: Iterable<LabelledRow> | undefined
}

/** Turns facts into findings. */
export function findingsAbout(
  facts: Facts,
  about: About,
  context: CallContext,
): {
  readonly found: readonly Found[]
  readonly relabelled: LabelMoves | undefined
  readonly unchecked: readonly string[]
} {
  const { settings } = about
  const found: Found[] = []
  const unchecked: string[] = []
  const severity = (kind: QualityKind) => settings[optionOf(kind)].action
  const isOn = (...kinds: readonly QualityKind[]) => kinds.some((kind) => severity(kind) !== 'off')
  const add: Add = (detail, rows, message) => {
    if (isOn(detail.kind) && rows.length > 0)
      found.push({ ...detail, severity: severity(detail.kind) as 'fail' | 'warn', members: inOrder(rows), message })
  }
  if (isOn('duplicate', 'leakage', 'label-conflict', 'label-error')) {
    const repeats = facts.repeats.find(context)
    addRepeats(facts, repeats, add)
    if (isOn('label-error') && facts.areLabels) {
      const errors = facts.labelErrors.find(repeats.groupOf)
      if (typeof errors === 'string') unchecked.push(errors)
      else
        for (const { row, label, suggested, probability } of errors)
          if (probability >= settings.labelError.minimumProbability)
            add(
              { kind: 'label-error', label, suggested, probability: Number(probability.toFixed(4)) },
              [row],
              `The label "${label}" is probably wrong: a model that did not learn from this sample gives "${suggested}" a probability of ${probability.toFixed(2)}. Check the label.`,
            )
    }
  }
  addBalance(facts, about, add)
  if (about.released === undefined) {
    if (isOn('drift')) unchecked.push('Drift was not checked: there is no release with a record of its data.')
  } else if (isOn('drift')) addDrift(facts, about, about.released, add)
  const isCompared = isOn('relabelled') && facts.areLabels && about.released !== undefined
  const relabelled = isCompared ? addRelabelled(facts, about, add) : undefined
  if (isCompared && relabelled === undefined)
    unchecked.push('Relabelled rows were not looked for: the labels of the rows of the release are not known.')
  addTexts(facts, settings, add)
  addTokens(facts, settings, add)
  addFields(facts, add)
  addOrigins(facts, settings, add)
  return { found, relabelled, unchecked }
}

type Add = (detail: DetailOf<QualityFinding>, rows: readonly number[], message: string) => void

function addRepeats(facts: Facts, repeats: ReturnType<Facts['repeats']['find']>, add: Add): void {
  const { rows } = facts
  const matchOf = (group: readonly number[]) => (repeats.isExact(group) ? 'exact' : 'near')
  const ids = (group: readonly number[]) => inOrder(group).map((row) => rows.at(row).id)
  for (const { training, evaluation } of repeats.leaks) {
    const match = matchOf([...training, ...evaluation])
    add(
      { kind: 'leakage', match, evaluationIds: ids(evaluation) },
      training,
      `${samples(training.length)} for training ${training.length === 1 ? 'is' : 'are'} ${match === 'exact' ? 'equal' : 'nearly equal'} to ${samples(evaluation.length)} that models are judged on. Remove ${training.length === 1 ? 'it' : 'them'} from training, or give them a common group.`,
    )
  }
  for (const group of repeats.duplicates)
    for (const part of ['training', 'evaluation'] as const) {
      const members = group.filter((row) => facts.partAt(row) === part)
      const groups = new Set(members.map((row) => rows.at(row).group))
      // Rows of one group are declared to belong together.
      if (members.length < 2 || (groups.size === 1 && !groups.has(undefined))) continue
      const match = matchOf(members)
      add(
        { kind: 'duplicate', match, part },
        members,
        `${samples(members.length)} of the ${part === 'training' ? 'training part' : 'evaluation set'} are ${match === 'exact' ? 'equal' : 'nearly equal'}. Keep one of them, or give them a common group.`,
      )
    }
  if (!facts.areLabels) return
  for (const group of repeats.conflicts) {
    const labels = new Map<string, number>()
    for (const row of group) {
      const { label } = rows.at(row)
      if (label !== undefined) labels.set(label, (labels.get(label) ?? 0) + 1)
    }
    if (labels.size < 2) continue
    const match = matchOf(group)
    const counts = [...labels].sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1))
    add(
      { kind: 'label-conflict', match, labels: Object.fromEntries(counts) },
      group,
      `${samples(group.length)} are ${match === 'exact' ? 'equal' : 'nearly equal'} and have different labels: ${counts.map(([label, count]) => `"${label}" (${count})`).join(', ')}. Correct the labels.`,
    )
  }
}

function addBalance(facts: Facts, { settings, summary }: About, add: Add): void {
  const { minimumRows, maximumRatio } = settings.balance
  if (!facts.areLabels || summary.labels === undefined) return
  const counts = Object.entries(summary.labels.training)
  const most = counts.reduce((largest, [, count]) => Math.max(largest, count), 0)
  for (const [label, count] of counts) {
    if (count >= minimumRows && count * maximumRatio >= most) continue
    const fact =
      count < minimumRows
        ? `fewer than ${minimumRows}`
        : `and the most frequent label has more than ${maximumRatio} times as many`
    add(
      { kind: 'balance', label, rows: count },
      rowsWith(facts, 'label', label),
      `The label "${label}" has ${count} training ${count === 1 ? 'row' : 'rows'}, ${fact}. Add samples, or merge labels.`,
    )
  }
}

function addDrift(
  facts: Facts,
  { settings, summary }: About,
  released: NonNullable<About['released']>,
  add: Add,
): void {
  for (const { changed, ...detail } of driftOf(released, summary, settings.drift)) {
    const { of, value, change, rows, effect } = detail
    const rowsThere = rowsWith(facts, of, value)
    // If no row has the value any more, every row of the part is concerned.
    const concerned = rowsThere.length > 0 ? rowsThere : trainingRows(facts, () => true)
    add(
      { kind: 'drift', ...detail },
      concerned,
      `${rows} ${change} training rows than in the release have the ${of === 'label' ? 'label' : `${of}`} "${value}", of ${changed} rows ${change === 'more' ? 'that came' : 'that went'} (total variation ${effect.toFixed(2)}). Check whether a batch was relabelled or is one-sided.`,
    )
  }
}

function addRelabelled(facts: Facts, { settings, released }: About, add: Add): LabelMoves | undefined {
  if (released?.rows === undefined) return undefined
  const { maximumShare, minimumRows } = settings.relabelled
  const { rows, partAt } = facts
  const trainingRow = (id: string) => {
    const place = rows.placeOf(id)
    return place !== undefined && partAt(place) === 'training' ? { place, label: rows.at(place).label } : undefined
  }
  const { members, worst, ...moves } = relabelledRows(released.rows, trainingRow)
  if (worst !== undefined && worst.share > maximumShare && moves.rows >= minimumRows)
    add(
      { kind: 'relabelled', label: worst.label, share: Number(worst.share.toFixed(4)) },
      members,
      `${moves.rows.toLocaleString('en')} of ${samples(moves.compared)} for training have another label than in the release: ${movesText(moves)}. Of those with the label "${worst.label}", ${percent(worst.share)} changed, more than ${percent(maximumShare)}. Check whether a batch was relabelled by mistake.`,
    )
  return moves
}

const percent = (share: number) => `${Number((100 * share).toPrecision(2))} %`

const rowsWith = (facts: Facts, kind: string, value: string): readonly number[] =>
  trainingRows(facts, ({ label, slices }) => (kind === 'label' ? label : slices[kind]) === value)

function trainingRows({ rows, partAt }: Facts, isIt: (row: ScannedRow) => boolean): readonly number[] {
  const found: number[] = []
  for (let place = 0; place < rows.length; place += 1)
    if (partAt(place) === 'training' && isIt(rows.at(place))) found.push(place)
  return found
}

function addTexts(facts: Facts, { oversizedText }: QualitySettings, add: Add): void {
  for (const row of facts.empty)
    add({ kind: 'empty-text' }, [row], 'The input has no visible character. Remove the sample, or fill in its text.')
  for (const { row, characters } of facts.oversized)
    add(
      { kind: 'oversized-text', characters },
      [row],
      `The input has ${characters.toLocaleString('en')} characters, more than ${oversizedText.maximumCharacters.toLocaleString('en')}. Shorten it, or raise the limit.`,
    )
}

function addTokens({ overTokenLimit: { rows, most } }: Facts, { tokenLimit }: QualitySettings, add: Add): void {
  const { maximumTokens = 0 } = tokenLimit
  const limit = maximumTokens.toLocaleString('en')
  add(
    { kind: 'token-limit', maximumTokens, tokens: most },
    rows,
    `Prompt and answer have more than ${limit} tokens in ${samples(rows.length)}; the longest has ${most.toLocaleString('en')}. Shorten the samples or the template, or raise the limit.`,
  )
}

const charsetMessages = {
  'replacement-character': 'contains U+FFFD, which replaces characters that could not be read',
  mojibake: 'looks like UTF-8 that was read in another charset',
  'control-character': 'contains control characters',
  'mixed-normal-forms': 'is not in the Unicode form NFC, as other samples are',
} as const

function addFields(facts: Facts, add: Add): void {
  for (const [row, rules] of facts.secrets)
    for (const [rule, fields] of rules)
      add(
        { kind: 'secret', rule, fields: [...fields] },
        [row],
        `${listed(fields)} contains what looks like a secret (rule "${rule}"). Revoke the secret, and remove it from the sample and from the history of the repository.`,
      )
  for (const [row, kinds] of facts.personal)
    for (const [data, fields] of kinds)
      add(
        { kind: 'personal-data', data, fields: [...fields] } as DetailOf<QualityFinding>,
        [row],
        `${listed(fields)} contains personal data (${data}). Remove or replace it.`,
      )
  for (const [row, problems] of facts.charset)
    for (const [problem, fields] of problems)
      add(
        { kind: 'charset', problem, fields: [...fields] } as DetailOf<QualityFinding>,
        [row],
        `${listed(fields)} ${charsetMessages[problem as keyof typeof charsetMessages]}. Read the source again in its charset.`,
      )
  // One form alone is no problem.
  if (facts.hasComposed)
    for (const [row, fields] of facts.decomposed)
      add(
        { kind: 'charset', problem: 'mixed-normal-forms', fields: [...new Set(fields)] },
        [row],
        `${listed(new Set(fields))} ${charsetMessages['mixed-normal-forms']}. Normalise all samples to one form.`,
      )
}

function addOrigins({ sources, licenses }: Facts, settings: QualitySettings, add: Add): void {
  for (const [kind, found] of [
    ['license', licenses],
    ['source', sources],
  ] as const)
    for (const [value, rows] of found) {
      const { field } = settings[kind]
      const word = kind === 'license' ? 'licence' : 'source'
      if (value === undefined)
        add(
          { kind },
          rows,
          `${samples(rows.length)} ${rows.length === 1 ? 'has' : 'have'} no ${word}. Add the field "${field}" to the samples, or a ${word} for their folder or the dataset.`,
        )
      else
        add(
          { kind, value },
          rows,
          `${samples(rows.length)} ${rows.length === 1 ? 'has' : 'have'} the ${word} "${value}", which is not allowed. Remove them, or add the ${word} to "allowed".`,
        )
    }
}

const listed = (fields: ReadonlySet<string>) => {
  const names = [...fields].slice(0, 3).map((field) => (field === '' ? 'The sample' : `"${field}"`))
  return `${names.join(', ')}${fields.size > names.length ? ` and ${fields.size - names.length} more` : ''}`
}

const samples = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'sample' : 'samples'}`

const inOrder = (rows: readonly number[]) => [...rows].sort((one, other) => one - other)
