import { basename } from 'node:path'
import { callContext } from '../../core/index.js'
import { compareEvaluations } from '../../gate/index.js'
import { intervalPlot, reportComparison, reportComparisonHtml } from '../../report/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { readPair } from '../read-pair.js'
import { terminalPath } from '../terminal-path.js'

export async function compare(values: Arguments['values'], terminal: Terminal): Promise<CommandResult> {
  const context = callContext({ signal: terminal.signal })
  const pair = await readPair(values, terminal)
  const margin = values['margin'] === undefined ? undefined : Number(values['margin'])
  const verdict = await compareEvaluations(
    pair.candidate,
    pair.baseline,
    { baselineName: basename(pair.baselinePath), ...(margin !== undefined && { margin }) },
    context,
  )
  const report = reportComparison(verdict)
  if (typeof values['out'] === 'string') {
    const title = `${pair.candidate.metrics[0]!.name}: the new model against ${basename(pair.baselinePath)}`
    const content = isHtml(values['out']) ? reportComparisonHtml(verdict, { title }) : `${report}\n`
    await writeFileAtomic(terminalPath(terminal, values['out'], '--out'), content)
  }
  return {
    text: [report, intervalPlot(verdict.findings)].filter((part) => part !== '').join('\n\n'),
    json: toJson(verdict),
    exitCode: { pass: 0, fail: 2, inconclusive: 3 }[verdict.status],
  }
}
