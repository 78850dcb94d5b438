import { reportDiff, reportDiffHtml } from '../../report/index.js'
import { type Command, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'

export const diff: Command = {
  name: 'diff',
  usage: '[from] [to]',
  summary: 'Show how data, prompts, settings and the gate differ between two commits or releases',
  options: { out: { type: 'string' }, html: { type: 'boolean' }, 'include-text': { type: 'boolean' } },
  optionHelp: {
    out: 'Write the comparison to this file; a name that ends in .html gives a page',
    html: 'Write HTML regardless of the file name',
    'include-text': 'Show the values of changed fields, and samples rendered by changed prompts',
  },
  examples: ['sheikh diff', 'sheikh diff 1.2.0', 'sheikh diff main HEAD --include-text'],
  positionals: [0, 2],
  async run({ project, positionals: [from, to], values }, terminal) {
    const path = typeof values['out'] === 'string' ? terminalPath(terminal, values['out'], '--out') : undefined
    const repository = await open(project, terminal)
    const found = await repository.diff(from, to, { includeText: values['include-text'] === true })
    const text = values['html'] === true || isHtml(values['out']) ? reportDiffHtml(found) : reportDiff(found)
    if (path === undefined) return { text, json: toJson(found) }
    const { writeFileAtomic } = await import('../../store/index.js')
    await writeFileAtomic(path, text)
    return { text: `Wrote ${path}`, json: toJson({ path, diff: found }) }
  },
}
