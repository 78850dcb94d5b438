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
  readonly compression?: Compression | undefined
  readonly resources?: JobResources | undefined
}

export interface Round {
  readonly training: string
  readonly seed: number
  readonly expected: Digest
  readonly trainee: Json
  readonly part: LoopPart
  /** By replica. */
  readonly examples: readonly Digest[]
  readonly weights: Digest
}

/**
 * Does one round: a job for each replica. If one fails, the others end before the call rejects.
 *
 * @param report receives the progress of the first replica.
 * @param onGradient receives each outer gradient in the store, also if another replica fails.
 * @returns the results in the order of the replicas.
 */
export async function runRound(
  { executor, compression, resources }: Rounds,
  { part, examples, weights, ...same }: Round,
  {
    report,
    onGradient,
  }: { readonly report: (progress: TrainProgress) => void; readonly onGradient: (gradient: Digest) => void },
  context: CallContext,
): Promise<readonly JobResult<RoundOutput>[]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const jobs = examples.map(async (shard, replica) => {
    const result = await executor.run<RoundInput, RoundOutput>(
      {
        ...{ kind: roundKindName, objects: { examples: shard, weights }, resources },
        input: { ...same, compression: compression ?? null, part: { ...part, replica } },
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
    onGradient(result.objects['gradient']!)
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
