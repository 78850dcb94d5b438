import { type Json, SheikhError } from '../../core/index.js'
import { chooseForLabelling, labelStudioTasks } from '../../feedback/index.js'
import type { Repository } from '../../repository/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { contextOf, feedbackStoreOf } from '../feedback-store.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'

/** `sheikh feedback next`: the logged inputs that are most worth a label, as a task file of Label Studio. */
export async function chooseNext(input: Arguments, terminal: Terminal): Promise<CommandResult> {
  const { values } = input
  const store = feedbackStoreOf(input, terminal)
  const limit = values['limit'] === undefined ? undefined : Number(values['limit'])
  const measure = values['measure'] ?? 'margin'
  if (measure !== 'margin' && measure !== 'entropy')
    throw new SheikhError(
      'invalid-options',
      `Cannot use "--measure ${String(measure)}": the measure must be margin or entropy. See: sheikh feedback --help`,
    )
  if (typeof values['out'] !== 'string')
    throw new SheikhError('invalid-options', 'Cannot write the tasks: no file is named. Add --out tasks.json')
  const out = terminalPath(terminal, values['out'], '--out')
  const repository = await open(input.project, terminal)
  await using against = await modelOf(repository, values['against'])
  const { dataset } = await repository.load()
  const context = contextOf(terminal)
  const choices = await chooseForLabelling(store, { count: limit, measure, dataset, second: against?.predict, context })
  const { writeFileAtomic } = await import('../../store/index.js')
  await writeFileAtomic(out, `${JSON.stringify(labelStudioTasks(choices), null, 1)}\n`)
  const disagreements = choices.filter(({ disagreement }) => disagreement).length
  const chosen = choices.map(({ prediction, uncertainty, disagreement }) => ({
    ...{ prediction: prediction.id, disagreement },
    ...(uncertainty !== undefined && { uncertainty }),
  }))
  return {
    text: `Wrote ${choices.length} ${choices.length === 1 ? 'input' : 'inputs'} to label to ${values['out']}; releases answer ${disagreements} of them differently.`,
    json: toJson({ path: values['out'], disagreements, choices: chosen }),
  }
}

/** A second release that answers the same inputs. */
async function modelOf(repository: Repository, version: string | boolean | undefined) {
  if (typeof version !== 'string') return undefined
  const model = await repository.loadModel<Json>({ version })
  const reader = await repository.inputReader(model.release)
  return {
    predict: async (inputs: readonly Json[]) => model.predict(await reader.read(inputs)),
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  }
}
