import { reportStudy, reportStudyHtml } from '../../report/index.js'
import type { StudyRecord } from '../../tune/index.js'
import { type Arguments, type Command, type Terminal, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { readJournal } from '../read-journal.js'
import { terminalPath } from '../terminal-path.js'

export const study: Command = {
  name: 'study',
  usage: '[name]',
  summary: 'Report a search of "sheikh tune" or of Optuna, or write it as a journal of Optuna',
  options: {
    out: { type: 'string' },
    html: { type: 'boolean' },
    optuna: { type: 'string' },
    from: { type: 'string' },
  },
  optionHelp: {
    out: 'Write the report to this file; a name that ends in .html gives a page with plots',
    html: 'Write HTML regardless of the file name',
    optuna: 'Write the study to this file as a journal, which optuna-dashboard shows',
    from: 'Read the study from this journal of Optuna instead of the store',
  },
  examples: ['sheikh study', 'sheikh study --out study.html', 'sheikh study --optuna study.log'],
  positionals: [0, 1],
  async run({ project, positionals: [name], values }, terminal) {
    const record = await studyOf({ project, name, values }, terminal)
    const html = values['html'] === true || isHtml(values['out'])
    const text = html ? reportStudyHtml(record) : reportStudy(record)
    const { toOptunaJournal } = await import('../../tune/index.js')
    const files = [
      ['--out', values['out'], () => text],
      ['--optuna', values['optuna'], () => toOptunaJournal(record)],
    ] as const
    const written: string[] = []
    for (const [option, path, content] of files) {
      if (typeof path !== 'string') continue
      const { writeFileAtomic } = await import('../../store/index.js')
      const file = terminalPath(terminal, path, option)
      await writeFileAtomic(file, content())
      written.push(file)
    }
    if (written.length === 0) return { text, json: toJson(record) }
    return { text: written.map((path) => `Wrote ${path}`).join('\n'), json: toJson({ paths: written, study: record }) }
  },
}

async function studyOf(
  {
    project,
    name,
    values,
  }: { readonly project: string; readonly name: string | undefined } & Pick<Arguments, 'values'>,
  terminal: Terminal,
): Promise<StudyRecord> {
  if (typeof values['from'] === 'string') return readJournal(values['from'], name, terminal)
  return (await open(project, terminal)).study(name)
}
