import { callContext } from '../../core/index.js'
import { compareEvaluations } from '../../gate/index.js'
import type { RunRecord } from '../../pipeline/index.js'
import { reportComparison } from '../../report/run/index.js'
import type { Command } from '../command.js'
import { comparisonResult } from '../comparison-result.js'
import { numberOption } from '../number-option.js'
import { open } from '../project.js'
import { runNamed } from '../run-named.js'

export const compareRuns: Command = {
  name: 'compare',
  usage: '<run | version> <run | version>',
  summary: 'Compare the models of two runs, held ones too, and say whether the second is worse than the first',
  options: { margin: { type: 'string' }, out: { type: 'string' } },
  optionHelp: {
    margin: "Largest acceptable loss, in the metric's unit (default: 0.02)",
    out: 'Also write the comparison to this file: HTML with plots if the name ends in .html, else Markdown',
  },
  examples: ['sheikh compare 1.1.0 1.2.0', 'sheikh compare 1.2.0 01m8kfa7ts2rjb6h5qgx --margin 0.01'],
  positionals: [2, 2],
  async run({ project, positionals, values }, terminal) {
    const pipeline = await (await open(project, terminal)).pipeline()
    const runs = await pipeline.runs()
    const [before, after] = positionals.map((name) => runNamed(runs, name, 'compare')) as [RunRecord, RunRecord]
    const evaluationOf = async ({ runId }: RunRecord) =>
      (await pipeline.evaluations(runId, { signal: terminal.signal })).candidate
    const margin = numberOption(values, 'margin', 'compare')
    const verdict = await compareEvaluations(
      await evaluationOf(after),
      await evaluationOf(before),
      { baselineName: nameOf(before), ...(margin !== undefined && { margin }) },
      callContext({ signal: terminal.signal }),
    )
    return comparisonResult(
      {
        verdict,
        report: reportComparison(verdict),
        title: `${nameOf(after)} compared with ${nameOf(before)}`,
        facts: { before: before.runId, after: after.runId },
        out: values['out'],
      },
      terminal,
    )
  },
}

const nameOf = ({ runId, version, status }: RunRecord) => version ?? `run ${runId} (${status})`
