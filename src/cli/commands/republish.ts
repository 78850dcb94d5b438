import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { showPublishing } from '../progress.js'
import { describeResult, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const republish: Command = {
  name: 'republish',
  usage: '<version> --reason <why>',
  summary: 'Publish a release again as a new version, to reach a new registry or to sign it again',
  options: { reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    reason: 'Why you publish it again; recorded in the release',
    by: 'Who decides (default: user.name and user.email of Git)',
  },
  examples: ['sheikh republish 1.2.0 --reason "Added the Hub as a registry"'],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showPublishing(pipeline, terminal, 'republish')
    const result = await pipeline.republish(positionals[0]!.replace(/^v/, ''), {
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : '',
      by: await whoDecides(repository, values['by'], 'republish'),
    })
    return { text: describeResult(result), json: toJson(result), exitCode: exitCodeOf(result) }
  },
}
