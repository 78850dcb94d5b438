import { type Command, toJson } from '../command.js'
import { open } from '../project.js'

export const why: Command = {
  name: 'why',
  usage: '<stage>',
  summary: 'Explain why a stage would run: show the first difference',
  options: {},
  optionHelp: {},
  examples: ['sheikh why train', 'sheikh why evaluate'],
  positionals: [1, 1],
  async run({ project, positionals }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    const planned = await pipeline.why(positionals[0]!, { signal: terminal.signal })
    const { difference } = planned
    const detail =
      difference === undefined
        ? ''
        : `\n  before: ${JSON.stringify(difference.before)}\n  now:    ${JSON.stringify(difference.after)}`
    return { text: `${planned.stage}: ${planned.action}, ${planned.reason}${detail}`, json: toJson(planned) }
  },
}
