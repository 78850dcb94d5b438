import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { describeResult, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const rollback: Command = {
  name: 'rollback',
  usage: '--reason <why>',
  summary: 'publish an earlier release again and withdraw the current one',
  options: { to: { type: 'string' }, reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    to: 'the version to go back to (default: the one before)',
    reason: 'why; kept in the ledger and with the withdrawal',
    by: 'who; kept in the ledger (default: the user of Git)',
  },
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    const result = await pipeline.rollback({
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : '',
      by: await whoDecides(repository, values['by'], 'roll back'),
      ...(typeof values['to'] === 'string' && { to: values['to'].replace(/^v/, '') }),
    })
    return { text: describeResult(result), json: toJson(result), exitCode: exitCodeOf(result) }
  },
}
