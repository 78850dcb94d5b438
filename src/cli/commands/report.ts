import { SheikhError } from '../../core/index.js'
import { reportRun, reportRunHtml } from '../../report/index.js'
import { type Command, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'

export const report: Command = {
  name: 'report',
  usage: '[run]',
  summary: 'a run as Markdown or HTML (default: the last)',
  options: { out: { type: 'string' }, html: { type: 'boolean' } },
  optionHelp: {
    out: 'write it to this file; one that ends in .html is a page with plots',
    html: 'the page, whatever the file is called',
  },
  positionals: [0, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const runs = await (await repository.pipeline()).runs()
    const record = positionals[0] === undefined ? runs[0] : runs.find(({ runId }) => runId === positionals[0])
    if (record === undefined)
      throw new SheikhError(
        'not-found',
        `Cannot report ${positionals[0] === undefined ? 'the last run: there is none yet' : `the run ${positionals[0]}: it is not in the store`}. Run first.`,
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
