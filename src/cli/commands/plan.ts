import { foreseenText } from '../../gate/index.js'
import { type Command, toJson } from '../command.js'
import { countsText } from '../counts-text.js'
import { open, printNotices, warningText } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

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
    if (!json) printNotices(planned.notices, terminal)
    const width = Math.max(9, ...planned.stages.map(({ stage }) => stage.length))
    const lines: readonly Text[] = [
      ...planned.unresolved.map((message) => `needed for a run: ${message}`),
      ...planned.unnotified.map(warningText),
      styled('strong', planned.summary),
      ...planned.foreseen.map((finding) => warningText(foreseenText(finding))),
      countsText(planned.counts),
      ...planned.stages.map(
        ({ stage, action, reason }): Text => [
          `  ${stage.padEnd(width)} `,
          styled(action === 'run' ? 'strong' : 'faint', action.padEnd(7)),
          ` ${reason}`,
        ],
      ),
    ]
    return {
      text: joinTexts(lines),
      json: toJson(planned),
    }
  },
}
