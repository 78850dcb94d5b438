import { foreseenText } from '../../gate/index.js'
import { expectedText } from '../../pipeline/index.js'
import type { ProjectPlan } from '../../repository/index.js'
import { type Command, toJson } from '../command.js'
import { countsText } from '../counts-text.js'
import { open, printNotices, warningText } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

/** A run with another outcome ends at once. */
const judges: ReadonlySet<ProjectPlan['outcome']> = new Set(['judge', 'restore'])

export const plan: Command = {
  name: 'plan',
  usage: '',
  summary: 'Show what a run would do, why, and how long it takes, without changing anything',
  options: { retrain: { type: 'boolean' } },
  optionHelp: { retrain: 'Plan a run that trains even if nothing changed' },
  examples: ['sheikh plan', 'sheikh plan --json'],
  positionals: [0, 0],
  async run({ project, json, values }, terminal) {
    const repository = await open(project, terminal)
    const planned = await repository.plan({ signal: terminal.signal, retrain: values['retrain'] === true })
    if (!json) printNotices(planned.notices, terminal)
    const width = Math.max(9, ...planned.stages.map(({ stage }) => stage.length))
    const lines: readonly Text[] = [
      ...planned.unresolved.map((message) => `needed for a run: ${message}`),
      // Notifications have warnings of their own.
      ...planned.missing.flatMap(({ kind, neededFor, message }) =>
        neededFor === 'notifications' ? [] : [`missing ${kind}: ${message}`],
      ),
      ...planned.unnotified.map(warningText),
      styled('strong', planned.summary),
      ...planned.foreseen.map((finding) => warningText(foreseenText(finding))),
      ...(judges.has(planned.outcome) ? [expectedText(planned.expected)] : []),
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
