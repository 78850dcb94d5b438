import { type Command, toJson } from '../command.js'
import { open, printNotices } from '../project.js'

export const validate: Command = {
  name: 'validate',
  usage: '',
  summary: 'check configuration, samples, prompts and the evaluation set',
  options: {},
  optionHelp: {},
  positionals: [0, 0],
  async run({ project, json }, terminal) {
    const repository = await open(project, terminal)
    const summary = await repository.validate({ signal: terminal.signal })
    const notices = await repository.notices()
    if (!json) await printNotices(repository, terminal)
    const { counts, warnings } = summary
    const lines = [
      `Sound: ${counts.rows} rows, ${counts.training} to train on, ${counts.evaluation} pinned, ${counts.setAside} set aside${counts.development === undefined ? '' : `, ${counts.development} kept apart for early stopping`}.`,
      ...warnings.map(({ message }) => `warning: ${message}`),
    ]
    return { text: lines.join('\n'), json: toJson({ summary, notices }) }
  },
}
