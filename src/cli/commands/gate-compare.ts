import { basename } from 'node:path'
import { callContext, SheikhError } from '../../core/index.js'
import { compareEvaluations, type Verdict } from '../../gate/index.js'
import { escapeMarkdown, intervalPlot, reportComparison, reportComparisonHtml } from '../../report/index.js'
import type { BaselineFacts } from '../../repository/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
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
  const { verdict, baselineName, baseline } = await decide(input, terminal)
  const comparison = reportComparison(verdict)
  const report = baseline === undefined ? comparison : `${comparison}\n\n${escapeMarkdown(baseline.description)}`
  if (typeof values['out'] === 'string') {
    const metric = verdict.findings.find((finding) => finding.metric !== undefined)?.metric ?? 'score'
    const title = `${metric}: the new model against ${baseline?.description.replace(/\.$/, '') ?? baselineName}`
    const content = isHtml(values['out']) ? reportComparisonHtml(verdict, { title }) : `${report}\n`
    await writeFileAtomic(terminalPath(terminal, values['out'], '--out'), content)
  }
  return {
    text: [report, intervalPlot(verdict.findings)].filter((part) => part !== '').join('\n\n'),
    json: toJson({ ...verdict, ...(baseline !== undefined && { baseline }) }),
    exitCode: { pass: 0, fail: 2, inconclusive: 3 }[verdict.status],
  }
}

async function decide(input: Arguments, terminal: Terminal): Promise<Compared> {
  const { values, project } = input
  const candidatePath = scorePath(values, 'candidate', terminal)
  const margin = values['margin'] === undefined ? undefined : Number(values['margin'])
  const limits = { ...(margin !== undefined && { margin }) }
  if (await isFile(input, terminal)) {
    if (values['max-age'] !== undefined)
      throw new SheikhError(
        'invalid-options',
        'Cannot limit the age of a file: --max-age needs an accepted baseline. Accept the file: sheikh gate accept <file>',
      )
    const { candidate, baseline, baselinePath } = await readPair(values, terminal)
    const baselineName = basename(baselinePath)
    const context = callContext({ signal: terminal.signal })
    const verdict = await compareEvaluations(candidate, baseline, { ...limits, baselineName }, context)
    return { verdict, baselineName }
  }
  const { compareScores } = await import('../../repository/index.js')
  const scores = await readScores(values, candidatePath, terminal)
  const { verdict, baseline } = await compareScores(project, scores, {
    ...pairOptions(values),
    ...limits,
    ...(typeof values['baseline'] === 'string' && { name: values['baseline'] }),
    ...(typeof values['baseline-from'] === 'string' && { from: values['baseline-from'] }),
    ...(typeof values['max-age'] === 'string' && { maxAgeMs: parseAge(values['max-age']) }),
    signal: terminal.signal,
  })
  return { verdict, baselineName: baseline.name, baseline }
}

async function isFile({ values, project }: Arguments, terminal: Terminal): Promise<boolean> {
  const given = values['baseline']
  if (typeof given !== 'string' || values['baseline-from'] !== undefined) return false
  if (given === '-') return true
  const { whichBaseline } = await import('../../repository/index.js')
  const file = terminalPath(terminal, given, '--baseline')
  return (await whichBaseline(project, { given, file }, { signal: terminal.signal })) === 'file'
}

const hourMs = 60 * 60 * 1000
const units: Readonly<Record<string, number>> = { h: hourMs, d: 24 * hourMs, w: 7 * 24 * hourMs }

function parseAge(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([hdw])$/.exec(text) ?? []
  if (amount !== undefined && Number(amount) > 0) return Number(amount) * units[unit!]!
  throw new SheikhError(
    'invalid-options',
    `Cannot use the maximum age "${text}": write a number of hours, days or weeks, such as 12h, 30d or 4w.`,
  )
}
