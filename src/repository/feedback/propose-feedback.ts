import { posix } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import {
  type FeedbackBatch,
  type FeedbackStore,
  formatBatchRecord,
  formatSamples,
  type ToSamplesOptions,
  toSamples,
} from '../../feedback/index.js'
import { type Composition, ledgerOptions } from '../compose.js'
import { type Author, type Git, proposedBranches } from '../git/index.js'
import { promptsPath } from '../layout.js'
import { type Proposed, propose } from '../propose.js'
import { type Surroundings, secretsOf } from '../release-targets.js'
import { branchPrefix, recordPath, recordsAt, samplesFile } from './batch-files.js'
import { proposalText } from './proposal-text.js'

export interface ProposeFeedbackOptions
  extends Omit<ToSamplesOptions, 'dataset' | 'fields' | 'known' | 'secrets' | 'context'> {
  /** Below the folder of the samples. Its first part is the category of the samples. @default 'feedback' */
  readonly folder?: string | undefined
  /** Whether the pull request shows the samples. @default false: it names ids, sources and labels */
  readonly includeText?: boolean | undefined
  /** @default the identity that Git knows */
  readonly author?: Author | undefined
}

/** What became of the feedback. */
export interface FeedbackProposal {
  /** `nothing-new`: no feedback makes a sample that is not yet in the project or waits for a review. */
  readonly status: 'proposed' | 'nothing-new'
  readonly batch: FeedbackBatch
  /** The branch of the batch. Absent with `nothing-new`. */
  readonly proposed?: Proposed | undefined
  /** Batches that were proposed earlier and wait for a review. */
  readonly waiting: readonly Proposed[]
}

export interface FeedbackProject {
  readonly git: Git
  readonly surroundings: Surroundings
  readonly composition: Composition
}

/**
 * Makes samples of the feedback that no batch used yet, and proposes them on a branch of their own. First completes what an earlier
 * call left undone: a batch whose pull request was not opened.
 */
export async function proposeFeedback(
  project: FeedbackProject,
  store: FeedbackStore,
  { folder = 'feedback', includeText = false, author, ...options }: ProposeFeedbackOptions,
  context: CallContext,
): Promise<FeedbackProposal> {
  const { git, surroundings, composition } = project
  const { configuration, dataset } = composition
  const place = { git, surroundings, configuration }
  refuseOwnSource(composition)
  samplesFile('batch', folder, configuration)
  const head = await git.head()
  const merged = head === undefined ? [] : await recordsAt(git, head.oid, surroundings.project)
  const { onAuth, environment } = ledgerOptions(surroundings, configuration)
  const branches = await proposedBranches(git, { prefix: branchPrefix, onAuth, environment }, context)
  const known = new Set(merged.flatMap(feedbackOf))
  const waiting: Proposed[] = []
  for (const [branch, tip] of branches) {
    context.signal.throwIfAborted()
    const records = (await recordsAt(git, tip, surroundings.project)).filter(
      ({ batch }) => !merged.some((one) => one.batch === batch),
    )
    for (const id of records.flatMap(feedbackOf)) known.add(id)
    const record = records.find(({ batch }) => branch === branchPrefix + batch)
    if (record !== undefined)
      waiting.push(await reopen({ branch, tip, head: head?.oid, path: recordPath(record.batch) }))
  }

  const { id: idField, input, target } = configuration.dataset.projection
  const fields = { id: idField, input: input.startsWith(`${promptsPath}/`) ? undefined : input, target }
  const secrets = secretsOf(surroundings.environment)
  const batch = await toSamples(store, { ...options, dataset, fields, known, secrets, context })
  if (batch.samples.length === 0) return { status: 'nothing-new', batch, waiting }

  const path = samplesFile(batch.id, folder, configuration)
  const branch = branchPrefix + batch.id
  const base = head?.branch ?? 'main'
  const origins = batch.samples.map(({ origin }) => origin)
  const record = formatBatchRecord({ formatVersion: 1, batch: batch.id, path, samples: origins })
  const files = new Map([
    [below(path), formatSamples(batch.samples.map(({ sample }) => sample))],
    [below(recordPath(batch.id)), record],
  ])
  const text = proposalText(batch, { path, branch, base, includeText })
  return {
    status: 'proposed',
    batch,
    proposed: await propose(place, { branch, files, author, once: true, ...text }, context),
    waiting,
  }

  function below(file: string): string {
    return posix.join(surroundings.project, file)
  }

  /** Opens the pull request of a branch that has none. Its text is in the commit that began the branch. */
  async function reopen(
    found: Readonly<Record<'branch' | 'tip' | 'path', string> & { head: string | undefined }>,
  ): Promise<Proposed> {
    const record = (await git.tree(found.tip, [below(found.path)])).get(below(found.path))!
    const files = new Map([[record.path, await git.readBlob(record.oid)]])
    const commits = await git.history({ to: found.tip, from: found.head, paths: [record.path] }, context)
    const [title = '', ...body] = (commits.at(-1)?.message ?? '').trim().split('\n')
    const text = { title, body: body.join('\n').trim() }
    return propose(place, { branch: found.branch, files, author, once: true, ...text }, context)
  }
}

const feedbackOf = ({ samples }: { readonly samples: readonly { readonly feedback: readonly string[] }[] }) =>
  samples.flatMap(({ feedback }) => feedback)

/** @throws `invalid-config` for a project whose samples are in no file of the repository. */
function refuseOwnSource({ source, pipeline, configuration }: Composition): void {
  const { hub } = configuration.dataset
  if (source === undefined && pipeline === undefined && hub !== undefined)
    throw new SheikhError(
      'invalid-config',
      `Cannot write samples of feedback: the samples of this project are the dataset ${hub.repository} of the Hub, so that no run would read a file of samples here. Call toSamples of sheikh-freemium/feedback, add the samples to the dataset, and pin its new commit: sheikh data pin`,
      { facts: { file: 'dataset/config.yaml' } },
    )
  if (source === undefined && pipeline === undefined) return
  throw new SheikhError(
    'invalid-config',
    'Cannot write samples of feedback: the samples of this project come from code in sheikh.config, not from files. Call toSamples of sheikh-freemium/feedback, and write the samples where that code reads them.',
  )
}
