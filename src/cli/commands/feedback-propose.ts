import type { Json } from '../../core/index.js'
import type { LeftOutFeedback } from '../../feedback/index.js'
import type { FeedbackProposal } from '../../repository/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { feedbackStoreOf } from '../feedback-store.js'
import { numberOption } from '../number-option.js'
import { open } from '../project.js'

/** `sheikh feedback propose`: feedback as a branch with samples, for a person to review. */
export async function proposeFeedback(input: Arguments, terminal: Terminal): Promise<CommandResult> {
  const { values } = input
  const store = feedbackStoreOf(input, terminal)
  const includeText = values['include-text'] === true
  const repository = await open(input.project, terminal)
  const trusted =
    typeof values['trust'] === 'string' ? values['trust'].split(',').map((source) => source.trim()) : undefined
  const found = await repository.proposeFeedback(store, {
    includeText,
    trusted,
    confirmed: values['confirmed'] === true,
    agreement: numberOption(values, 'agreement', 'feedback'),
    maximumPerSource: numberOption(values, 'per-source', 'feedback'),
    maximumShare: numberOption(values, 'share', 'feedback'),
    ...(typeof values['folder'] === 'string' && { folder: values['folder'] }),
  })
  return { text: textOf(found), json: jsonOf(found, includeText) }
}

function textOf({ status, batch, proposed, waiting }: FeedbackProposal): string {
  const lines = waiting.map((one) => `Waits for a review: ${placeOf(one)}`)
  if (status === 'nothing-new' || proposed === undefined)
    return [...lines, 'Nothing new: no feedback makes a new sample.', ...reasons(batch.leftOut)].join('\n')
  const { samples, labelChanges } = batch
  return [
    ...lines,
    `Proposed ${samples.length} ${samples.length === 1 ? 'sample' : 'samples'}: ${placeOf(proposed)}`,
    ...labelChanges.map(({ from, to, samples: number }) => `  ${from} → ${to}: ${number}`),
    ...reasons(batch.leftOut),
    `Measure the effect before you merge: git switch ${proposed.branch} && npx sheikh review <base> --train`,
  ].join('\n')
}

const placeOf = ({ branch, remote, pullRequest, problem }: NonNullable<FeedbackProposal['proposed']>) =>
  `${pullRequest ?? `branch ${branch}${remote === undefined ? '' : ` at ${remote}`}`}${problem === undefined ? '' : ` (no pull request: ${problem})`}`

function reasons(leftOut: readonly LeftOutFeedback[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { reason } of leftOut) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return counts.size === 0
    ? []
    : [`Left out: ${[...counts].map(([reason, number]) => `${reason} ${number}`).join(', ')}`]
}

/** Samples are text of people. */
function jsonOf({ batch, ...found }: FeedbackProposal, includeText: boolean): Json {
  const samples = batch.samples.map(({ sample, origin }) => (includeText ? { sample, origin } : { origin }))
  return toJson({ ...found, batch: { ...batch, samples } })
}
