import { escapeHtml, escapeMarkdown } from '../core/index.js'
import { bestTrials, type Parameter, type StudyRecord, type StudyTrial, studyImportance } from '../tune/index.js'
import { htmlPage, paragraph } from './html.js'
import { count, inUnit, percent, shorten } from './markdown.js'
import { lineChart, roundTicks, short } from './plots/line-chart.js'
import { type Coordinate, endTicks, parallelCoordinates } from './plots/parallel-coordinates.js'
import { type Section, sectionHtml, sectionMarkdown } from './section.js'

/** A page need not list every trial of a month. */
const mostTrials = 200
const mostLines = 500
const mostFailures = 20

/** Renders a study as Markdown: its best trial, what matters, and its trials. */
export function reportStudy(study: StudyRecord): string {
  const blocks = [
    `# ${escapeMarkdown(titleOf(study))}`,
    `**${escapeMarkdown(headlineOf(study))}** ${escapeMarkdown(countsOf(study))}`,
    ...sectionsOf(study).flatMap(sectionMarkdown),
  ]
  return `${blocks.join('\n\n')}\n`
}

/** Renders the same as a self-contained HTML page, with the trials over time and in parallel coordinates as plots. */
export function reportStudyHtml(study: StudyRecord): string {
  const body = [
    `<h1>${escapeHtml(titleOf(study))}</h1>`,
    `<section class="verdict ${bestTrials(study).length === 0 ? 'fail' : 'pass'}"><h2>${escapeHtml(headlineOf(study))}</h2>${paragraph(countsOf(study))}</section>`,
    ...plotsOf(study),
    ...sectionsOf(study).flatMap(sectionHtml),
  ]
  return htmlPage(titleOf(study), body.join('\n'))
}

const titleOf = ({ name, metric }: StudyRecord) => `Study ${name}: ${metric.name}`

function headlineOf(study: StudyRecord): string {
  const [best] = bestTrials(study)
  return best === undefined
    ? 'No trial has a full result.'
    : `Best: ${study.metric.name} ${inUnit.number(best.value)}, trial ${best.number}.`
}

function countsOf({ trials, metric }: StudyRecord): string {
  const number = (state: StudyTrial['state']) => trials.filter((trial) => trial.state === state).length
  const duplicates = trials.filter(({ duplicateOf }) => duplicateOf !== undefined).length
  const parts = [
    `${count(number('scored'))} with a result`,
    `${count(number('pruned'))} ended early`,
    `${count(number('failed'))} failed`,
    ...(duplicates > 0 ? [`${count(duplicates)} of all took the result of an equal trial`] : []),
  ]
  const better = metric.direction === 'higher-is-better' ? 'higher' : 'lower'
  return `${count(trials.length)} trials: ${parts.join(', ')}. For ${metric.name}, ${better} is better.`
}

function sectionsOf(study: StudyRecord): readonly Section[] {
  const { space, trials, metric } = study
  const [best] = bestTrials(study)
  const importance = studyImportance(study)
  const names = Object.keys(space)
  const ranked = bestTrials(study)
  const others = trials.filter(({ state }) => state !== 'scored')
  const shown = [...ranked, ...others.filter(({ state }) => state === 'pruned')].slice(0, mostTrials)
  const failures = trials.filter((trial) => trial.state === 'failed')
  const resource = study.resource ?? 'step'
  return [
    {
      heading: 'Best parameters',
      header: ['parameter', 'value', 'searched', 'importance'],
      rows: byImportance(names, importance).map((name) => [
        ...[name, exactText(ownValue(best, name)), rangeText(space[name]!)],
        percent(importance?.[name]),
      ]),
      note:
        importance === undefined
          ? 'There is no importance: it needs at least 10 trials with a full result and every parameter, and a parameter that differs between the best of them and all.'
          : 'Importance: the share of a parameter in the difference between the best tenth of the trials and all (PED-ANOVA).',
    },
    {
      heading: 'Trials',
      header: ['trial', metric.name, ...(study.resource === undefined ? [] : [`trained to (${resource})`]), ...names],
      rows: shown.map((trial) => [
        ...[`${trial.number}`, 'value' in trial ? inUnit.number(trial.value) : undefined],
        ...(study.resource === undefined ? [] : [numberText(trial.rungs?.at(-1)?.resource)]),
        ...names.map((name) => valueText(ownValue(trial, name))),
      ]),
      note: `The best first, then those that ended early.${shown.length < ranked.length + others.length - failures.length ? ` The first ${count(mostTrials)} are shown.` : ''}`,
    },
    ...(failures.length === 0
      ? []
      : [
          {
            heading: 'Failed trials',
            header: ['trial', 'reason'],
            rows: failures.slice(0, mostFailures).map(({ number, reason }) => [`${number}`, shorten(reason)]),
            ...(failures.length > mostFailures && {
              note: `The first ${mostFailures} of ${count(failures.length)} are shown.`,
            }),
          },
        ]),
  ]
}

const byImportance = (names: readonly string[], importance: Readonly<Record<string, number>> = {}) =>
  [...names].sort((one, other) => (importance[other] ?? 0) - (importance[one] ?? 0))

const numberText = (value: number | undefined) => (value === undefined ? undefined : inUnit.number(value))

type Value = StudyTrial['parameters'][string] | undefined

/** A study of Optuna may have trials without a parameter. */
const ownValue = (trial: StudyTrial | undefined, name: string): Value =>
  trial !== undefined && Object.hasOwn(trial.parameters, name) ? trial.parameters[name] : undefined

const exactText = (value: Value) => (value === undefined ? undefined : String(value))

/** Numbers that are not integers are rounded. */
const valueText = (value: Value) =>
  typeof value === 'number' && !Number.isInteger(value) ? numberText(value) : exactText(value)

function rangeText(parameter: Parameter): string {
  if (parameter.kind === 'categorical') return parameter.values.map(String).join(', ')
  const { low, high, log, step } = parameter
  const steps = step === undefined || (parameter.kind === 'int' && step === 1) ? '' : `, steps of ${step}`
  return `${low} to ${high}${log ? ', logarithmic' : ''}${steps}`
}

function plotsOf(study: StudyRecord): readonly string[] {
  const { trials, metric } = study
  const points = trials.flatMap((trial) => (trial.state === 'scored' ? [[trial.number, trial.value] as const] : []))
  if (points.length < 2) return []
  const values = points.map(([, value]) => value)
  const [least, most] = extent(values)
  const isBetter = (value: number, than: number) =>
    metric.direction === 'higher-is-better' ? value > than : value < than
  let best = points[0]![1]
  const record = points.map(([number, value]) => {
    if (isBetter(value, best)) best = value
    return [number, best] as const
  })
  const [from, to] = [points[0]![0], points.at(-1)![0]]
  const said = `The best value went from ${short(points[0]![1])} at trial ${from} to ${short(best)} at trial ${to}.`
  const history = lineChart({
    title: `${metric.name} by trial`,
    description: said,
    curves: [
      { name: 'trial', points: thinned(points), colour: 'var(--soft)', dots: true },
      { name: 'best so far', points: thinned(record), colour: 'var(--mark)' },
    ],
    x: { name: 'trial', from, to, ticks: roundTicks(from, to), format: short },
    y: { name: metric.name, from: least, to: most, ticks: roundTicks(least, most), format: short },
    caption: said,
  })
  return [
    `<section><h2>Over time</h2>${history}</section>`,
    `<section><h2>What was tried</h2>${tried(study)}</section>`,
  ]
}

function tried(study: StudyRecord): string {
  const importance = studyImportance(study)
  const ranked = bestTrials(study)
  const drawn = ranked.slice(0, mostLines)
  const marked = Math.ceil(ranked.length / 10)
  const names = byImportance(Object.keys(study.space), importance)
  const [least, most] = extent(drawn.map(({ value }) => value))
  const result: Coordinate = {
    name: study.metric.name,
    position: (index) => (most === least ? 0.5 : (drawn[index]!.value - least) / (most - least)),
    ticks: endTicks(least, most),
  }
  const described = ({ number, value, parameters }: (typeof drawn)[number]) =>
    `trial ${number}: ${study.metric.name} ${inUnit.number(value)}; ${names.map((name) => `${name} ${valueText(Object.hasOwn(parameters, name) ? parameters[name] : undefined) ?? 'absent'}`).join(', ')}`
  return parallelCoordinates({
    title: 'Parameters and results of the trials',
    coordinates: [...names.map((name) => coordinateOf(name, study.space[name]!, drawn)), result],
    // The best ones last, so that they are above.
    lines: drawn.map((trial, index) => ({ index, name: described(trial), isMarked: index < marked })).reverse(),
    caption: `Each line is a trial with a full result, from its parameters to its ${study.metric.name}. The best ${marked === 1 ? 'one is' : `${marked} are`} marked.${importance === undefined ? '' : ' The parameters that matter most come first.'}${drawn.length < ranked.length ? ` The best ${count(drawn.length)} of ${count(ranked.length)} are drawn.` : ''}`,
  })
}

function coordinateOf(name: string, parameter: Parameter, trials: readonly StudyTrial[]): Coordinate {
  const value = (index: number) => ownValue(trials[index], name)
  if (parameter.kind === 'categorical') {
    const { values } = parameter
    const at = (index: number) => (values.length < 2 ? 0.5 : index / (values.length - 1))
    return {
      name,
      position(index) {
        const found = value(index)
        const place = found === undefined ? -1 : values.indexOf(found)
        return place < 0 ? undefined : at(place)
      },
      ticks: values.slice(0, 12).map((each, index) => [at(index), String(each)] as const),
    }
  }
  const { low, high, log } = parameter
  const scale = log ? Math.log : (number: number) => number
  return {
    name,
    position(index) {
      const found = value(index)
      if (typeof found !== 'number') return undefined
      const share = low === high ? 0.5 : (scale(found) - scale(low)) / (scale(high) - scale(low))
      // A trial that was added to a study of Optuna may be outside.
      return share >= 0 && share <= 1 ? share : undefined
    },
    ticks: endTicks(low, high),
  }
}

const extent = (values: readonly number[]) =>
  values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)] as const, [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as readonly [number, number])

function thinned<T>(points: readonly T[]): readonly T[] {
  if (points.length <= mostLines) return points
  return Array.from(
    { length: mostLines },
    (_, index) => points[Math.round((index * (points.length - 1)) / (mostLines - 1))]!,
  )
}
