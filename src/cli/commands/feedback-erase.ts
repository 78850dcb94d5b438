import { SheikhError } from '../../core/index.js'
import { type ErasePlan, eraseFeedback, planErase } from '../../feedback/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { contextOf, feedbackStoreOf } from '../feedback-store.js'

/** `sheikh feedback erase`: lists what a person's request covers, and erases it with `--apply`. */
export async function eraseEntries(input: Arguments, terminal: Terminal): Promise<CommandResult> {
  const [, ...predictions] = input.positionals
  const { source, apply } = input.values
  const sources = typeof source === 'string' ? source.split(',').filter((name) => name !== '') : []
  if (predictions.length + sources.length === 0)
    throw new SheikhError(
      'invalid-options',
      'Cannot erase feedback: nothing is named. Name answers by their ids, or sources with --source. "sheikh feedback list" shows both.',
    )
  const store = feedbackStoreOf(input, terminal)
  const context = contextOf(terminal)
  const isApplied = apply === true
  const plan = await (isApplied ? eraseFeedback : planErase)(store, { predictions, sources }, context)
  return { text: textOf(plan, isApplied), json: toJson({ applied: isApplied, ...plan }) }
}

function textOf({ entries, unknown }: ErasePlan, isApplied: boolean): string {
  const lines = [
    ...entries.map(({ id, kind }) => `${isApplied ? 'erased' : 'would erase'}  ${kind.padEnd(10)}  ${id}`),
    ...unknown.map((name) => `The store has nothing of ${JSON.stringify(name)}.`),
  ]
  if (entries.length === 0) return lines.join('\n')
  return [
    ...lines,
    isApplied
      ? 'Samples that were made of it stay in the dataset. See: sheikh feedback undo, sheikh forget'
      : 'Nothing was erased. To erase these entries, add --apply.',
  ].join('\n')
}
