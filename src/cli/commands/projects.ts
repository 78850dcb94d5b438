import { oneLine } from '../audit-text.js'
import { type Command, toJson } from '../command.js'
import { logTo } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'
import { scheduleOf } from './triggers.js'

export const projects: Command = {
  name: 'projects',
  usage: '',
  summary: 'List the projects of this Git repository, or those that a change concerns',
  options: { triggered: { type: 'boolean' }, schedule: { type: 'string' } },
  optionHelp: {
    triggered: 'List only projects that need a run (see: sheikh triggers) or have a problem',
    schedule: 'With --triggered: the cron of triggers, which then fire',
  },
  examples: ['sheikh projects', 'sheikh projects --triggered --json'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const { findProjects } = await import('../../repository/index.js')
    const triggered = values['triggered'] === true
    const found = await findProjects(project, {
      ...{ triggered, schedule: scheduleOf(values['schedule']) },
      ...{ signal: terminal.signal, log: logTo(terminal) },
    })
    const width = Math.max(0, ...found.map(({ path }) => path.length))
    const lines = found.map(({ path, name, decision, problem }): Text => {
      const told =
        problem === undefined
          ? [` ${oneLine(decision?.reason ?? name ?? '')}`]
          : [' ', styled('bad', 'problem:'), ` ${oneLine(problem)}`]
      return [styled('strong', oneLine(path).padEnd(width)), ' ', ...told]
    })
    const none = triggered
      ? 'No project needs a run.'
      : 'There are no projects in this repository. Create one with: sheikh init'
    return { text: lines.length === 0 ? none : joinTexts(lines), json: toJson({ projects: found }) }
  },
}
