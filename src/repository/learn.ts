import { posix } from 'node:path'
import { parseDocument } from 'yaml'
import { type CallContext, digestBytes, hexOf, isSheikhError, messageOf } from '../core/index.js'
import type { DriftReport } from '../drift/index.js'
import type { LeftOutFeedback } from '../feedback/index.js'
import type { Pipeline } from '../pipeline/index.js'
import type { Release } from '../releaser/index.js'
import type { Composition } from './compose.js'
import { type LearnAction, learnActions } from './config/index.js'
import { projectDrift } from './drift.js'
import type { FeedbackProposal } from './feedback/index.js'
import { trainingFile } from './layout.js'
import { feedbackAt } from './look-for-drift.js'
import type { ProjectPlace } from './project-pipeline.js'
import { type Proposed, propose } from './propose.js'

/** What became of one action of `stages.continuous_learn`. */
export interface LearnStep {
  readonly action: LearnAction
  /** `nothing-new`: an earlier call did it, or there is nothing to do. `skipped`: it cannot be done, as `detail` says. */
  readonly status: 'done' | 'nothing-new' | 'skipped'
  /** One sentence for a person. */
  readonly detail: string
  /** The branch or pull request that waits for a person. */
  readonly proposed?: Proposed | undefined
}

/** What followed a run of continuous learning. Plain JSON. */
export interface LearnResult {
  readonly status: 'done' | 'nothing-new'
  readonly steps: readonly LearnStep[]
  /** Drift of the current release, if `prepare_next_iteration` looked for it. */
  readonly drift?: DriftReport | undefined
}

export interface LearnParts {
  readonly place: ProjectPlace
  readonly composition: Composition
  readonly pipeline: Pipeline<unknown, unknown>
  readonly proposeFeedback: (folder: string) => Promise<FeedbackProposal>
  /** Recorded with the archived release. */
  readonly by: string
}

interface Releases {
  readonly current?: Release | undefined
  readonly previous?: Release | undefined
}

/**
 * Does what `stages.continuous_learn.actions` lists, for the release that the channel points at. Each action looks at the registry, the
 * commit of HEAD and the branches at the remote first, so that a call after a crash completes the rest, and one more call does nothing.
 */
export async function learn(parts: LearnParts, context: CallContext): Promise<LearnResult> {
  const { composition } = parts
  const { actions } = composition.configuration.learning
  const releases = await releasesOf(composition, context)
  const steps: LearnStep[] = []
  let drift: DriftReport | undefined
  for (const action of learnActions.filter((one) => actions.includes(one))) {
    context.signal.throwIfAborted()
    if (action === 'archive_previous_version') steps.push(await archive(parts, releases, context))
    else if (action === 'update_base_model') steps.push(await updateBase(parts, releases, context))
    else {
      const prepared = await prepare(parts, context)
      steps.push(prepared.step)
      drift = prepared.drift
    }
  }
  const status = steps.some((step) => step.status === 'done') ? 'done' : 'nothing-new'
  return { status, steps, ...(drift !== undefined && { drift }) }
}

/** The release that the channel points at, and the one that it replaced. */
async function releasesOf({ configuration, releaser }: Composition, context: CallContext): Promise<Releases> {
  const registry = await releaser()
  const current = await registry.current(configuration.release.channel ?? 'latest', context)
  if (current === undefined) return {}
  let isOlder = false
  for await (const release of registry.history(context)) {
    const { version, bundle, withdrawn, removedAtMs, postPublish } = release
    const isUsable = withdrawn === undefined && removedAtMs === undefined && postPublish.channel !== undefined
    if (isOlder && isUsable && bundle !== current.bundle) return { current, previous: release }
    if (version === current.version) isOlder = true
  }
  return { current }
}

/**
 * The name of the channel that keeps a version: names of channels have no dots. Other versions, such as 1.0.0-rc.1 and
 * 1.0.0-rc-1, would have the same name, so a part of their digest follows.
 */
export function archiveChannel(version: string): string {
  const name = `archive-${version.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`
  if (/^\d+\.\d+\.\d+$/.test(version) && name.length <= 64) return name
  return `${name.slice(0, 51)}-${hexOf(digestBytes(version)).slice(0, 12)}`
}

/** Points a channel of its own at the previous release: `sheikh gc` keeps its files, and it can be served by that name. */
async function archive(
  { composition, pipeline, by }: LearnParts,
  { previous }: Releases,
  context: CallContext,
): Promise<LearnStep> {
  const action = 'archive_previous_version'
  if (previous === undefined) return { action, status: 'nothing-new', detail: 'There is no previous release.' }
  const { version } = previous
  const channel = archiveChannel(version)
  const channels = await (await composition.releaser()).channels(context)
  if (channels[channel] === version)
    return { action, status: 'nothing-new', detail: `The channel "${channel}" keeps ${version} already.` }
  await pipeline.promote(version, { to: channel, by, signal: context.signal })
  return { action, status: 'done', detail: `The channel "${channel}" keeps ${version}.` }
}

/** Proposes that the next training starts from the current release. */
async function updateBase(
  { place, composition }: LearnParts,
  { current }: Releases,
  context: CallContext,
): Promise<LearnStep> {
  const action = 'update_base_model'
  if (current === undefined) return { action, status: 'nothing-new', detail: 'There is no release yet.' }
  const { git, prefix, surroundings } = place
  const { configuration } = composition
  const { version, bundle } = current
  const trainer = await composition.trainer()
  if (trainer.warmStart !== true)
    return { action, status: 'skipped', detail: `The trainer "${trainer.name}" cannot start from a release.` }
  const path = posix.join(prefix, trainingFile)
  const head = await git.head()
  const file = head === undefined ? undefined : (await git.tree(head.oid, [path])).get(path)
  const before = file === undefined ? '' : Buffer.from(await git.readBlob(file.oid)).toString()
  const document = parseDocument(before)
  const base = ['training', 'warm_start']
  if (document.getIn([...base, 'version']) === version && document.getIn([...base, 'digest']) === bundle)
    return { action, status: 'nothing-new', detail: `The training starts from ${version} already.` }
  document.setIn([...base, 'version'], version)
  document.setIn([...base, 'digest'], bundle)
  const project = prefix === '' ? '' : `${prefix.replaceAll(/[^\w-]+/g, '-')}-`
  // The next change of data is trained from the new base. This change alone would train the same data again.
  const title = `Start the training from ${version} [skip train]`
  const body = [
    `The next run that trains starts from the weights of ${version} (${bundle}) instead of from scratch or from an earlier base.`,
    'With "[skip train]" in the message of the merge, the merge itself starts no run.',
    'Close this proposal to keep the base as it is.',
  ].join('\n\n')
  const proposed = await propose(
    { git, surroundings, configuration },
    {
      branch: `sheikh/base-${project}${version}`,
      files: new Map([[path, document.toString({ lineWidth: 0 })]]),
      title,
      body,
      once: true,
    },
    context,
  )
  const detail = `${proposed.status === 'known' ? 'Waits for a review' : 'Proposed'}: start from ${version}, ${placeText(proposed)}.`
  return { action, status: proposed.status === 'proposed' ? 'done' : 'nothing-new', detail, proposed }
}

/** Proposes the samples that people's feedback makes, and looks for drift since the release. */
async function prepare(
  { place, composition, proposeFeedback }: LearnParts,
  context: CallContext,
): Promise<{ readonly step: LearnStep; readonly drift?: DriftReport | undefined }> {
  const action = 'prepare_next_iteration'
  const folder = composition.configuration.learning.feedback
  if (folder === undefined) {
    const detail =
      'Nothing says where the feedback is. Set stages.continuous_learn.feedback in mlops/pipeline.yaml to the folder of "sheikh serve --feedback".'
    return { step: { action, status: 'skipped', detail } }
  }
  const { drift, problem } = await driftOf(place, composition, folder, context)
  const looked = problem === undefined ? '' : ` Drift is not known: ${problem}`
  const { status, batch, proposed, waiting } = await proposeFeedback(folder)
  const left = leftOutText(batch.leftOut)
  const queue = waiting.length === 0 ? '' : ` ${waiting.length} earlier proposals wait for a review.`
  if (status === 'nothing-new' || proposed === undefined) {
    const detail = `No feedback makes a new sample.${left}${queue}${looked}`
    return { step: { action, status: 'nothing-new', detail }, drift }
  }
  const { length } = batch.samples
  const detail = `Proposed ${length === 1 ? '1 sample' : `${length} samples`} of feedback, ${placeText(proposed)}.${left}${queue}${looked}`
  return { step: { action, status: 'done', detail, proposed }, drift }
}

function leftOutText(leftOut: readonly LeftOutFeedback[]): string {
  const counts = new Map<string, number>()
  for (const { reason } of leftOut) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return counts.size === 0
    ? ''
    : ` Left out: ${[...counts].map(([reason, number]) => `${reason} ${number}`).join(', ')}.`
}

/** For information: without it, samples are proposed all the same. Without a release there is nothing to compare. */
async function driftOf(
  place: ProjectPlace,
  composition: Composition,
  folder: string,
  context: CallContext,
): Promise<{ readonly drift?: DriftReport; readonly problem?: string }> {
  const { git, prefix, surroundings } = place
  const project = { git, root: surroundings.root, prefix, composition }
  try {
    return { drift: await projectDrift(project, { feedback: feedbackAt(surroundings, folder) }, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    if (isSheikhError(error, 'not-found') || isSheikhError(error, 'repository-invalid')) return {}
    const problem = messageOf(error)
    context.log.warn(`Cannot look for drift: ${problem}`)
    return { problem }
  }
}

const placeText = ({ branch, remote, pullRequest, problem }: Proposed) =>
  pullRequest ??
  `branch ${branch}${remote === undefined ? ' in this clone' : ` at ${remote}`}${problem === undefined ? '' : ` (no pull request: ${problem})`}`
