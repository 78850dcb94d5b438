import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { showPublishing } from '../progress.js'
import { describeResult, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const approve: Command = {
  name: 'approve',
  usage: '<run> --reason <why>',
  summary: 'Release the model of an inconclusive run',
  options: { reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    reason: 'Why you approve it; recorded in the ledger and in the release',
    by: 'Who decides (default: user.name and user.email of Git)',
  },
  examples: ['sheikh approve 01kdvdna005274r5p1r5 --reason "Read the 12 regressions; all are ambiguous"'],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showPublishing(pipeline, terminal, 'approve')
    const result = await pipeline.approve(positionals[0]!, {
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : '',
      by: await whoDecides(repository, values['by'], 'approve'),
    })
    return { text: describeResult(result), json: toJson(result), exitCode: exitCodeOf(result) }
  },
}
