import { SheikhError } from '../../core/index.js'
import type { Repository } from '../../repository/index.js'
import { type Arguments, type Command, type CommandResult, toJson } from '../command.js'
import { open } from '../project.js'
import { label } from './label.js'

export const evaluation: Command = {
  name: 'evaluation',
  usage: 'pin | add <id>… | status | repin --reason <text> | label --pool <file>',
  summary: 'the pinned items that every model is judged on',
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
    share: 'pin: the share of items or groups, 0..1 (default: 0.2)',
    salt: "pin: decides which (default: the project's name)",
    reason: 'repin: why the present content of the pinned items is accepted; kept in the file',
    by: "repin: who decides (default: Git's author)",
    pool: 'label: JSONL of held-out samples without a target; only those that the two models answer differently are asked',
    run: 'label: whose model is judged (default: the newest run that awaits approval or is held)',
    questions: 'label: write what is to be labelled to this file, as JSONL, and stop',
    answers: 'label: {"id", "target"} lines; read first, and added to where a person is asked',
  },
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
      `Cannot do "evaluation ${action}": it takes pin, add, status, repin or label. See: sheikh evaluation --help`,
    )
  },
}

async function pin(repository: Repository, values: Arguments['values']): Promise<CommandResult> {
  const share = values['share'] === undefined ? undefined : Number(values['share'])
  const { path, set, warnings } = await repository.pinEvaluation({
    ...(share !== undefined && { share }),
    ...(typeof values['salt'] === 'string' && { salt: values['salt'] }),
  })
  const text = [
    `Pinned ${set.items.length} items in ${path}. Commit it: from then on every model is judged on them.`,
    ...warnings,
  ]
  return { text: text.join('\n'), json: toJson({ path, items: set.items.length, warnings }) }
}

async function add(repository: Repository, ids: readonly string[]): Promise<CommandResult> {
  if (ids.length === 0)
    throw new SheikhError(
      'invalid-options',
      'Cannot add to the evaluation set: no id was named. See: sheikh evaluation --help',
    )
  const { path, set } = await repository.addToEvaluation(ids)
  return {
    text: `Added ${ids.length}: ${set.items.length} items are pinned in ${path}. Releases that were trained on them know them already: compare with care until the next one. Commit it.`,
    json: toJson({ path, items: set.items.length }),
  }
}

async function repin(repository: Repository, { reason, by }: Arguments['values']): Promise<CommandResult> {
  if (typeof reason !== 'string')
    throw new SheikhError(
      'invalid-options',
      'Cannot repin the evaluation set: no reason was given. Say why the content may change: --reason "…"',
    )
  const pinned = await repository.repinEvaluation({ reason, ...(typeof by === 'string' && { by }) })
  const { changed, removed } = pinned.repin
  const text = [
    `Repinned ${pinned.set.items.length} items in ${pinned.path}: ${changed} with other content or another group, ${removed.length} dropped. Commit it.`,
    ...(removed.length === 0 ? [] : [`Dropped, because no sample has the id: ${removed.join(', ')}.`]),
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
    `${found.pinned} items pinned, ${found.excludedByGroup} set aside, ${found.training} to train on.`,
    found.changed.length === 0 ? 'None was edited or deleted.' : `Edited or deleted: ${found.changed.join(', ')}.`,
    ...found.repins.map(
      ({ atMs, by, reason, changed, removed }) =>
        `Repinned on ${new Date(atMs).toISOString().slice(0, 10)} by ${by}: ${changed} changed, ${removed.length} dropped. Reason: ${reason}`,
    ),
    ...found.warnings,
  ]
  return { text: text.join('\n'), json: toJson(found), exitCode: found.changed.length === 0 ? 0 : 1 }
}
