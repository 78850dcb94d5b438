import { type Command, toJson } from '../command.js'
import { showWork } from '../progress.js'
import { open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const withdraw: Command = {
  name: 'withdraw',
  usage: '<version> --reason <why>',
  summary: 'Withdraw a release that no channel points at, so that it is never used again',
  options: { reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    reason: 'Why you withdraw it; recorded in the ledger and in the withdrawal',
    by: 'Who decides; recorded in the ledger (default: user.name and user.email of Git)',
  },
  examples: ['sheikh withdraw 1.2.0 --reason "Erasure request"'],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showWork(terminal, 'withdraw')
    const result = await pipeline.withdraw(positionals[0]!.replace(/^v/, ''), {
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : '',
      by: await whoDecides(repository, values['by'], 'withdraw'),
    })
    const { version, withdrawn } = result.release
    return { text: `${version} is withdrawn: ${withdrawn?.reason}`, json: toJson(result) }
  },
}
