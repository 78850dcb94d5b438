import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { describeResult, open } from '../project.js'

export const rollback: Command = {
  name: 'rollback',
  usage: '--reason <why>',
  summary: 'publish an earlier release again and withdraw the current one',
  options: { to: { type: 'string' }, reason: { type: 'string' } },
  optionHelp: { to: 'the version to go back to (default: the one before)', reason: 'why; kept with the withdrawal' },
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    const result = await pipeline.rollback({
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : 'rolled back by hand',
      ...(typeof values['to'] === 'string' && { to: values['to'].replace(/^v/, '') }),
    })
    return { text: describeResult(result), json: toJson(result), exitCode: exitCodeOf(result) }
  },
}
