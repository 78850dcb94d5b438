import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, isSheikhError, type Json, SheikhError } from '../../core/index.js'
import { type DatasetSnapshot, groupKeyOf, pinnedFile } from '../../dataset/index.js'
import type { Row } from '../../model/index.js'
import { compareTrainings, type PayloadFile, type RunEvent, type TrainingState } from '../../pipeline/index.js'
import { directoryStore } from '../../store/directory/index.js'
import type { Store } from '../../store/index.js'
import { memoryStore } from '../../store/memory/index.js'
import { type Composition, compose } from '../compose.js'
import type { Git } from '../git/index.js'
import { evaluationPath, hostConfigurationPaths, pipelineFile, storePath } from '../layout.js'
import { payloadOf } from '../project-pipeline.js'
import { type Surroundings, secretsOf } from '../release-targets.js'
import {
  changedRows,
  developmentRows,
  type Reserved,
  reserve,
  rowsInMemory,
  rowsOf,
  withoutReserved,
} from './development-split.js'
import { type ReviewQuality, scorePairs } from './quality.js'

export interface MeasureOptions {
  /** Share of the base's training rows to judge by, above 0 and below 1. @default 0.1 */
  readonly share?: number | undefined
  /** Receives the progress of both trainings. @default nothing */
  readonly onEvent?: ((event: RunEvent) => void) | undefined
}

/** Where both states are found. */
export interface MeasuredProject {
  readonly git: Git
  readonly surroundings: Surroundings
  /** The base's commit. */
  readonly base: string
  /** Composes the reviewed state. */
  readonly compose: () => Promise<Composition>
}

/**
 * Trains base and head without the development rows of the base, and judges head by the base's gate on these rows. The released
 * model cannot be the opponent, because it was trained on them.
 *
 * Everything is kept in a store of its own, below `.sheikh/`, so that no run finds a candidate there and no run waits. All work
 * trees of the repository share it.
 *
 * @throws `invalid-options`; `locked` if another review of the project trains; `storage-failed`.
 */
export async function measureQuality(
  project: MeasuredProject,
  { share = 0.1, onEvent = () => {} }: MeasureOptions,
  context: CallContext,
): Promise<ReviewQuality> {
  if (!(share > 0 && share < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot review with a development share of ${share}: it is not between 0 and 1. Give one such as 0.1.`,
    )
  const store: Store = {
    ...directoryStore(join(project.surroundings.shared, storePath, 'review')),
    // Nobody reads the records of a review.
    runs: memoryStore().runs,
  }
  await using lock = await store.lock('review', context)
  // In this work tree, whose installed packages the code of the base imports too.
  const folder = await directoryStore(join(project.surroundings.root, storePath, 'review')).workDirectory('base')
  try {
    const { gate, rows, base, head } = await statesOf(project, folder, share, context)
    const secrets = secretsOf(project.surroundings.environment)
    const states = { base: base.state, head: head.state }
    const compared = await compareTrainings({ store, lock, gate, ...states, secrets, onEvent }, context)
    if (compared.status === 'failed') return failureOf(compared.state, compared.error)
    const { verdict } = compared
    return {
      status: 'measured',
      ...(verdict !== undefined && { verdict }),
      scores: scorePairs(compared.base, compared.head, verdict),
      items: rows.length,
      groups: new Set(rows.map(groupKeyOf)).size,
      share,
      trained: { base: base.state.training.size, head: head.state.training.size },
      leftOut: { base: base.leftOut, head: head.leftOut },
      changedRows: changedRows(base, head),
    }
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof Unmeasurable) return { status: 'unmeasured', reason: error.message }
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Thrown if there is nothing to compare. */
class Unmeasurable extends Error {}

// Errors that say that the reviewed data and settings cannot be trained on, rather than that this machine cannot train.
const failures: ReadonlySet<string> = new Set([
  'train-diverged',
  'dataset-invalid',
  'stage-failed',
  'evaluation-invalid',
])

function failureOf(state: 'base' | 'head', { code, message }: SheikhError): ReviewQuality {
  if (state === 'base') return { status: 'unmeasured', reason: `The base cannot be trained. ${message}` }
  return failures.has(code)
    ? { status: 'failed', reason: `it cannot be trained. ${message}` }
    : { status: 'unmeasured', reason: message }
}

interface State {
  readonly name: 'base' | 'pull request'
  readonly composition: Composition
  readonly snapshot: DatasetSnapshot<unknown, unknown>
  readonly payload: readonly PayloadFile[]
}

/** A state to train, and what is left out of its training. */
interface PreparedState {
  readonly state: TrainingState
  readonly rows: DatasetSnapshot<unknown, unknown>['trainingRows']
  /** Ids of the rows that it is trained on. */
  readonly kept: ReadonlySet<string>
  readonly leftOut: number
}

interface States {
  readonly gate: Composition['gate']
  /** The development rows, as the base makes them. */
  readonly rows: readonly Row<unknown, unknown>[]
  readonly base: PreparedState
  readonly head: PreparedState
}

async function statesOf(
  { git, surroundings, base: commit, compose: composeHead }: MeasuredProject,
  folder: string,
  share: number,
  context: CallContext,
): Promise<States> {
  const root = join(folder, surroundings.project)
  const base = await named('base', folder, context, async () => {
    await writeCommit(git, { commit, project: surroundings.project, folder }, context)
    if (![pipelineFile, ...hostConfigurationPaths].some((path) => existsSync(join(root, path))))
      throw new Unmeasurable('The base has no project yet, so there is nothing to compare with.')
    return readState('base', root, await compose({ ...surroundings, root }, context), context)
  })
  const head = await named('pull request', folder, context, async () =>
    readState('pull request', surroundings.root, await composeHead(), context),
  )
  const { salt } = (await pinnedFile(join(root, evaluationPath)).read(context))!
  const rows = await developmentRows(base.snapshot.training, salt, share)
  const { size } = base.snapshot.training
  if (rows.length === 0)
    throw new Unmeasurable(
      `A share of ${Number((100 * share).toPrecision(3))} % selects none of the ${size} training rows of the base for development. Add samples, or give a larger share.`,
    )
  const pinned = await allOf(base.snapshot.evaluation)
  const reserved = [...base.snapshot.heldOut, ...rows]
  const asked = await asHeadMakes([...rows, ...pinned], { base, head }, folder, context)
  const asBaseMakes = [...rows, ...pinned].map(({ input }) => input)
  const judged = rows.map((row, index) => ({ ...row, input: asked[index] }))
  const prepare = (state: State, inputs: readonly unknown[], by: readonly Row<unknown, unknown>[]) =>
    named(state.name, folder, context, () =>
      trainingState(state, reserve(reserved, inputs, rowsOf(state.snapshot)), by),
    )
  return {
    gate: base.composition.gate,
    rows,
    base: await prepare(base, asBaseMakes, rows),
    head: await prepare(head, asked, judged),
  }
}

/** Turns an error about one of the states into a reason why nothing was measured, without the temporary folder. */
async function named<R>(
  state: State['name'],
  folder: string,
  context: CallContext,
  work: () => Promise<R>,
): Promise<R> {
  try {
    return await work()
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error) || error.retryable || error.code === 'storage-failed') throw error
    throw new Unmeasurable(`The ${state} cannot be used. ${error.message.replaceAll(`${folder}/`, '')}`)
  }
}

/** Host code may import any file of the repository; without it, the project's folder is enough. */
async function writeCommit(
  git: Git,
  { commit, project, folder }: { readonly commit: string; readonly project: string; readonly folder: string },
  context: CallContext,
): Promise<void> {
  const hostCode = hostConfigurationPaths.map((path) => (project === '' ? path : `${project}/${path}`))
  const isWhole = project === '' || (await git.tree(commit, hostCode)).size > 0
  const paths = isWhole ? (await git.readTree(commit)).map(({ path }) => path) : [project]
  await git.writeFiles(commit, paths, folder, context)
}

async function readState(
  name: State['name'],
  root: string,
  composition: Composition,
  context: CallContext,
): Promise<State> {
  if (composition.pipeline !== undefined)
    throw new Unmeasurable(
      'sheikh.config exports a whole pipeline, whose parts are not known. Export the parts instead, such as trainer and checks.',
    )
  if (composition.configuration.training.warmStart !== undefined)
    throw new Unmeasurable(
      'Training starts from a release, which was trained on the development rows. The run after the merge decides about quality.',
    )
  const snapshot = await composition.dataset.snapshot(context)
  return { name, composition, snapshot, payload: await payloadOf(root, composition, context) }
}

/** The inputs of the base's samples as the pull request's prompts and settings make them, without their targets. */
async function asHeadMakes(
  rows: readonly Row<unknown, unknown>[],
  { base, head }: { readonly base: State; readonly head: State },
  folder: string,
  context: CallContext,
): Promise<readonly unknown[]> {
  const contents = await base.composition.dataset.contents(context)
  const samples = await contents.samples(new Set(rows.map(({ id }) => id)))
  const targets = [base, head].map(({ composition }) => composition.configuration.dataset.projection.target)
  const given = rows.map(({ id }) => withoutFields(samples.get(id), targets))
  const made = await named('pull request', folder, context, () => head.composition.dataset.project(given, context))
  return made.map(({ input }) => input)
}

/** A template that writes the target into the input would let a model read the answer. */
function withoutFields(sample: unknown, fields: readonly string[]): unknown {
  if (typeof sample !== 'object' || sample === null) return sample
  return Object.fromEntries(Object.entries(sample).filter(([name]) => !fields.includes(name)))
}

async function trainingState(
  { composition, snapshot, payload }: State,
  reserved: Reserved,
  judged: readonly Row<unknown, unknown>[],
): Promise<PreparedState> {
  const { seed, stages } = composition
  const { rows: training, kept } = await withoutReserved(snapshot.training, reserved)
  const development = snapshot.development && (await withoutReserved(snapshot.development, reserved)).rows
  const prompts: readonly Json[] = payload
    .filter(({ path }) => path.startsWith('prompts/inference/'))
    .map(({ path, digest }) => ({ path, digest }))
  const trainer = await composition.trainer()
  return {
    ...{ rows: snapshot.trainingRows, kept, leftOut: snapshot.training.size - training.size },
    state: {
      ...{ trainer, seed, stages, summary: snapshot.summary, training, judged: rowsInMemory(judged), prompts },
      dataset: composition.dataset,
      ...(development !== undefined && development.size > 0 && { development }),
    },
  }
}

async function allOf(rows: AsyncIterable<Row<unknown, unknown>>): Promise<readonly Row<unknown, unknown>[]> {
  const all: Row<unknown, unknown>[] = []
  for await (const row of rows) all.push(row)
  return all
}
