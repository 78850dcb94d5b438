import type { Json } from '../../core/index.js'
import type { Evaluation } from '../../evaluation/index.js'
import type { Prediction } from '../../model/index.js'
import type { RunEvaluations, RunRecord } from '../../pipeline/index.js'
import { type PromptTexts, promptSnapshotOf } from '../../prompts/index.js'
import { countChange, shorten } from '../markdown.js'
import { promptsSection } from '../report-prompts.js'
import type { Section } from '../section.js'
import { regressedItemsOf } from './report-comparison.js'

/** What a run's report can show beyond the run's record. */
export interface ReportDetails {
  /** Name of the project, for the heading. */
  readonly project?: string | undefined
  /** The item results that the run judged (`Pipeline.evaluations`). Adds the confusion matrix and the table by label. */
  readonly evaluations?: RunEvaluations | undefined
  /** The run that made the release which this run was compared with. Adds what changed in the data since then. */
  readonly released?: RunRecord | undefined
  /**
   * The inputs of the evaluation set by id, as text. Adds what both models answered on the regressed items. The report then
   * contains text of samples.
   */
  readonly inputs?: ReadonlyMap<string, string> | undefined
  /** The texts of rendered prompts that the run kept. The report then contains text of samples. */
  readonly promptTexts?: PromptTexts | undefined
}

/** The sections that the details allow. */
export function detailSections(record: RunRecord, details: ReportDetails): readonly Section[] {
  const { evaluations, released, inputs, promptTexts } = details
  const prompts = promptSnapshotOf(record)
  return [
    ...(evaluations === undefined ? [] : labelSections(evaluations.candidate)),
    ...(evaluations === undefined || inputs === undefined ? [] : answerSections(record, evaluations, inputs)),
    ...(released === undefined ? [] : dataChanges(record, released)),
    ...(prompts === undefined ? [] : [promptsSection(prompts, promptTexts)]),
  ]
}

const maximumLabels = 20
const others = 'other labels'

/** Only for predictions and targets that are labels. */
function labelSections({ targets, predictions, outcomes }: Evaluation): readonly Section[] {
  const pairs: [target: string, predicted: string][] = []
  for (let index = 0; index < targets.length; index += 1) {
    const [target, prediction] = [targets.at(index), predictions.at(index)]
    if (outcomes.at(index) !== 'ok') continue
    if (typeof target !== 'string' || prediction?.kind !== 'label') return []
    pairs.push([target, prediction.label])
  }
  const targetCounts = countOf(pairs.map(([target]) => target))
  const predictedCounts = countOf(pairs.map(([, predicted]) => predicted))
  const correct = countOf(pairs.flatMap(([target, predicted]) => (target === predicted ? [target] : [])))
  const frequent = [...new Set([...targetCounts.keys(), ...predictedCounts.keys()])].sort(
    (one, other) => (targetCounts.get(other) ?? 0) - (targetCounts.get(one) ?? 0) || (one < other ? -1 : 1),
  )
  if (frequent.length === 0) return []
  const shown = frequent.slice(0, maximumLabels)
  const left = frequent.length - shown.length
  const columns = [...shown, ...(left > 0 ? [undefined] : [])]
  const nameOf = new Map(shown.map((label) => [label, label]))
  const cells = countOf(pairs.map(([one, other]) => JSON.stringify([nameOf.get(one), nameOf.get(other)])))
  const cell = (target?: string, predicted?: string) => cells.get(JSON.stringify([target, predicted])) ?? 0
  const share = (part: number, whole: number) => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`)
  const more = left > 0 ? ` The ${maximumLabels} most frequent of ${frequent.length} labels are shown.` : ''
  return [
    {
      heading: 'Labels',
      header: ['Label', 'Items', 'Predicted', 'Correct', 'Precision', 'Recall', 'F1'],
      rows: shown.map((label) => {
        const [items, predicted, right] = [targetCounts, predictedCounts, correct].map(
          (counts) => counts.get(label) ?? 0,
        )
        const rates = [share(right!, predicted!), share(right!, items!), share(2 * right!, items! + predicted!)]
        return [label, items!, predicted!, right!, ...rates]
      }),
      note: `Of the candidate, over all items that it answered.${more}`,
    },
    {
      heading: 'Confusion matrix',
      header: ['Target', ...columns.map((label) => label ?? others)],
      rows: columns.map((target) => [target ?? others, ...columns.map((predicted) => cell(target, predicted))]),
      note: 'Rows are targets, columns are predictions of the candidate.',
    },
  ]
}

function countOf(values: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** What the models answered on the regressed items, one table for each check that lists some. */
function answerSections(
  { verdict, baseline }: RunRecord,
  { candidate, baseline: before }: RunEvaluations,
  inputs: ReadonlyMap<string, string>,
): readonly Section[] {
  const regressed = regressedItemsOf(verdict?.findings ?? [])
  const wanted = new Set(regressed.flatMap(({ ids }) => ids))
  const [placesNow, placesBefore] = [candidate, before].map((evaluation) => placesOf(wanted, evaluation))
  const answer = (evaluation: Evaluation | undefined, place: number | undefined) =>
    answerText(place === undefined ? undefined : evaluation?.predictions.at(place))
  return regressed.map(({ name, ids }) => ({
    heading: `Answers on regressed items: ${name}`,
    header: ['Item', 'Input', 'Target', baseline === undefined ? 'Before' : `Release ${baseline}`, 'Candidate'],
    rows: ids.map((id) => [
      id,
      shorten(inputs.get(id) ?? '–'),
      answerText(candidate.targets.at(placesNow!.get(id) ?? candidate.targets.length)),
      answer(before, placesBefore!.get(id)),
      answer(candidate, placesNow!.get(id)),
    ]),
  }))
}

function placesOf(wanted: ReadonlySet<string>, evaluation: Evaluation | undefined): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  let place = 0
  for (const id of evaluation?.ids ?? []) {
    if (wanted.has(id)) places.set(id, place)
    place += 1
  }
  return places
}

function answerText(value: Json | Prediction | undefined): string {
  if (value === undefined || value === null) return '–'
  const answer = value as { readonly kind?: unknown; readonly [name: string]: unknown }
  const member = { label: 'label', text: 'text', number: 'value', vector: 'values' }[String(answer.kind)]
  const said = member === undefined ? value : answer[member]
  return shorten(typeof said === 'string' ? said : JSON.stringify(said))
}

/** The counts that differ between the data of two runs. */
function dataChanges({ dataset, baseline }: RunRecord, { dataset: before }: RunRecord): readonly Section[] {
  if (dataset === undefined || before === undefined) return []
  const heading = `Changes in the data since ${baseline ?? 'the release'}`
  const rows: (string | number)[][] = []
  const add = (name: string, [training, evaluation]: Counts, [trainingBefore, evaluationBefore]: Counts) => {
    if (training === trainingBefore && evaluation === evaluationBefore) return
    rows.push([name, countChange(trainingBefore, training), countChange(evaluationBefore, evaluation)])
  }
  add('all', countsOf(dataset), countsOf(before))
  for (const [prefix, now, then] of [
    ['label ', dataset.labels, before.labels],
    ['', dataset.slices, before.slices],
  ] as const) {
    const parts = [now?.training, now?.evaluation, then?.training, then?.evaluation].map((part) => part ?? {})
    for (const name of [...new Set(parts.flatMap(Object.keys))].sort()) {
      const [training, evaluation, trainingBefore, evaluationBefore] = parts.map((part) => part[name] ?? 0)
      add(`${prefix}${name}`, [training!, evaluation!], [trainingBefore!, evaluationBefore!])
    }
  }
  const sets = [
    ['training rows', dataset.trainingDigest === before.trainingDigest],
    ['evaluation set', dataset.evaluationDigest === before.evaluationDigest],
  ] as const
  const note = sets.map(([name, same]) => `The ${name} ${same ? 'did not change' : 'changed'}.`)
  const most = 100
  const left = rows.length > most ? ` ${rows.length - most} more rows differ.` : ''
  return [
    { heading, header: ['Rows', 'Training', 'Evaluation'], rows: rows.slice(0, most), note: note.join(' ') + left },
  ]
}

type Counts = readonly [training: number, evaluation: number]

const countsOf = ({ counts }: NonNullable<RunRecord['dataset']>): Counts => [counts.training, counts.evaluation]
