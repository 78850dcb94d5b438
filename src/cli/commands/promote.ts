import { SheikhError } from '../../core/index.js'
import { type Command, toJson } from '../command.js'
import { showWork } from '../progress.js'
import { open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const promote: Command = {
  name: 'promote',
  usage: '<version> --to <channel>',
  summary: 'Point a channel, such as production, at a release',
  options: { to: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    to: 'Name of the channel',
    by: 'Who decides; recorded in the ledger (default: user.name and user.email of Git)',
  },
  examples: ['sheikh promote 1.2.0 --to production'],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    if (typeof values['to'] !== 'string')
      throw new SheikhError(
        'invalid-options',
        `Cannot promote ${positionals[0]}: no channel is given. Add --to <channel>, such as --to production.`,
      )
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showWork(terminal, 'promote')
    const promoted = await pipeline.promote(positionals[0]!.replace(/^v/, ''), {
      signal: terminal.signal,
      to: values['to'],
      by: await whoDecides(repository, values['by'], 'promote'),
    })
    return { text: `The channel "${promoted.channel}" points at ${promoted.release.version}.`, json: toJson(promoted) }
  },
}
