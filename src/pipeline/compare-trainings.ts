import { type CallContext, createRunId, digestJson, isSheikhError, type Json, type SheikhError } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import type { Evaluation } from '../evaluation/index.js'
import type { Gate, Verdict } from '../gate/index.js'
import { type Rows, rereadWeightsDirectory } from '../model/index.js'
import type { Lock, Store } from '../store/index.js'
import type { Candidate, Trainer } from '../trainer/index.js'
import type { RunEvent } from './events.js'
import type { FilesOfDataset } from './open-files.js'
import type { PipelineParts } from './options.js'
import { Session } from './session.js'
import { neededForCandidate, type Stage } from './stage.js'
import { timed } from './stages/evaluate.js'
import { HostStages } from './stages/host.js'
import { score } from './stages/score-model.js'
import { trainRows } from './stages/train.js'

/** A state of a project to train. Its rows contain none that models are judged on. */
export interface TrainingState {
  readonly trainer: Trainer<unknown, unknown>
  readonly seed: number
  /** The host's stages. Those that the candidate depends on run. */
  readonly stages: readonly Stage[]
  readonly summary: DatasetSummary
  readonly training: Rows<unknown, unknown>
  /** For early stopping. */
  readonly development?: Rows<unknown, unknown> | undefined
  /** The items to judge by. Both states have the same items and targets; prompts may make other inputs of them. */
  readonly judged: Rows<unknown, unknown>
  /** Paths and digests of the prompts that the model answers with. */
  readonly prompts: readonly Json[]
  /** Opens the files that its samples name. */
  readonly dataset: FilesOfDataset
}

export type ComparedTrainings =
  | {
      readonly status: 'compared'
      readonly base: Evaluation
      readonly head: Evaluation
      /** Absent: both states give the same model, so there is nothing to judge. */
      readonly verdict?: Verdict | undefined
    }
  /** A state that cannot be trained or scored. */
  | { readonly status: 'failed'; readonly state: 'base' | 'head'; readonly error: SheikhError }

/**
 * Trains two states of a project with a shared cache, scores both models on the same items, and asks a gate about the second.
 * Keeps weights and predictions in the store. Reads and writes no registry, no ledger and no record of a run.
 *
 * @param request.lock of the store.
 * @throws errors that another attempt may not meet, such as a full disk.
 */
export async function compareTrainings(
  request: {
    readonly store: Store
    readonly lock: Lock
    readonly gate: Gate
    readonly base: TrainingState
    readonly head: TrainingState
    readonly secrets: readonly string[]
    readonly onEvent: (event: RunEvent) => void
  },
  context: CallContext,
): Promise<ComparedTrainings> {
  const { gate, base, head } = request
  const first = await attempt('base', context, () => inSession(request, base, context, measure(base, 'base')))
  if ('status' in first) return first
  return attempt('head', context, () =>
    inSession(request, head, context, async (session) => {
      const second = await measure(head, 'head')(session)
      const isSame = second.evaluation.modelDigest === first.evaluation.modelDigest
      const common = { status: 'compared', base: first.evaluation, head: second.evaluation } as const
      if (isSame && head.judged.digest === base.judged.digest) return common
      const { weights, record } = second.candidate
      const evaluation = comparable(second.evaluation, first.evaluation)
      const latenciesMs = gate.needs?.includes('latency') ? await timed(session, weights, head.judged) : undefined
      const baseline = { version: 'base', bundle: first.weights, evaluation: first.evaluation }
      const evidence = { candidate: { weights, record, evaluation, latenciesMs }, baseline }
      return { ...common, head: evaluation, verdict: session.hide(await gate.decide(evidence, context)) }
    }),
  )
}

async function attempt<R>(state: 'base' | 'head', context: CallContext, work: () => Promise<R>) {
  try {
    return await work()
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error) || error.retryable || error.code === 'storage-failed') throw error
    return { status: 'failed', state, error } as const
  }
}

/** The same items, asked with other prompts: as the gate compares them. */
function comparable(evaluation: Evaluation, { evaluationDigest, ...base }: Evaluation): Evaluation {
  if (evaluation.evaluationDigest === evaluationDigest) return evaluation
  const model = { model: evaluation.modelDigest, inputs: evaluation.evaluationDigest }
  const isSame = evaluation.modelDigest === base.modelDigest
  return { ...evaluation, evaluationDigest, ...(isSame && { modelDigest: digestJson(model) }) }
}

interface Measured {
  readonly candidate: Candidate
  readonly weights: Candidate['weights']['digest']
  readonly evaluation: Evaluation
}

/** Trains a state, or takes the weights of an equal training, and scores the model. */
function measure(state: TrainingState, name: 'base' | 'head'): (session: Session) => Promise<Measured> {
  return async (session) => {
    const { summary, training, judged, prompts } = state
    const host = new HostStages(session, neededForCandidate(state.stages))
    const dataset = { ...summary, trainingDigest: training.digest, evaluationDigest: judged.digest }
    await host.add('dataset', { value: dataset, training, evaluation: judged }, digestJson(dataset))
    const trained = await trainRows(session, `train ${name}`, state)
    const { record } = trained
    const digest = digestJson({ value: record, files: trained.weights.digest })
    const { files } = await host.add('candidate', { value: record, files: trained.weights.path }, digest)
    const isChanged = files !== trained.weights.path
    const weights = isChanged ? await rereadWeightsDirectory(files, session.context) : trained.weights
    const evaluation = await session.stage(`evaluate ${name}`, async () => {
      const environment = await session.options.trainer.environment?.(session.context)
      const { evaluation: value, ...scored } = await score(session, { name, weights, prompts }, judged, environment)
      return { value, ...scored }
    })
    return { candidate: { weights, record }, weights: weights.digest, evaluation }
  }
}

async function inSession<R>(
  { store, lock, gate, secrets, onEvent }: Omit<Parameters<typeof compareTrainings>[0], 'base' | 'head'>,
  { trainer, seed, stages, dataset }: TrainingState,
  context: CallContext,
  work: (session: Session) => Promise<R>,
): Promise<R> {
  const startedAtMs = context.clock.nowMs()
  const runId = createRunId(startedAtMs)
  // What only a run needs is absent: nothing here reads the dataset, the registry or the ledger.
  const parts = { trainer, seed, stages, gate, store, secrets, dataset }
  const options = parts as unknown as PipelineParts
  const record = { formatVersion: 1, runId, command: 'run', status: 'running', startedAtMs, stages: [] } as const
  const directory = await store.workDirectory(runId)
  const session = new Session({ options, context, lock, record, directory, emit: onEvent })
  try {
    const result = await work(session)
    await session.flush()
    return result
  } finally {
    await session.end()
  }
}
