import { SheikhError } from '../../core/index.js'
import { reportDataQuality, reportDataQualityHtml } from '../../report/index.js'
import { type Arguments, type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'

export const data: Command = {
  name: 'data',
  usage: 'check',
  summary: 'Check the quality of the samples: secrets, leakage, licences, labels, duplicates, drift and text',
  options: { out: { type: 'string' } },
  optionHelp: { out: 'check: also write the report to this file: a page if it ends in .html, otherwise Markdown' },
  actions: ['check'],
  examples: ['sheikh data check', 'sheikh data check --json'],
  positionals: [1, 1],
  async run(input, terminal) {
    const [action] = input.positionals
    if (action === 'check') return check(input, terminal)
    throw new SheikhError(
      'invalid-options',
      `Cannot run "sheikh data ${action}": the action must be check. See: sheikh data --help`,
    )
  },
}

async function check({ project, values }: Arguments, terminal: Terminal): Promise<CommandResult> {
  const out = typeof values['out'] === 'string' ? terminalPath(terminal, values['out'], '--out') : undefined
  const repository = await open(project, terminal)
  const found = await repository.checkData({ signal: terminal.signal })
  if (out !== undefined) {
    const { writeFileAtomic } = await import('../../store/index.js')
    await writeFileAtomic(out, isHtml(out) ? reportDataQualityHtml(found) : reportDataQuality(found))
  }
  return { text: reportDataQuality(found), json: toJson(found), exitCode: found.status === 'fail' ? 1 : 0 }
}
