import { type CallContext, callContext, type JsonObject, SheikhError } from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import type { Metric } from '../evaluation/index.js'
import { correctedEstimate } from './corrected-estimate.js'
import { digestOfEarlier, earlierTrials } from './earlier-trials.js'
import { importanceOf } from './importance.js'
import type { Limits, TrialParameters, TuneOptions, TuneResult } from './options.js'
import type { Pruner } from './pruner.js'
import type { SampledTrial, Sampler } from './sampler.js'
import { Search } from './search.js'
import { checkSpace, type Space } from './space.js'
import { Study } from './study.js'
import { tpeSampler } from './tpe-sampler.js'
import { bestOf, publicTrial, type ScoredTrial, type StoredTrial } from './trial.js'

/**
 * Searches for the parameters with which a trainer does best on the development rows.
 *
 * The evaluation set is not read. Every trial is recorded as a run, and every finished trial in the store, so the same call
 * continues after a crash and a later call with more trials continues from there. A trial with the parameters of an
 * earlier one takes its result. The store is locked meanwhile.
 *
 * Give the trainer of the best parameters to a `Pipeline`: only this model meets the gate.
 *
 * @throws `invalid-options` if an option cannot be used, or a study with this name had other settings; `dataset-invalid`
 * without development rows; `locked` if another process uses the store; `stage-failed` if all trials fail. Errors of the
 * machine, such as `storage-failed` or `device-unavailable`, end the search, which can be continued.
 */
export async function tune<I, T, const S extends Space, const R extends string = never>(
  options: TuneOptions<I, T, S, R>,
): Promise<TuneResult<S, R>> {
  const { space, store, clock, log, signal, pruner } = options
  checkSpace(space)
  if (pruner !== undefined) checkPruner(pruner, space)
  const limits = limitsOf(options)
  const stop = new AbortController()
  const combined = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  combined.throwIfAborted()
  const context = callContext({ signal: combined, clock, log })
  await using lock = await store.lock('tune', context)
  let search: Search<I, T, S, R> | undefined
  try {
    const snapshot = await options.dataset.snapshot({ ...context, cache: store.documents })
    const earlier =
      options.earlier === undefined ? [] : earlierTrials({ ...options, study: options.earlier }, context.log)
    const study = await Study.open(store, options.name ?? 'study', settingsOf(options, limits, { snapshot, earlier }))
    search = new Search({ options, limits, snapshot, study, earlier, lock, context })
    await search.run()
    return await resultOf(options, [...study.trials.values()], context)
  } catch (error) {
    // Host code may have wrapped the abort. Throw the caller's own reason.
    signal?.throwIfAborted()
    throw error
  } finally {
    // After an error, trials may still run. They end before the lock does.
    stop.abort(new Error('The search has ended.'))
    await search?.settled()
  }
}

function checkPruner({ name, resource, rungs }: Pruner, space: Space): void {
  if (Object.hasOwn(space, resource))
    throw new SheikhError(
      'invalid-options',
      `Cannot search: "${resource}" is a parameter of the space, and also what the pruner "${name}" sets. Remove it from the space.`,
      { facts: { parameter: resource } },
    )
  const ascends = (value: number, index: number) =>
    Number.isFinite(value) && value > (rungs[index - 1] ?? Number.NEGATIVE_INFINITY)
  if (rungs.length === 0 || !rungs.every(ascends))
    throw new SheikhError(
      'invalid-options',
      `Cannot search: the rungs ${rungs.join(', ')} of the pruner "${name}" are not finite numbers that ascend. Correct the pruner.`,
    )
}

function limitsOf({
  trials,
  parallel = 1,
  concurrency = parallel,
  seed = 0,
  timeLimitMs,
}: Pick<
  TuneOptions<unknown, unknown, Space, string>,
  'trials' | 'parallel' | 'concurrency' | 'seed' | 'timeLimitMs'
>): Limits {
  for (const [name, value] of Object.entries({ trials, parallel, concurrency }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new SheikhError(
        'invalid-options',
        `Cannot search: the option "${name}" is ${value}, which is not an integer of at least 1. Correct it.`,
      )
  if (concurrency > parallel)
    throw new SheikhError(
      'invalid-options',
      `Cannot search: a concurrency of ${concurrency} is above the ${parallel} trials that may run in parallel. Set "parallel" to ${concurrency}, which is part of the study.`,
    )
  if (!Number.isSafeInteger(seed))
    throw new SheikhError('invalid-options', `Cannot search: the seed ${seed} is not an integer. Give one such as 0.`)
  if (timeLimitMs !== undefined && !(timeLimitMs > 0))
    throw new SheikhError(
      'invalid-options',
      `Cannot search: the time limit of ${timeLimitMs} ms is not above 0. Give one such as 3600000.`,
    )
  return { trials, parallel, concurrency, seed }
}

/** Everything that decides the suggestions and the meaning of the results, except the trainers. */
function settingsOf<I, T>(
  {
    space,
    metric,
    sampler = tpeSampler(),
    pruner,
  }: Pick<TuneOptions<I, T, Space, string>, 'space' | 'metric' | 'sampler' | 'pruner'>,
  { parallel, seed }: Limits,
  {
    snapshot: { summary },
    earlier,
  }: { readonly snapshot: DatasetSnapshot<unknown, unknown>; readonly earlier: readonly SampledTrial[] },
): JsonObject {
  const described = (part: Sampler | Pruner | Metric) => ({
    name: part.name,
    version: part.version ?? null,
    describe: part.describe(),
  })
  return {
    space: space as unknown as JsonObject,
    sampler: described(sampler),
    pruner: pruner === undefined ? null : { ...described(pruner), resource: pruner.resource },
    seed,
    parallel,
    metric: { ...described(metric), direction: metric.direction },
    'earlier study': earlier.length === 0 ? null : digestOfEarlier(earlier),
    'training data': summary.trainingDigest,
    'development data': summary.developmentDigest ?? null,
  }
}

async function resultOf<I, T, S extends Space, R extends string>(
  { metric, store, space, pruner, trials: count, seed = 0 }: TuneOptions<I, T, S, R>,
  stored: readonly StoredTrial[],
  context: CallContext,
): Promise<TuneResult<S, R>> {
  const trials = stored.filter(({ number }) => number < count).sort((one, other) => one.number - other.number)
  const best = bestOf(trials, metric)
  if (best === undefined) {
    const failed = trials.find((trial) => trial.state === 'failed')
    throw new SheikhError(
      'stage-failed',
      trials.length === 0
        ? 'Cannot search: the time limit ended the search before the first trial, or the sampler suggested nothing. Give more time.'
        : failed === undefined
          ? `Cannot search: the pruner "${pruner?.name}" ended all ${trials.length} trials. Use another one, and give the study another name.`
          : `Cannot search: no trial of ${trials.length} was trained in full, and trial ${failed.number} failed: ${failed.reason} Correct the space or the trainer, and give the study another name.`,
      { facts: { trials: trials.length } },
    )
  }
  const estimate = await correctedEstimate({ trials, store, direction: metric.direction, seed }, context)
  const importance = importanceOf(space, trials, metric.direction)
  return {
    best: publicTrial(best, pruner) as ScoredTrial<TrialParameters<S, R>>,
    trials: trials.map((trial) => publicTrial(trial, pruner)),
    ...(estimate !== undefined && { estimate }),
    ...(importance !== undefined && { importance }),
  }
}
