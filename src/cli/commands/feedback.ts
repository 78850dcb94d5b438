import { SheikhError } from '../../core/index.js'
import type { Arguments, Command, CommandResult, Terminal } from '../command.js'
import { listFeedback } from './feedback-list.js'
import { showStats } from './feedback-stats.js'

const actions: Readonly<Record<string, (input: Arguments, terminal: Terminal) => Promise<CommandResult>>> = {
  list: listFeedback,
  stats: showStats,
}

export const feedback: Command = {
  name: 'feedback',
  usage: 'list | stats',
  summary: 'Show what people said about the answers of "sheikh serve --feedback"',
  options: {
    store: { type: 'string' },
    limit: { type: 'string' },
  },
  optionHelp: {
    store: 'Folder with the feedback, as given to "sheikh serve --feedback"',
    limit: 'list: number of newest entries to show (default: all)',
  },
  actions: Object.keys(actions),
  examples: ['sheikh feedback stats --store feedback', 'sheikh feedback list --store feedback --limit 20'],
  positionals: [1, 1],
  async run(input, terminal) {
    const name = input.positionals[0]!
    if (Object.hasOwn(actions, name)) return actions[name]!(input, terminal)
    throw new SheikhError(
      'invalid-options',
      `Cannot run "sheikh feedback ${name}": the action must be ${Object.keys(actions).join(', ')}. See: sheikh feedback --help`,
    )
  },
}
