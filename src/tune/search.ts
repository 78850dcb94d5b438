import {
  type CallContext,
  createRedactor,
  digestJson,
  identityOf,
  isSheikhError,
  messageOf,
  SheikhError,
  seededRandom,
  untilAborted,
} from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import { runTrial } from '../pipeline/index.js'
import { isStorageFault, type Lock, type Store } from '../store/index.js'
import type { Trainer } from '../trainer/index.js'
import type { Limits, TrialParameters, TuneEvent, TuneOptions } from './options.js'
import type { PruneRequest } from './pruner.js'
import type { SampledTrial } from './sampler.js'
import type { Point, Space } from './space.js'
import type { Study } from './study.js'
import { tpeSampler } from './tpe-sampler.js'
import { bestOf, parametersKey, publicTrial, type StoredTrial, signOf, trainedWith } from './trial.js'

/** With more trainings than this at once, the checkpoint folder of one that runs would be removed. */
const mostCheckpoints = 3

/** Runs the trials of a study. */
export class Search<I, T, S extends Space, R extends string> {
  readonly #options: TuneOptions<I, T, S, R>
  readonly #limits: Limits
  readonly #snapshot: DatasetSnapshot<I, T>
  readonly #development: NonNullable<DatasetSnapshot<I, T>['development']>
  readonly #study: Study
  readonly #lock: Lock
  readonly #context: CallContext
  readonly #store: Store
  /** The parameters of each trial, by number. */
  readonly #suggested: Point[] = []
  /** The first trial with these parameters. */
  readonly #first = new Map<string, { readonly number: number; readonly trial: Promise<StoredTrial> }>()
  readonly #started: Promise<StoredTrial>[] = []
  #latestRun: string | undefined

  constructor(parts: {
    options: TuneOptions<I, T, S, R>
    limits: Limits
    snapshot: DatasetSnapshot<I, T>
    study: Study
    lock: Lock
    context: CallContext
  }) {
    this.#options = parts.options
    this.#limits = parts.limits
    this.#snapshot = parts.snapshot
    this.#development = developmentOf(parts.snapshot)
    this.#study = parts.study
    this.#lock = parts.lock
    this.#context = parts.context
    const { store } = parts.options
    this.#store = parts.limits.concurrency > mostCheckpoints ? { ...store, checkpoints: undefined } : store
  }

  async run(): Promise<void> {
    const { trials, parallel, concurrency } = this.#limits
    const { signal, clock } = this.#context
    const endMs = clock.nowMs() + (this.#options.timeLimitMs ?? Number.POSITIVE_INFINITY)
    const started = this.#started
    const running = new Set<Promise<unknown>>()
    const [latest] = await this.#store.runs.list()
    this.#latestRun = latest
    for (let number = 0; number < trials; number += 1) {
      if (number >= parallel) await started[number - parallel]
      while (running.size >= concurrency) await Promise.race(running)
      signal.throwIfAborted()
      if (!this.#study.trials.has(number) && clock.nowMs() >= endMs) break
      const parameters = this.#suggest(number)
      if (parameters === undefined) break
      this.#suggested.push(parameters)
      const trial = this.#trial(number, parameters)
      started.push(trial)
      running.add(trial)
      trial.then(
        () => running.delete(trial),
        // The loop sees the error when it waits for a place, or at the end.
        () => {},
      )
    }
    await Promise.all(started)
  }

  /** Resolves when no trial runs. A trainer that ignores the signal is not waited for. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#started)
  }

  #suggest(number: number): Point | undefined {
    const { space, sampler = tpeSampler() } = this.#options
    const { seed, parallel } = this.#limits
    const sign = signOf(this.#options.metric.direction)
    const trials = this.#suggested.map((parameters, index): SampledTrial => {
      // Also if its result is known already: on a faster machine it would be.
      if (index > number - parallel) return { number: index, parameters, isPending: true }
      const trial = this.#study.trials.get(index)!
      if (trial.state === 'failed') return { number: index, parameters }
      const prunedAt = trial.state === 'pruned' ? trial.rungs?.at(-1)?.resource : undefined
      return { number: index, parameters, loss: sign * trial.value, ...(prunedAt !== undefined && { prunedAt }) }
    })
    return sampler.suggest({ space, number, trials, random: seededRandom(`${seed}`).fork(`trial ${number}`) })
  }

  #trial(number: number, parameters: Point): Promise<StoredTrial> {
    const key = parametersKey(parameters)
    const first = this.#first.get(key)
    const known = this.#study.trials.get(number)
    const trial =
      known !== undefined
        ? this.#again(known, parameters)
        : first !== undefined
          ? this.#duplicate(number, first)
          : this.#carry(number, parameters)
    if (first === undefined) this.#first.set(key, { number, trial })
    trial.catch(() => {})
    return trial
  }

  /** A trial of an earlier call. */
  async #again(known: StoredTrial, parameters: Point): Promise<StoredTrial> {
    if (parametersKey(known.parameters) !== parametersKey(parameters))
      throw this.#changed(`the parameters of trial ${known.number} would be different now`)
    if (known.duplicateOf === undefined && known.trainer !== undefined)
      if (this.#identity(await this.#make(parameters, known.rungs?.at(-1)?.resource)).trainer !== known.trainer)
        throw this.#changed(`the trainer of trial ${known.number} changed`)
    return known
  }

  #changed(fact: string): SheikhError {
    const { name = 'study' } = this.#options
    return new SheikhError(
      'invalid-options',
      `Cannot continue the study "${name}": ${fact}, so its trials cannot be compared with new ones. Give the study another name.`,
      { facts: { study: name } },
    )
  }

  async #duplicate(
    number: number,
    first: { readonly number: number; readonly trial: Promise<StoredTrial> },
  ): Promise<StoredTrial> {
    const { runId: _runId, trainer: _trainer, ...same } = await first.trial
    return this.#finish({ ...same, number, duplicateOf: first.number })
  }

  async #carry(number: number, parameters: Point): Promise<StoredTrial> {
    this.#emit({ type: 'trial-start', number, parameters })
    const { trial, identity } = await this.#attempt(number, parameters)
    return this.#finish({ number, parameters, ...trial, ...identity })
  }

  /** Trains once, or with a pruner on one rung after the other. */
  async #attempt(number: number, parameters: Point) {
    const { pruner, metric } = this.#options
    if (pruner === undefined) return this.#attemptOnce(number, parameters, undefined)
    const sign = signOf(metric.direction)
    const rungs: { readonly resource: number; readonly value?: number }[] = []
    for (const [rung, resource] of pruner.rungs.entries()) {
      const { trial, identity } = await this.#attemptOnce(number, parameters, resource)
      rungs.push({ resource, ...(trial.state === 'scored' && { value: trial.value }) })
      if (trial.state === 'failed' || rung === pruner.rungs.length - 1) return { trial: { ...trial, rungs }, identity }
      const { value } = trial
      const others = this.#resultsAt(rung, number, sign)
      const continues = pruner.continues({ rung, loss: sign * value, others })
      this.#emit({ type: 'trial-rung', number, resource, value, continues })
      if (!continues) return { trial: { ...trial, state: 'pruned', rungs } as const, identity }
    }
    throw new Error('A pruner has at least one rung.')
  }

  /** The results at a rung of the trials that this trial may know, whatever the speed of the machine. */
  #resultsAt(rung: number, number: number, sign: number): PruneRequest['others'] {
    const earlier = this.#suggested.slice(0, Math.max(0, number - this.#limits.parallel + 1))
    return earlier.flatMap((_, index) => {
      const { duplicateOf, rungs = [] } = this.#study.trials.get(index)!
      const value = duplicateOf === undefined ? rungs[rung]?.value : undefined
      return value === undefined ? [] : [{ loss: sign * value, continued: rungs.length > rung + 1 }]
    })
  }

  async #attemptOnce(number: number, parameters: Point, resource: number | undefined) {
    let identity: { readonly trainer?: StoredTrial['trainer'] } = {}
    try {
      const trainer = await this.#make(parameters, resource)
      identity = this.#identity(trainer)
      return { trial: await untilAborted(this.#train(number, trainer), this.#context.signal), identity }
    } catch (error) {
      this.#context.signal.throwIfAborted()
      if (!isOfTrial(error)) throw error
      const reason = createRedactor(this.#options.secrets)(messageOf(error))
      return { trial: { state: 'failed', reason } as const, identity }
    }
  }

  async #make(parameters: Point, resource: number | undefined): Promise<Trainer<unknown, unknown>> {
    const { trainer, pruner } = this.#options
    const made = await trainer(trainedWith(parameters, pruner, resource) as TrialParameters<S, R>)
    return made as unknown as Trainer<unknown, unknown>
  }

  #identity(trainer: Trainer<unknown, unknown>) {
    const identity = identityOf(trainer)
    return identity === undefined ? {} : { trainer: digestJson(identity) }
  }

  async #train(number: number, trainer: Trainer<unknown, unknown>) {
    const { metric, secrets = [] } = this.#options
    const trial = runTrial(
      {
        ...{ store: this.#store, lock: this.#lock, trainer, secrets },
        seed: this.#limits.seed,
        dataset: this.#options.dataset,
        metrics: [metric],
        training: this.#snapshot.training,
        development: this.#development,
        latest: this.#latestRun,
        onStart: (runId) => {
          this.#latestRun = runId
        },
        onProgress: (progress) => this.#emit({ type: 'trial-progress', number, ...progress }),
      },
      this.#context,
    )
    const { runId, evaluation, files } = await trial
    const unanswered = [...evaluation.outcomes].filter((outcome) => outcome !== 'ok').length
    if (unanswered > 0)
      return failed(`The model failed on ${unanswered} of ${evaluation.outcomes.length} development rows.`, runId)
    const value = evaluation.metrics[0]?.value
    if (!Number.isFinite(value)) return failed(`The metric "${metric.name}" is not a number.`, runId)
    return { state: 'scored', value: value!, runId, ...(files !== undefined && { evaluation: files }) } as const
  }

  async #finish(trial: StoredTrial): Promise<StoredTrial> {
    await this.#lock.check()
    await this.#study.add(trial)
    const best = bestOf([...this.#study.trials.values()], this.#options.metric)?.number
    this.#emit({
      type: 'trial-end',
      trial: publicTrial(trial, this.#options.pruner),
      ...(best !== undefined && { best }),
    })
    return trial
  }

  #emit(event: TuneEvent): void {
    try {
      this.#options.onEvent?.(event)
    } catch (error) {
      this.#context.log.warn(`The listener "onEvent" failed: ${messageOf(error)}`)
    }
  }
}

const failed = (reason: string, runId: string) => ({ state: 'failed', reason, runId }) as const

function developmentOf<I, T>({ development }: DatasetSnapshot<I, T>) {
  if (development !== undefined) return development
  throw new SheikhError(
    'dataset-invalid',
    'Cannot search: the dataset has no development rows, and trials are never scored on the evaluation set. Set "developmentShare" of the dataset, such as 0.2.',
  )
}

const trialErrors: ReadonlySet<string> = new Set([
  ...['train-diverged', 'stage-failed', 'evaluation-invalid', 'invalid-options'],
  ...['dataset-invalid', 'template-invalid', 'artifact-corrupt'],
])

/** Whether an error concerns the trial's parameters rather than the machine, which would fail every trial. */
const isOfTrial = (error: unknown) =>
  isSheikhError(error) ? !error.retryable && trialErrors.has(error.code) : !isStorageFault(error)
