import { join } from 'node:path'
import { type CallContext, SheikhError } from '../core/index.js'
import {
  absentGroup,
  addToPinnedSet,
  formatPinnedSet,
  type PinnedFields,
  type PinnedSet,
  pinnedFile,
  pinnedStatus,
  proposePinnedSet,
  type Repin,
  repinSet,
} from '../dataset/index.js'
import { minimumItemsForMargin } from '../statistics/index.js'
import { writeFileAtomic } from '../store/index.js'
import type { Composition } from './compose.js'
import { evaluationPath, promptsPath } from './layout.js'

/** A project whose evaluation set is read and written. */
export interface EvaluationProject {
  readonly root: string
  readonly context: CallContext
  compose(): Promise<Composition>
}

export interface Pinned {
  readonly path: string
  readonly set: PinnedSet
  readonly warnings: readonly string[]
}

export interface EvaluationStatus {
  readonly pinned: number
  readonly excludedByGroup: number
  readonly training: number
  /** Ids of pinned items that were edited or deleted. */
  readonly changed: readonly string[]
  readonly edited: readonly string[]
  readonly deleted: readonly string[]
  /** Why people accepted other content than they had pinned, oldest first. */
  readonly repins: readonly Repin[]
  readonly warnings: readonly string[]
}

/** The pinned evaluation set. @throws `not-found` where none is pinned. */
export async function readEvaluationSet({ root, context }: EvaluationProject): Promise<PinnedSet> {
  const set = await pinnedFile(join(root, evaluationPath)).read(context)
  if (set !== undefined) return set
  throw new SheikhError(
    'not-found',
    `Cannot read the evaluation set: "${evaluationPath}" does not exist. Create it with: sheikh evaluation pin`,
  )
}

/**
 * Proposes an evaluation set by hash and writes it; a person commits it.
 *
 * @throws `release-conflict` where one is pinned already: items are added to it, never chosen anew.
 */
export async function pinEvaluation(
  project: EvaluationProject,
  { share = 0.2, salt }: { readonly share?: number; readonly salt?: string },
): Promise<Pinned> {
  const { root, context } = project
  if ((await pinnedFile(join(root, evaluationPath)).read(context)) !== undefined)
    throw new SheikhError(
      'release-conflict',
      `Cannot pin an evaluation set: "${evaluationPath}" already contains one, and a new set would make past releases incomparable. Add items with sheikh evaluation add <id>, or delete the file to start over.`,
    )
  const composition = await project.compose()
  const identities = await composition.dataset.identities(context)
  const set = proposePinnedSet(identities, {
    salt: salt ?? composition.configuration.pipeline.name,
    share,
    fields: fieldsOf(composition),
  })
  if (set.items.length === 0 || set.items.length === identities.length)
    throw new SheikhError(
      'invalid-options',
      `Cannot pin an evaluation set: a share of ${share} selects ${set.items.length === 0 ? 'none' : 'all'} of the ${identities.length} rows. Choose another share, or add samples.`,
    )
  const pinned = await write(root, composition, set)
  const { group } = composition.configuration.dataset.projection
  if (group !== undefined && identities.every((row) => row.group === undefined))
    return { ...pinned, warnings: [...pinned.warnings, absentGroup(group)] }
  const groups = await composition.dataset.undeclaredGroups(context)
  return { ...pinned, warnings: [...pinned.warnings, ...groups.map(({ message }) => message)] }
}

export async function addToEvaluation(project: EvaluationProject, ids: readonly string[]): Promise<Pinned> {
  const { root, context } = project
  const composition = await project.compose()
  const set = addToPinnedSet(await readEvaluationSet(project), ids, await composition.dataset.identities(context))
  return write(root, composition, set)
}

/** How the pinned set stands against the samples as they are now. */
export async function evaluationStatus(project: EvaluationProject): Promise<EvaluationStatus> {
  const { context } = project
  const composition = await project.compose()
  const set = await readEvaluationSet(project)
  const identities = await composition.dataset.identities(context)
  const { pinned, excludedByGroup, training, edited, deleted } = pinnedStatus(set, identities)
  return {
    ...{ pinned, excludedByGroup: excludedByGroup.length, training },
    changed: [...edited, ...deleted].sort(),
    ...{ edited, deleted, repins: set.repins ?? [] },
    warnings: marginWarnings(composition, set),
  }
}

/**
 * Accepts the present content and groups of the pinned items, and drops items without a sample. The set records why. A
 * person commits it.
 *
 * @throws `invalid-options` without a reason; `not-found` if no set is pinned; `dataset-changed` if no item has a sample.
 */
export async function repinEvaluation(
  project: EvaluationProject,
  { reason, by }: { readonly reason: string; readonly by: string },
): Promise<Pinned & { readonly repin: Repin }> {
  const { root, context } = project
  const composition = await project.compose()
  const identities = await composition.dataset.identities(context)
  const { set, repin } = repinSet(await readEvaluationSet(project), identities, {
    ...{ reason, by },
    ...{ atMs: context.clock.nowMs(), fields: fieldsOf(composition) },
  })
  return { ...(await write(root, composition, set)), repin }
}

async function write(root: string, composition: Composition, set: PinnedSet): Promise<Pinned> {
  await writeFileAtomic(join(root, evaluationPath), formatPinnedSet(set))
  return { path: evaluationPath, set, warnings: marginWarnings(composition, set) }
}

/** The fields that a row is made of; a part that a prompt makes is absent. */
function fieldsOf({ configuration }: Composition): PinnedFields {
  const { input, target, group } = configuration.dataset.projection
  return {
    ...(!input.startsWith(`${promptsPath}/`) && { input }),
    target,
    ...(group !== undefined && { group }),
  }
}

/** A set that cannot certify the margin even for an identical model says so before anybody waits for it. */
function marginWarnings({ configuration }: Composition, { items }: PinnedSet): readonly string[] {
  const margin = configuration.gate.regressionMargin
  if (margin === undefined) return []
  const groups = new Set(items.map(({ group, id }) => (group === undefined ? `i${id}` : `g${group}`))).size
  const needed = minimumItemsForMargin(margin)
  if (groups >= needed) return []
  return [
    `${groups} independent items cannot certify a margin of ${Number((100 * margin).toFixed(2))} points, even for an identical model: at least ${needed} are needed. Pin more, or commit a wider margin (regression_check: { margin: … }).`,
  ]
}
