import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { describeResult, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const approve: Command = {
  name: 'approve',
  usage: '<run> --reason <why>',
  summary: 'release what the evidence left open',
  options: { reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: { reason: 'why; kept in the ledger and with the release', by: 'who (default: the user of Git)' },
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    const result = await pipeline.approve(positionals[0]!, {
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : '',
      by: await whoDecides(repository, values['by'], 'approve'),
    })
    return { text: describeResult(result), json: toJson(result), exitCode: exitCodeOf(result) }
  },
}
