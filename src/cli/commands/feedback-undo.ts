import { SheikhError } from '../../core/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { open } from '../project.js'

const facts = {
  edited: 'was edited',
  missing: 'is in no file',
  moved: 'was moved',
  pinned: 'is in the evaluation set',
} as const

/** `sheikh feedback undo <batch>`: takes the samples of a merged batch out by a commit. */
export async function undoFeedback(
  { project, positionals, values }: Arguments,
  terminal: Terminal,
): Promise<CommandResult> {
  const batch = positionals[1]
  if (batch === undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot undo a batch of feedback: no batch is named. Its name is that of its file in dataset/feedback.',
    )
  const repository = await open(project, terminal)
  const reason = typeof values['reason'] === 'string' ? values['reason'] : undefined
  const undone = await repository.undoFeedback(batch, { reason })
  const text = [
    `Removed ${undone.removed.length} ${undone.removed.length === 1 ? 'sample' : 'samples'} of the batch ${batch} in commit ${undone.commit.slice(0, 10)}.`,
    ...undone.kept.map(
      ({ id, reason: why, path }) => `Kept ${id}: it ${facts[why]}${path === undefined ? '' : ` (${path})`}.`,
    ),
  ]
  return { text: text.join('\n'), json: toJson(undone) }
}
