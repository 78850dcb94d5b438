import { type Command, toJson } from '../command.js'
import { countsText } from '../counts-text.js'
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
    if (!json) printNotices(notices, terminal)
    const { counts, warnings } = summary
    const lines = [`Sound: ${countsText(counts)}.`, ...warnings.map(({ message }) => `warning: ${message}`)]
    return { text: lines.join('\n'), json: toJson({ summary, notices }) }
  },
}
