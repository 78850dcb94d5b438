import { SheikhError } from '../../core/index.js'
import type { RunRecord } from '../../pipeline/index.js'
import { loadReportDetails, reportRun, reportRunHtml } from '../../report/run/index.js'
import { type Command, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { runNamed } from '../run-named.js'
import { terminalPath } from '../terminal-path.js'

export const report: Command = {
  name: 'report',
  usage: '[run | version]',
  summary: 'Print the report of a run or release as Markdown or HTML (default: the last run that judged a model)',
  options: { out: { type: 'string' }, html: { type: 'boolean' }, 'include-text': { type: 'boolean' } },
  optionHelp: {
    out: 'Write the report to this file; a name that ends in .html gives a page with plots',
    html: 'Write HTML regardless of the file name',
    'include-text': 'Show rendered prompts, the text of regressed items and what both models answered',
  },
  examples: ['sheikh report', 'sheikh report 1.2.0 --out report.html'],
  positionals: [0, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const loaded = await repository.load()
    const runs = await loaded.pipeline.runs()
    const record = positionals[0] === undefined ? lastJudged(runs) : runNamed(runs, positionals[0], 'report')
    const html = values['html'] === true || isHtml(values['out'])
    const includeText = values['include-text'] === true
    const details = await loadReportDetails({ project: loaded, record, runs, includeText })
    const text = html ? reportRunHtml(record, details) : reportRun(record, details)
    if (typeof values['out'] !== 'string') return { text, json: toJson(record) }
    const { writeFileAtomic } = await import('../../store/index.js')
    const path = terminalPath(terminal, values['out'], '--out')
    await writeFileAtomic(path, text)
    return { text: `Wrote ${path}`, json: toJson({ path, record }) }
  },
}

/** The newest run with a verdict. If no run has one, the newest run that is not a trial, whose report says why. */
function lastJudged(runs: readonly RunRecord[]): RunRecord {
  const record = runs.find(({ verdict }) => verdict !== undefined) ?? runs.find(({ command }) => command !== 'trial')
  if (record !== undefined) return record
  throw new SheikhError('not-found', 'Cannot report the last run: there are no runs yet. Start one with: sheikh run')
}
