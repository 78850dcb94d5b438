import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { showPublishing } from '../progress.js'
import { describeResult, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const rollback: Command = {
  name: 'rollback',
  usage: '--reason <why>',
  summary: 'Publish an earlier release again as a new version and withdraw the current one',
  options: { to: { type: 'string' }, reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    to: 'Version to roll back to (default: the previous release)',
    reason: 'Why you roll back; recorded in the ledger and in the withdrawal',
    by: 'Who decides; recorded in the ledger (default: user.name and user.email of Git)',
  },
  examples: ['sheikh rollback --reason "More complaints"', 'sheikh rollback --to 1.1.0 --reason "1.2.0 is slower"'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showPublishing(pipeline, terminal, 'rollback')
    const result = await pipeline.rollback({
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : '',
      by: await whoDecides(repository, values['by'], 'roll back'),
      ...(typeof values['to'] === 'string' && { to: values['to'].replace(/^v/, '') }),
    })
    return { text: describeResult(result), json: toJson(result), exitCode: exitCodeOf(result) }
  },
}
