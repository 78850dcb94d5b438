import type { CallContext, Digest, Json } from '../../../core/index.js'
import type { Executor, JobResources, JobResult } from '../../../execute/index.js'
import type { Store } from '../../../store/index.js'
import type { TrainProgress } from '../../trainer.js'
import type { LoopPart } from '../train-loop.js'
import { type RoundInput, type RoundOutput, roundKindName } from './diloco-kind.js'
import type { OuterSettings } from './outer-step.js'
import type { Compression } from './weight-files.js'

/** The options of a distributed training, with defaults. */
export interface Rounds extends OuterSettings {
  readonly executor: Executor
  readonly store: Store
  readonly replicas: number
  readonly innerSteps: number
  readonly learningRateFactor: number
  readonly compression?: Compression | undefined
  readonly resources?: JobResources | undefined
}

export interface Round {
  readonly training: string
  readonly seed: number
  readonly expected: Digest
  readonly trainee: Json
  readonly part: LoopPart
  readonly examples: Digest
  readonly weights: Digest
  /** By replica, of its last round. Empty in the first round, and if the learner has none. */
  readonly moments: readonly Digest[]
}

/**
 * Does one round: a job for each replica. If one fails, the others end before the call rejects.
 *
 * @param report receives the progress of the first replica.
 * @param onObject receives each object that a replica puts into the store, also if another replica fails.
 * @returns the results in the order of the replicas.
 */
export async function runRound(
  { executor, replicas, compression, resources }: Rounds,
  { part, examples, weights, moments, ...same }: Round,
  {
    report,
    onObject,
  }: { readonly report: (progress: TrainProgress) => void; readonly onObject: (object: Digest) => void },
  context: CallContext,
): Promise<readonly JobResult<RoundOutput>[]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const jobs = Array.from({ length: replicas }, async (_, replica) => {
    const own = moments[replica] && { moments: moments[replica] }
    const result = await executor.run<RoundInput, RoundOutput>(
      {
        ...{ kind: roundKindName, objects: { examples, weights, ...own }, resources },
        input: {
          ...same,
          compression: compression ?? null,
          part: { ...part, replica: { number: replica, of: replicas } },
        },
      },
      {
        ...context,
        signal,
        onEvent(event) {
          if (event.type === 'job-retry') context.log.warn(`Replica ${replica} begins again: ${event.reason}`)
          if (event.type === 'job-progress' && replica === 0) report(event.progress as unknown as TrainProgress)
        },
      },
    )
    for (const object of Object.values(result.objects)) onObject(object)
    return result
  })
  try {
    return await Promise.all(jobs)
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled(jobs)
    throw error
  }
}
