import { type CallContext, createRedactor, createRunId, type Digest, isSheikhError, messageOf } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import type { Gate } from '../gate/index.js'
import type { Rows } from '../model/index.js'
import type { Lock, Store } from '../store/index.js'
import type { Trainer, TrainProgress } from '../trainer/index.js'
import type { RunEvent } from './events.js'
import type { FilesOfDataset } from './open-files.js'
import type { PipelineParts } from './options.js'
import type { RunRecord } from './run-result.js'
import { Session } from './session.js'
import { score } from './stages/score-model.js'
import { trainRows } from './stages/train.js'

export interface TrialParts {
  readonly store: Store
  /** The lock of the store. */
  readonly lock: Lock
  readonly trainer: Trainer<unknown, unknown>
  readonly seed: number
  /** Opens the files that samples name. */
  readonly dataset: FilesOfDataset
  readonly metrics: readonly Metric[]
  readonly training: Rows<unknown, unknown>
  /** Passed to the trainer, and the rows that the model is scored on. */
  readonly development: Rows<unknown, unknown>
  /** An id that the run's id must sort after. */
  readonly latest?: string | undefined
  readonly secrets: readonly string[]
  readonly onStart: (runId: string) => void
  readonly onProgress: (progress: TrainProgress) => void
}

export interface TrialRun {
  readonly runId: string
  readonly evaluation: Evaluation
  /** The evaluation as a directory in the store. */
  readonly files: Digest | undefined
}

/**
 * Trains, or takes the weights of an equal training, and scores the model on the development rows. A `Pipeline` with the same store,
 * dataset, trainer and seed finds the weights. Writes the record of a run, and no registry or ledger.
 */
export async function runTrial(
  { store, lock, trainer, seed, metrics, dataset, training, development, latest, secrets, ...rest }: TrialParts,
  context: CallContext,
): Promise<TrialRun> {
  const startedAtMs = context.clock.nowMs()
  const runId = createRunId(startedAtMs, latest)
  rest.onStart(runId)
  // What only a pipeline needs is absent: nothing here reads the dataset, the registry or the ledger, or asks the gate.
  const gate = { metrics } as unknown as Gate
  const options = { trainer, seed, gate, store, secrets, dataset } as unknown as PipelineParts
  const record: RunRecord = {
    ...{ formatVersion: 1, runId, command: 'trial', status: 'running' },
    ...{ startedAtMs, lockToken: lock.token, stages: [] },
  }
  const directory = await store.workDirectory(runId)
  const emit = (event: RunEvent) => {
    if (event.type !== 'train-progress') return
    const { type: _type, runId: _runId, atMs: _atMs, sequence: _sequence, ...progress } = event
    rest.onProgress(progress)
  }
  const session = new Session({ options, context, lock, record, directory, emit })
  try {
    await session.update({})
    session.emit({ type: 'run-start', command: 'trial' })
    const candidate = await trainRows(session, 'train trial', { training, development })
    const scored = await session.stage('evaluate trial', async () => {
      const environment = await trainer.environment?.(session.context)
      const asked = { name: 'trial', weights: candidate.weights, prompts: [] }
      const value = await score(session, asked, development, environment)
      return { value, cached: value.cached, key: value.key }
    })
    const { evaluation, files } = scored
    const values = Object.fromEntries(evaluation.metrics.map(({ name, value }) => [name, value]))
    await session.flush()
    session.note({ candidate: { weights: candidate.weights.digest, record: candidate.record }, metrics: values })
    session.note({ evaluations: { candidate: files } })
    await end(session, { status: 'scored' })
    return { runId, evaluation, files }
  } catch (error) {
    const status = context.signal.aborted ? 'aborted' : 'failed'
    const message = createRedactor(secrets)(messageOf(error))
    const code = isSheikhError(error) ? error.code : undefined
    // On a full disk this may fail too. Throw the first error.
    await end(session, { status, reason: code, error: { code, message } }).catch(() => {})
    context.signal.throwIfAborted()
    throw error
  } finally {
    await session.end().catch(() => {})
  }
}

async function end(
  session: Session,
  { status, reason, error }: Pick<RunRecord, 'reason' | 'error'> & { readonly status: 'scored' | 'failed' | 'aborted' },
): Promise<void> {
  session.emit({ type: 'run-end', status, ...(reason !== undefined && { reason }) })
  await session.update({
    ...{ status, endedAtMs: session.context.clock.nowMs() },
    ...(reason !== undefined && { reason }),
    ...(error !== undefined && { error }),
  })
  await session.flush()
}
