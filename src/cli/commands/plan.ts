import { foreseenText } from '../../gate/index.js'
import { type Command, toJson } from '../command.js'
import { countsText } from '../counts-text.js'
import { open, printNotices } from '../project.js'

export const plan: Command = {
  name: 'plan',
  usage: '',
  summary: 'Show what a run would do, and why, without changing anything',
  options: {},
  optionHelp: {},
  examples: ['sheikh plan', 'sheikh plan --json'],
  positionals: [0, 0],
  async run({ project, json }, terminal) {
    const repository = await open(project, terminal)
    const planned = await repository.plan({ signal: terminal.signal })
    const notices = await repository.notices()
    if (!json) printNotices(notices, terminal)
    const unresolved = planned.unresolved.map((message) => `needed for a run: ${message}\n`).join('')
    const foreseen = planned.foreseen.map((finding) => `warning: ${foreseenText(finding)}\n`).join('')
    const width = Math.max(9, ...planned.stages.map(({ stage }) => stage.length))
    const lines = planned.stages.map(
      ({ stage, action, reason }) => `  ${stage.padEnd(width)} ${action.padEnd(7)} ${reason}`,
    )
    return {
      text: `${unresolved}${planned.summary}\n${foreseen}${countsText(planned.counts)}\n${lines.join('\n')}`,
      json: toJson({ ...planned, notices }),
    }
  },
}
