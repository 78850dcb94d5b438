import { SheikhError } from '../../core/index.js'
import type { Repository } from '../../repository/index.js'
import { type Answer, type Arguments, type Command, toJson } from '../command.js'
import { open } from '../project.js'

export const evaluation: Command = {
  name: 'evaluation',
  usage: 'pin | add <id>… | status',
  summary: 'the pinned items that every model is judged on',
  options: { share: { type: 'string' }, salt: { type: 'string' } },
  optionHelp: {
    share: 'pin: the share of items or groups, 0..1 (default: 0.2)',
    salt: "pin: decides which (default: the project's name)",
  },
  positionals: [1, 1000],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const [action, ...ids] = positionals
    if (action === 'pin') return pin(repository, values)
    if (action === 'add') return add(repository, ids)
    if (action === 'status') return status(repository)
    throw new SheikhError(
      'invalid-options',
      `Cannot do "evaluation ${action}": it takes pin, add or status. See: sheikh evaluation --help`,
    )
  },
}

async function pin(repository: Repository, values: Arguments['values']): Promise<Answer> {
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

async function add(repository: Repository, ids: readonly string[]): Promise<Answer> {
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

async function status(repository: Repository): Promise<Answer> {
  const found = await repository.evaluationStatus()
  const text = [
    `${found.pinned} items pinned, ${found.setAside} set aside, ${found.training} to train on.`,
    found.changed.length === 0 ? 'None was edited or deleted.' : `Edited or deleted: ${found.changed.join(', ')}.`,
    ...found.warnings,
  ]
  return { text: text.join('\n'), json: toJson(found), exitCode: found.changed.length === 0 ? 0 : 1 }
}
