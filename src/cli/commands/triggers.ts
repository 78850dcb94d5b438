import { env } from 'node:process'
import { escapeMarkdown } from '../../core/index.js'
import type { TriggerDecision } from '../../repository/index.js'
import { oneLine } from '../audit-text.js'
import { type Command, toJson } from '../command.js'
import { open } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

export const triggers: Command = {
  name: 'triggers',
  usage: '',
  summary: 'Show whether the changes since the last run ask for a run, without running',
  options: { schedule: { type: 'string' }, github: { type: 'boolean' } },
  optionHelp: {
    schedule: 'The cron of a trigger in mlops/pipeline.yaml, which then fires',
    github: 'In GitHub Actions: also write the outputs action, retrain and commit, and the job summary',
  },
  examples: ['sheikh triggers', "sheikh triggers --schedule '0 3 * * 1' --json"],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const repository = await open(project, terminal)
    const decision = await repository.triggered({ schedule: scheduleOf(values['schedule']) })
    if (values['github'] === true) {
      const { reportStep } = await import('../../repository/index.js')
      const { action, retrain, commit, reason } = decision
      await reportStep({ action, retrain: String(retrain), commit }, escapeMarkdown(reason), env)
    }
    return { text: decisionText(decision), json: toJson(decision) }
  },
}

/** A workflow passes `github.event.schedule`, which is empty for a push. */
export const scheduleOf = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value : undefined

function decisionText({ action, retrain, reason, triggers }: TriggerDecision): Text {
  const heading = action === 'none' ? 'No run:' : retrain ? 'Run, training again:' : 'Run:'
  return joinTexts([
    [styled('strong', heading), ` ${oneLine(reason)}`],
    ...triggers.flatMap(({ name, action, paths, count }) => [
      `  ${oneLine(name)} (${action})`,
      ...paths.map((path) => `    ${oneLine(path)}`),
      ...(count > paths.length ? [`    and ${count - paths.length} more`] : []),
    ]),
  ])
}
