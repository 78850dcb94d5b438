import { basename } from 'node:path'
import { env } from 'node:process'
import { callContext, escapeMarkdown, messageOf, SheikhError } from '../../core/index.js'
import { compareEvaluations, type Verdict } from '../../gate/index.js'
import { reportComparison } from '../../report/run/index.js'
import type { BaselineFacts } from '../../repository/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { comparisonResult } from '../comparison-result.js'
import { mergeQueueBase } from '../merge-queue-base.js'
import { numberOption } from '../number-option.js'
import { logTo } from '../project.js'
import { pairOptions, readPair, readScores, scorePath } from '../read-pair.js'
import { terminalPath } from '../terminal-path.js'

interface Compared {
  readonly verdict: Verdict
  readonly baselineName: string
  /** Absent if the baseline is a file. */
  readonly baseline?: BaselineFacts | undefined
}

export async function compare(input: Arguments, terminal: Terminal): Promise<CommandResult> {
  const { values } = input
  if (values['github'] !== true) return resultOf(await decide(input, terminal), values, terminal)
  const name = { ...(typeof values['check-name'] === 'string' && { name: values['check-name'] }) }
  const options = { ...name, comment: values['no-comment'] !== true }
  const context = callContext({ signal: terminal.signal, log: logTo(terminal) })
  const { reportToActions } = await import('../../repository/index.js')
  const compared = await decide(input, terminal).catch(async (error: unknown) => {
    terminal.signal.throwIfAborted()
    const summary = `Nothing was compared. ${messageOf(error)}`
    const report = { verdict: 'error', summary, report: escapeMarkdown(summary) } as const
    terminal.err(`${await reportToActions({ ...report, ...options }, env, context)}\n`)
    throw error
  })
  const { status, summary } = compared.verdict
  const report = { verdict: status, summary, report: markdownOf(compared), outputs: outputsOf(compared) }
  const text = await reportToActions({ ...report, ...options }, env, context)
  return { ...(await resultOf(compared, values, terminal)), text }
}

function resultOf(compared: Compared, values: Arguments['values'], terminal: Terminal): Promise<CommandResult> {
  const { verdict, baselineName, baseline } = compared
  const metric = verdict.findings.find((finding) => finding.metric !== undefined)?.metric ?? 'score'
  return comparisonResult(
    {
      verdict,
      report: markdownOf(compared),
      title: `${metric}: the new model against ${baseline?.description.replace(/\.$/, '') ?? baselineName}`,
      ...(baseline !== undefined && { facts: { baseline } }),
      out: values['out'],
    },
    terminal,
  )
}

function markdownOf({ verdict, baseline }: Compared): string {
  const changed = `**The baseline was changed here.** The comparison uses the version of ${escapeMarkdown(baseline?.path ?? '')}.`
  return [
    ...(baseline?.changedHere === true ? [changed] : []),
    reportComparison(verdict),
    ...(baseline === undefined ? [] : [escapeMarkdown(baseline.description)]),
  ].join('\n\n')
}

function outputsOf({ verdict, baseline }: Compared): Readonly<Record<string, string | number | undefined>> {
  const overall = toJson(verdict.findings.find(({ against, slice }) => against !== undefined && slice === undefined))
  const { estimate, lower, candidateValue, referenceValue, items } = (overall ?? {}) as Record<
    string,
    number | undefined
  >
  const rounded = (value: number | undefined) => (value === undefined ? undefined : Number(value.toPrecision(6)))
  return {
    ...{ difference: rounded(estimate), 'difference-lower': rounded(lower), items },
    ...{ candidate: rounded(candidateValue), baseline: rounded(referenceValue) },
    'baseline-age-days': baseline === undefined ? undefined : Math.floor(baseline.ageMs / dayMs),
    'baseline-commits-ago': baseline?.commitsAgo,
  }
}

async function decide(input: Arguments, terminal: Terminal): Promise<Compared> {
  const { values, project } = input
  const candidatePath = scorePath(values, 'candidate', terminal)
  const margin = numberOption(values, 'margin', 'gate')
  const limits = { ...(margin !== undefined && { margin }) }
  if (await isFile(input, terminal)) {
    if (values['max-age'] !== undefined)
      throw new SheikhError(
        'invalid-options',
        'Cannot limit the age of a file: --max-age needs an accepted baseline. Accept the file: sheikh gate accept <file>',
      )
    const { candidate, baseline, baselinePath } = await readPair(values, terminal)
    if (candidate.metrics[0]?.value === null)
      throw new SheikhError(
        'evaluation-invalid',
        'Cannot compare: no item of the candidate has a score. Check the evaluation that wrote the file.',
      )
    const baselineName = basename(baselinePath)
    const context = callContext({ signal: terminal.signal })
    const verdict = await compareEvaluations(candidate, baseline, { ...limits, baselineName }, context)
    return { verdict, baselineName }
  }
  const from = await refOf(values)
  const { compareScores } = await import('../../repository/index.js')
  const scores = await readScores(values, candidatePath, terminal)
  const { verdict, baseline } = await compareScores(project, scores, {
    ...pairOptions(values),
    ...limits,
    ...(typeof values['baseline'] === 'string' && { name: values['baseline'] }),
    ...(from !== undefined && { from }),
    ...(typeof values['max-age'] === 'string' && { maxAgeMs: parseAge(values['max-age']) }),
    signal: terminal.signal,
  })
  return { verdict, baselineName: baseline.name, baseline }
}

/** Where the baseline is read from: for a pull request, the branch that it goes into; for a merge queue, what it starts from. */
async function refOf(values: Arguments['values']): Promise<string | undefined> {
  const given = values['baseline-from'] ?? (values['github'] === true ? env['GITHUB_BASE_REF'] : undefined)
  if (typeof given === 'string' && given !== '') return given
  if (given === undefined && values['github'] !== true) return undefined
  return mergeQueueBase()
}

async function isFile({ values, project }: Arguments, terminal: Terminal): Promise<boolean> {
  const given = values['baseline']
  if (typeof given !== 'string' || values['baseline-from'] !== undefined) return false
  if (given === '-') return true
  const { whichBaseline } = await import('../../repository/index.js')
  const file = terminalPath(terminal, given, '--baseline')
  return (
    (await whichBaseline(project, { given, file }, { from: await refOf(values), signal: terminal.signal })) === 'file'
  )
}

const hourMs = 60 * 60 * 1000
const dayMs = 24 * hourMs
const units: Readonly<Record<string, number>> = { h: hourMs, d: dayMs, w: 7 * dayMs }

function parseAge(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([hdw])$/.exec(text) ?? []
  if (amount !== undefined && Number(amount) > 0) return Number(amount) * units[unit!]!
  throw new SheikhError(
    'invalid-options',
    `Cannot use the maximum age "${text}": write a number of hours, days or weeks, such as 12h, 30d or 4w.`,
  )
}
