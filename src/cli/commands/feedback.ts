import { SheikhError } from '../../core/index.js'
import type { Arguments, Command, CommandResult, Terminal } from '../command.js'
import { eraseEntries } from './feedback-erase.js'
import { feedbackFormats, importFeedback } from './feedback-import.js'
import { listFeedback } from './feedback-list.js'
import { chooseNext } from './feedback-next.js'
import { proposeFeedback } from './feedback-propose.js'
import { showStats } from './feedback-stats.js'
import { undoFeedback } from './feedback-undo.js'

const actions: Readonly<Record<string, (input: Arguments, terminal: Terminal) => Promise<CommandResult>>> = {
  list: listFeedback,
  stats: showStats,
  import: importFeedback,
  propose: proposeFeedback,
  undo: undoFeedback,
  next: chooseNext,
  erase: eraseEntries,
}

export const feedback: Command = {
  name: 'feedback',
  usage: 'list | stats | import <file> | propose | undo <batch> | next --out <file> | erase <answer>...',
  summary: 'Show what people said about the answers of "sheikh serve --feedback", and propose it as training data',
  options: {
    store: { type: 'string' },
    limit: { type: 'string' },
    format: { type: 'string' },
    confirmed: { type: 'boolean' },
    agreement: { type: 'string' },
    'per-source': { type: 'string' },
    share: { type: 'string' },
    trust: { type: 'string' },
    folder: { type: 'string' },
    'include-text': { type: 'boolean' },
    reason: { type: 'string' },
    out: { type: 'string' },
    measure: { type: 'string' },
    against: { type: 'string' },
    source: { type: 'string' },
    apply: { type: 'boolean' },
  },
  optionHelp: {
    store: 'Folder with the feedback, as given to "sheikh serve --feedback"',
    limit: 'list: number of newest entries to show (default: all); next: number of inputs (default: 50)',
    format: 'import: langfuse, phoenix or label-studio (default: recognised by content)',
    confirmed: 'propose: also make samples of answers that were confirmed and not corrected',
    agreement: 'propose: number of independent sources that must name a target (default: 1)',
    'per-source': 'propose: number of samples that a source may give alone (default: 50)',
    share: 'propose: share of the batch that a source may give alone, 0..1 (default: 0.5)',
    trust: 'propose: sources without these limits, as "list" prints them, separated by commas',
    folder: 'propose: folder below the samples; its first part is their category (default: feedback)',
    'include-text': 'propose: show the samples in the pull request',
    reason: 'undo: why the batch is undone; recorded in the commit',
    out: 'next: write the inputs to label to this file, as tasks for Label Studio',
    measure: 'next: margin or entropy of the probabilities (default: margin)',
    against: 'next: version of a second release; inputs that it answers differently come first',
    source: 'erase: sources whose feedback is erased, as "list" prints them, separated by commas',
    apply: 'erase: erase the entries that are listed without it',
  },
  actions: Object.keys(actions),
  choices: { measure: ['margin', 'entropy'], format: feedbackFormats },
  examples: [
    'sheikh feedback stats --store feedback',
    'sheikh feedback propose --store feedback',
    'sheikh feedback erase 01m8kfa7ts2rjb6h5qgx --store feedback --apply',
  ],
  positionals: [1, 1001],
  async run(input, terminal) {
    const name = input.positionals[0]!
    const most = { undo: 2, import: 2, erase: Number.POSITIVE_INFINITY }[name] ?? 1
    if (input.positionals.length > most)
      throw new SheikhError(
        'invalid-options',
        `Cannot run "sheikh feedback ${input.positionals.slice(0, most + 1).join(' ')}": import and undo take one argument, erase takes ids, and the others none. See: sheikh feedback --help`,
      )
    if (Object.hasOwn(actions, name)) return actions[name]!(input, terminal)
    throw new SheikhError(
      'invalid-options',
      `Cannot run "sheikh feedback ${name}": the action must be ${Object.keys(actions).join(', ')}. See: sheikh feedback --help`,
    )
  },
}
