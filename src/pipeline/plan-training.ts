import type { CallContext } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import type { Release } from '../releaser/index.js'
import type { KeyRecord } from '../store/index.js'
import type { PipelineParts } from './options.js'
import { type PlannedStage, partsOf, why } from './plan-stages.js'
import { releasedUnder } from './released-weights.js'
import { lastRun } from './run-records.js'
import { keptUnder } from './stage-cache.js'
import { trainKey } from './stages/train.js'
import { type Variant, variantsOf } from './variants.js'

/** Whether a run trains, and the weights that it would take instead. */
export interface PlannedTraining {
  readonly stage: PlannedStage
  /** What the store has. Absent if the run chooses among several candidates. */
  readonly kept?: KeyRecord | undefined
  /** The release that has the weights. */
  readonly released?: Release | undefined
}

interface Known {
  readonly summary: DatasetSummary
  readonly history: readonly Release[]
  readonly retrain: boolean
}

/** The training of all candidates as one stage: it is cached if each of them is trained already. */
export async function planTraining(
  options: PipelineParts,
  known: Known,
  context: CallContext,
): Promise<PlannedTraining> {
  const variants = variantsOf(options)
  const planned: PlannedTraining[] = []
  for (const variant of variants) planned.push(await planVariant(options, variant, known, context))
  if (planned.length === 1) return planned[0]!
  const stages = planned.map(({ stage }) => stage)
  const { action, difference } = stages.find((stage) => stage.action === 'run') ?? stages[0]!
  const reason = stages.map((stage, index) => `${variants[index]!.name}: ${stage.reason}`).join('; ')
  return { stage: { stage: 'train', action, reason, ...(difference !== undefined && { difference }) } }
}

async function planVariant(
  options: PipelineParts,
  variant: Variant,
  { summary, history, retrain }: Known,
  context: CallContext,
): Promise<PlannedTraining> {
  const { store, base } = options
  const { name, trainer } = variant
  const environment = await trainer.environment?.(context)
  const key = trainKey({ ...variant, base }, summary, environment)
  if (key === undefined)
    return {
      stage: {
        ...{ stage: 'train', action: 'run' },
        reason: `the trainer "${trainer.name}" has no version, so nothing of it is kept`,
      },
    }
  if (retrain) return { stage: { stage: 'train', action: 'run', reason: 'trains even if nothing changed' } }
  const kept = await keptUnder(store, key)
  const released = releasedUnder(history, key.digest)
  if (kept !== undefined)
    return { stage: { stage: 'train', action: 'cached', reason: `trained in the run ${kept.runId}` }, kept, released }
  if (released !== undefined)
    return {
      stage: { stage: 'train', action: 'cached', reason: `the release ${released.version} contains these weights` },
      released,
    }
  // Another run than the last, where that one was up to date and trained nothing.
  const trained = await lastRun(store, (record) => partsOf(record, 'train', name) !== undefined)
  return { stage: { stage: 'train', action: 'run', ...why(trained && partsOf(trained, 'train', name), key.parts) } }
}
