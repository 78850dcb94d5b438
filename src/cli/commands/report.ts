import { SheikhError } from '../../core/index.js'
import { reportRun, reportRunHtml } from '../../report/index.js'
import { type Command, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'

export const report: Command = {
  name: 'report',
  usage: '[run]',
  summary: 'Print the report of a run as Markdown or HTML (default: the last run)',
  options: { out: { type: 'string' }, html: { type: 'boolean' } },
  optionHelp: {
    out: 'Write the report to this file; a name that ends in .html gives a page with plots',
    html: 'Write HTML regardless of the file name',
  },
  examples: ['sheikh report', 'sheikh report --out report.html'],
  positionals: [0, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const runs = await (await repository.pipeline()).runs()
    const record = positionals[0] === undefined ? runs[0] : runs.find(({ runId }) => runId === positionals[0])
    if (record === undefined)
      throw new SheikhError(
        'not-found',
        positionals[0] === undefined
          ? 'Cannot report the last run: there are no runs yet. Start one with: sheikh run'
          : `Cannot report the run ${positionals[0]}: the store does not contain it. Use the id of a run from this store.`,
      )
    const html = values['html'] === true || isHtml(values['out'])
    const text = html ? reportRunHtml(record) : reportRun(record)
    if (typeof values['out'] !== 'string') return { text, json: toJson(record) }
    const { writeFileAtomic } = await import('../../store/index.js')
    const path = terminalPath(terminal, values['out'], '--out')
    await writeFileAtomic(path, text)
    return { text: `Wrote ${path}`, json: toJson({ path, record }) }
  },
}
