import { SheikhError } from '../../core/index.js'
import type { Repository } from '../../repository/index.js'
import { type Arguments, type Command, type CommandResult, toJson } from '../command.js'
import { numberOption } from '../number-option.js'
import { open } from '../project.js'
import { label } from './label.js'

export const evaluation: Command = {
  name: 'evaluation',
  usage: 'pin | add <id>… | status | repin --reason <text> | label --pool <file>',
  summary: 'Manage the evaluation set: the pinned items that every model is evaluated on',
  options: {
    share: { type: 'string' },
    salt: { type: 'string' },
    reason: { type: 'string' },
    by: { type: 'string' },
    pool: { type: 'string' },
    run: { type: 'string' },
    questions: { type: 'string' },
    answers: { type: 'string' },
  },
  optionHelp: {
    share: 'pin: share of items or groups to pin, 0..1 (default: 0.2)',
    salt: "pin: seed of the selection (default: the project's name)",
    reason: 'repin: why you accept the current content of the pinned items; recorded in the file',
    by: 'repin: who decides (default: user.name and user.email of Git)',
    pool: 'label: JSON Lines file of held-out samples without targets; you label only items that the two models answer differently',
    run: 'label: the run whose model is judged (default: the newest run that is held or awaits approval)',
    questions: 'label: write the items to label to this file, as JSON Lines, and stop',
    answers: 'label: JSON Lines file of {"id", "target"}; read first, and extended as you answer prompts',
  },
  actions: ['pin', 'add', 'status', 'repin', 'label'],
  examples: [
    'sheikh evaluation pin --share 0.2',
    'sheikh evaluation label --pool inputs.jsonl --answers answers.jsonl',
  ],
  positionals: [1, 1000],
  async run(input, terminal) {
    const { project, positionals, values } = input
    if (positionals[0] === 'label') return label(input, terminal)
    const repository = await open(project, terminal)
    const [action, ...ids] = positionals
    if (action === 'pin') return pin(repository, values)
    if (action === 'add') return add(repository, ids)
    if (action === 'status') return status(repository)
    if (action === 'repin') return repin(repository, values)
    throw new SheikhError(
      'invalid-options',
      `Cannot run "sheikh evaluation ${action}": the action must be pin, add, status, repin or label. See: sheikh evaluation --help`,
    )
  },
}

async function pin(repository: Repository, values: Arguments['values']): Promise<CommandResult> {
  const share = numberOption(values, 'share', 'evaluation')
  const { path, set, warnings } = await repository.pinEvaluation({
    ...(share !== undefined && { share }),
    ...(typeof values['salt'] === 'string' && { salt: values['salt'] }),
  })
  const text = [
    `Pinned ${set.items.length} items in ${path}. Commit the file. Every model is then evaluated on these items.`,
    ...warnings,
  ]
  return { text: text.join('\n'), json: toJson({ path, items: set.items.length, warnings }) }
}

async function add(repository: Repository, ids: readonly string[]): Promise<CommandResult> {
  if (ids.length === 0)
    throw new SheikhError(
      'invalid-options',
      'Cannot add to the evaluation set: no id was given. See: sheikh evaluation --help',
    )
  const { path, set } = await repository.addToEvaluation(ids)
  return {
    text: `Added ${ids.length} items: ${set.items.length} are now pinned in ${path}. Commit the file. Warning: earlier releases may have been trained on the added items, so comparisons with them are biased until the next release.`,
    json: toJson({ path, items: set.items.length }),
  }
}

async function repin(repository: Repository, { reason, by }: Arguments['values']): Promise<CommandResult> {
  if (typeof reason !== 'string')
    throw new SheikhError(
      'invalid-options',
      'Cannot repin the evaluation set: no reason was given. Explain why the content changed: --reason "…"',
    )
  const pinned = await repository.repinEvaluation({ reason, ...(typeof by === 'string' && { by }) })
  const { changed, removed } = pinned.repin
  const text = [
    `Repinned ${pinned.set.items.length} items in ${pinned.path}: ${changed} with new content or a new group, ${removed.length} dropped. Commit the file.`,
    ...(removed.length === 0 ? [] : [`Dropped because no sample has these ids: ${removed.join(', ')}.`]),
    ...pinned.warnings,
  ]
  return {
    text: text.join('\n'),
    json: toJson({ path: pinned.path, items: pinned.set.items.length, repin: pinned.repin, warnings: pinned.warnings }),
  }
}

async function status(repository: Repository): Promise<CommandResult> {
  const found = await repository.evaluationStatus()
  const text = [
    `${found.pinned} items pinned, ${found.training} for training, ${found.excludedByGroup} excluded because their group is pinned.`,
    found.changed.length === 0
      ? 'No pinned item was edited or deleted.'
      : `Edited or deleted pinned items: ${found.changed.join(', ')}.`,
    ...found.repins.map(
      ({ atMs, by, reason, changed, removed }) =>
        `Repinned on ${new Date(atMs).toISOString().slice(0, 10)} by ${by}: ${changed} changed, ${removed.length} dropped. Reason: ${reason}`,
    ),
    ...found.warnings,
  ]
  return { text: text.join('\n'), json: toJson(found), exitCode: found.changed.length === 0 ? 0 : 1 }
}
