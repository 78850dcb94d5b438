import { escapeHtml, escapeMarkdown } from '../core/index.js'
import type { ExperimentHistory, ExperimentMoment, MetricComparison } from '../experiment/index.js'
import type { PlannedExperiment } from '../gate/index.js'
import { htmlPage, paragraph } from './html.js'
import { count, differenceUnit, duration, inUnit, moment, percent } from './markdown.js'
import { axisOf, intervalOverTime, looksAt } from './plots/interval-over-time.js'
import { type Section, sectionHtml, sectionMarkdown } from './section.js'

type PlannedMetric = PlannedExperiment['metrics'][number]

/** Renders a live test as Markdown. It contains numbers, names of metrics, and the reasons in the ledger. */
export function reportExperiment(history: ExperimentHistory): string {
  const [exposure, ...rest] = sectionsOf(history)
  const blocks = [
    `# ${escapeMarkdown(titleOf(history))}`,
    `**${escapeMarkdown(statusOf(history))}.** ${escapeMarkdown(history.reason)}`,
    '## Plan',
    planOf(history)
      .map((sentence) => `- ${escapeMarkdown(sentence)}`)
      .join('\n'),
    ...(exposure === undefined ? [] : sectionMarkdown(exposure)),
    ...plannedMetrics(history).flatMap((metric) => textPlot(metric, history)),
    ...rest.flatMap(sectionMarkdown),
    ...notesOf(history).map(escapeMarkdown),
  ]
  return `${blocks.join('\n\n')}\n`
}

/** Renders the same as a self-contained HTML page, with the limits over time as plots. */
export function reportExperimentHtml(history: ExperimentHistory): string {
  const [exposure, ...rest] = sectionsOf(history)
  const plots = plannedMetrics(history).flatMap((metric) => {
    const plot = intervalOverTime(metric, history.moments, history.startedAtMs)
    return plot === '' ? [] : [`<section><h2>${escapeHtml(metric.name)} over time</h2>${plot}</section>`]
  })
  const body = [
    `<h1>${escapeHtml(titleOf(history))}</h1>`,
    `<section class="verdict ${kindOf(history)}"><h2>${escapeHtml(statusOf(history))}</h2>${paragraph(history.reason)}</section>`,
    `<h2>Plan</h2><ul>${planOf(history)
      .map((sentence) => `<li>${escapeHtml(sentence)}</li>`)
      .join('\n')}</ul>`,
    ...(exposure === undefined ? [] : sectionHtml(exposure)),
    ...(plots.length === 0 ? [] : [`<div class="charts">${plots.join('\n')}</div>`]),
    ...rest.flatMap(sectionHtml),
    ...notesOf(history).map((note) => paragraph(note, 'note')),
  ]
  return htmlPage(titleOf(history), body.join('\n'))
}

const titleOf = ({ name, control, treatment }: ExperimentHistory) =>
  `Live test ${name}: ${treatment} against ${control}`

const results = {
  harm: 'the treatment does harm',
  success: 'the treatment wins',
  mismatch: 'units were not divided as planned',
  expired: 'the time is over without a result',
  stopped: 'a person stopped it',
} as const

function statusOf({ status, result, step, share, sinceMs, treatment, planned }: ExperimentHistory): string {
  // The ledger of another version may have other results.
  const ended = result !== undefined && Object.hasOwn(results, result) ? results[result] : (result ?? 'no result')
  if (status === 'ended') return `Ended ${moment(sinceMs)}: ${ended}`
  const steps = planned === undefined ? '' : ` of ${planned.steps.length}`
  return `Running in step ${step + 1}${steps} since ${moment(sinceMs)}: ${percent(share)} of units get ${treatment}`
}

const kindOf = ({ status, result }: ExperimentHistory) =>
  status === 'ended' && result === 'success'
    ? 'pass'
    : result === 'harm' || result === 'mismatch'
      ? 'fail'
      : 'inconclusive'

const plannedMetrics = ({ planned }: ExperimentHistory): readonly PlannedMetric[] => planned?.metrics ?? []

const valueUnit = ({ kind }: Pick<PlannedMetric, 'kind'>) => (kind === 'binary' ? percent : inUnit.number)
const marginText = (metric: PlannedMetric) => differenceUnit(metric.kind)(metric.margin).replace('+', '')

/** What was planned, one sentence each. */
function planOf({ planned, control, treatment, startedAtMs }: ExperimentHistory): readonly string[] {
  const began = `The test began ${moment(startedAtMs)} and compares release ${treatment} (treatment) with release ${control} (control).`
  if (planned === undefined)
    return [began, 'The ledger has only the digest of its plan, because an older version started the test.']
  const { steps, metrics, confidence, untilMs } = planned
  const [metric, ...guardrails] = metrics
  const meaning = ({ kind, direction }: PlannedMetric) =>
    `${kind === 'binary' ? 'share of units with yes' : 'mean over units'}, ${direction === 'higher-is-better' ? 'higher' : 'lower'} is better`
  const wins = metric!.margin === 0 ? 'is better' : `is not worse by ${marginText(metric!)} or more`
  return [
    began,
    ...steps.map(({ share, units, atLeastMs }, index) => {
      const isLast = index === steps.length - 1
      const ends = `${count(units)} units of the treatment have an outcome${atLeastMs === 0 ? '' : ` and the step has taken ${period(atLeastMs)}`}`
      return `Step ${index + 1}: ${percent(share)} of units get the treatment${isLast ? '. The result is decided in this step.' : ` until ${ends}.`}`
    }),
    `The treatment wins if ${metric!.name} (${meaning(metric!)}) ${wins}${guardrails.length === 0 ? '' : ' and every guardrail is kept'}.`,
    ...guardrails.map(
      (each) => `Guardrail: ${each.name} (${meaning(each)}) must not be worse by ${marginText(each)} or more.`,
    ),
    `The treatment is withdrawn if any metric is worse by more than its margin.`,
    `The chance of a wrong decision is at most ${percent((1 - confidence) * metrics.length * steps.length)} over all looks; each interval has a confidence of ${percent(confidence)}.`,
    ...(untilMs === undefined ? [] : [`The last decision is at ${moment(untilMs)}.`]),
  ]
}

/** The last look at each step. */
function lastLooks({ moments }: ExperimentHistory): readonly ExperimentMoment[] {
  return [...new Map(moments.map((look) => [look.step, look])).values()]
}

function sectionsOf(history: ExperimentHistory): readonly Section[] {
  const looks = lastLooks(history)
  const { planned, lines } = history
  const names = plannedMetrics(history).map(({ name }) => name)
  const exposure: Section[] =
    looks.length === 0
      ? []
      : [
          {
            heading: 'Units by variant',
            header: ['step', 'control', 'treatment', 'treatment planned', 'treatment observed', 'p', 'division'],
            rows: looks.map(({ step, division: { control, treatment, p, isMismatch } }) => [
              ...[`${step + 1}`, count(control), count(treatment), percent(planned!.steps[step]!.share)],
              ...[percent(control + treatment === 0 ? undefined : treatment / (control + treatment)), pText(p)],
              isMismatch ? 'not as planned' : 'as planned',
            ]),
            note: 'p is the chance of a division at least as uneven if units are divided as planned. It is valid at every look.',
          },
        ]
  const compared = (heading: string, from: number, to: number): Section[] => {
    const shown = looks.flatMap(({ step, metrics }) =>
      metrics.filter(({ name }) => names.slice(from, to).includes(name)).map((metric) => ({ step, metric })),
    )
    const rows = shown.map(({ step, metric }) => comparedRow(step, metric))
    const methods = [...new Set(shown.map(({ metric }) => metric.method))]
    const header = ['metric', 'step', 'control', 'treatment', 'difference', 'limits', 'margin', 'result', 'units']
    return rows.length === 0
      ? []
      : [{ heading, header, rows, note: `The limits are valid at every look: ${methods.join('; ')}.` }]
  }
  return [
    ...exposure,
    ...compared('The metric that decides', 0, 1),
    ...compared('Guardrails', 1, names.length),
    {
      heading: 'Decisions',
      header: ['time', 'decision', 'treatment gets', 'by', 'reason'],
      rows: lines.map(({ atMs, action, step, share, result, by, reason }) => [
        ...[moment(atMs), result ?? (action === 'advance' ? `step ${step + 1}` : action), percent(share)],
        ...[by ?? 'automatic', reason],
      ]),
    },
  ]
}

function comparedRow(step: number, metric: MetricComparison): Section['rows'][number] {
  const { name, kind, estimate, lower, upper, control, treatment, margin, status } = metric
  const unit = differenceUnit(kind)
  const value = valueUnit(metric)
  const known = (side: number | null, text: (value: number) => string) => (side === null ? 'unknown' : text(side))
  return [
    ...[name, `${step + 1}`, known(control.value, value), known(treatment.value, value), known(estimate, unit)],
    lower === null && upper === null ? 'unknown' : `${known(lower, unit)} to ${known(upper, unit)}`,
    ...[margin === 0 ? '0' : unit(margin).replace('+', ''), status],
    ...[`${count(control.units)} and ${count(treatment.units)}`],
  ]
}

const plotWidth = 41
const plotRows = 12

/** The limits over time as text: `●` is the observed difference, `│` no difference, `┊` the margin. */
function textPlot(metric: PlannedMetric, { moments }: ExperimentHistory): readonly string[] {
  const looks = looksAt(moments, metric.name)
  if (looks.length < 2) return []
  const { from, to } = axisOf(looks, metric.margin)
  const column = (value: number) => Math.round(Math.min(1, Math.max(0, (value - from) / (to - from))) * (plotWidth - 1))
  const worse = metric.direction === 'higher-is-better' ? -metric.margin : metric.margin
  const length = Math.min(plotRows, looks.length)
  const shown = Array.from({ length }, (_, index) => looks[Math.round((index * (looks.length - 1)) / (length - 1))]!)
  const rows = shown.map(({ atMs, step, estimate, lower, upper }) => {
    const cells: string[] = Array(plotWidth).fill(' ')
    for (let at = column(lower); at <= column(upper); at += 1) cells[at] = '─'
    cells[column(worse)] = '┊'
    cells[column(0)] = '│'
    cells[column(estimate)] = '●'
    return `${moment(atMs)}  ${`${step + 1}`.padStart(4)}  ${cells.join('').trimEnd()}`
  })
  const unit = differenceUnit(metric.kind)
  const [start, end] = [unit(from), unit(to)]
  const axis = `${' '.repeat(31)}${start}${' '.repeat(Math.max(1, plotWidth - start.length - end.length))}${end}`
  return [
    `## ${escapeMarkdown(metric.name)} over time`,
    ['```text', `${'time'.padEnd(23)}  step  treatment minus control`, ...rows, axis, '```'].join('\n'),
  ]
}

function notesOf({ moments, leftOut, unread, planned }: ExperimentHistory): readonly string[] {
  const isMismatch = moments.at(-1)?.division.isMismatch === true
  return [
    ...(planned !== undefined && leftOut === undefined
      ? ['No feedback was read, so there is no comparison. Name its folder with --store.']
      : []),
    ...(isMismatch ? ['Units were not divided as planned, so the metrics are not compared.'] : []),
    ...unread.map((name) => `${name} is not shown: only code of the project can read its outcomes.`),
    ...(leftOut === undefined || leftOut === 0
      ? []
      : [
          `${leftOut === 1 ? '1 outcome counts' : `${count(leftOut)} outcomes count`} for no unit: the unit saw no variant, or the outcome is older.`,
        ]),
  ]
}

const pText = (p: number) => (p < 1e-4 ? '< 0.0001' : p.toFixed(4))

const day = 86_400_000

/** `1 day`, `36 hours`, or as `duration`. */
function period(ms: number): string {
  const [size, unit] = ms % day === 0 ? [day, 'day'] : ms % (day / 24) === 0 ? [day / 24, 'hour'] : [0, '']
  if (size === 0) return duration(ms)
  return `${ms / size} ${unit}${ms === size ? '' : 's'}`
}
