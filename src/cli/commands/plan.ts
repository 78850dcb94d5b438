import { type Command, toJson } from '../command.js'
import { open, printNotices } from '../project.js'

export const plan: Command = {
  name: 'plan',
  usage: '',
  summary: 'what a run would do, and why; changes nothing',
  options: {},
  optionHelp: {},
  positionals: [0, 0],
  async run({ project, json }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    const planned = await pipeline.plan({ signal: terminal.signal })
    if (!json) await printNotices(repository, terminal)
    const { counts } = planned
    const lines = planned.stages.map(
      ({ stage, action, reason }) => `  ${stage.padEnd(9)} ${action.padEnd(7)} ${reason}`,
    )
    const data = `${counts.rows} rows: ${counts.training} to train on, ${counts.evaluation} pinned${counts.setAside > 0 ? `, ${counts.setAside} set aside` : ''}${counts.development === undefined ? '' : `, ${counts.development} kept apart for early stopping`}`
    return { text: `${planned.summary}\n${data}\n${lines.join('\n')}`, json: toJson(planned) }
  },
}
