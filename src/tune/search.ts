import {
  type CallContext,
  createRedactor,
  digestOfPart,
  isSheikhError,
  messageOf,
  SheikhError,
  seededRandom,
  untilAborted,
} from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import type { JobEvent } from '../execute/index.js'
import { type Lock, type Store, storageFaultOf } from '../store/index.js'
import type { Trainer, TrainProgress } from '../trainer/index.js'
import type { Limits, TrialParameters, TuneEvent, TuneOptions } from './options.js'
import type { PruneRequest } from './pruner.js'
import type { SampledTrial } from './sampler.js'
import type { Point, Space } from './space.js'
import type { Study } from './study.js'
import { tpeSampler } from './tpe-sampler.js'
import { developmentOf, type TrainedTrial, trainTrial } from './train-trial.js'
import { bestOf, parametersKey, publicTrial, type StoredTrial, signOf, trainedWith } from './trial.js'
import { type TrialHints, type TrialInput, type TrialStarted, trialKindName } from './trial-kind.js'

/** Runs the trials of a study. */
export class Search<I, T, S extends Space, R extends string> {
  readonly #options: TuneOptions<I, T, S, R>
  readonly #limits: Limits
  readonly #study: Study
  readonly #parts: {
    readonly lock: Lock
    readonly snapshot: DatasetSnapshot<I, T>
    readonly earlier: readonly SampledTrial[]
  }
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
    earlier: readonly SampledTrial[]
    lock: Lock
    context: CallContext
  }) {
    this.#options = parts.options
    this.#limits = parts.limits
    // Before the first trial.
    developmentOf(parts.snapshot)
    this.#parts = parts
    this.#study = parts.study
    this.#context = parts.context
    this.#store = parts.options.store
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
    const known = [...this.#parts.earlier, ...trials]
    return sampler.suggest({ space, number, trials: known, random: seededRandom(`${seed}`).fork(`trial ${number}`) })
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
    const rungs: { readonly resource: number; readonly value?: number; readonly runId?: string }[] = []
    for (const [rung, resource] of pruner.rungs.entries()) {
      const { trial, identity } = await this.#attemptOnce(number, parameters, resource)
      const { runId } = trial as { readonly runId?: string }
      const run = runId === undefined ? {} : { runId }
      rungs.push({ resource, ...run, ...(trial.state === 'scored' && { value: trial.value }) })
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
      return { trial: await this.#train(number, this.#trainedWith(parameters, resource), trainer), identity }
    } catch (error) {
      this.#context.signal.throwIfAborted()
      if (!isOfTrial(error)) throw error
      const reason = createRedactor(this.#options.secrets)(messageOf(error))
      return { trial: { state: 'failed', reason } as const, identity }
    }
  }

  async #make(parameters: Point, resource: number | undefined): Promise<Trainer<unknown, unknown>> {
    const made = await this.#options.trainer(this.#trainedWith(parameters, resource) as TrialParameters<S, R>)
    return made as unknown as Trainer<unknown, unknown>
  }

  #trainedWith(parameters: Point, resource: number | undefined): Point {
    return trainedWith(parameters, this.#options.pruner, resource)
  }

  #identity(trainer: Trainer<unknown, unknown>) {
    const digest = digestOfPart(trainer)
    return digest === undefined ? {} : { trainer: digest }
  }

  async #train(number: number, parameters: Point, trainer: Trainer<unknown, unknown>): Promise<TrainedTrial> {
    const { metric, secrets, executor, dataset } = this.#options
    const { seed, concurrency } = this.#limits
    const { lock } = this.#parts
    const onStart = (runId: string) => {
      this.#latestRun = runId
    }
    const onProgress = (progress: TrainProgress) => this.#emit({ type: 'trial-progress', number, ...progress })
    const latest = this.#latestRun
    if (executor === undefined) {
      const parts = { trainer, metric, secrets, seed, concurrency, lock, latest, store: this.#store }
      const snapshot = this.#parts.snapshot as DatasetSnapshot<unknown, unknown>
      const request = { ...parts, snapshot, dataset, onStart, onProgress }
      return untilAborted(trainTrial(request, this.#context), this.#context.signal)
    }
    const { trainingDigest, developmentDigest } = this.#parts.snapshot.summary
    const parts = { trainer: digestOfPart(trainer) ?? null, metric: digestOfPart(metric) ?? null }
    const isVersioned = parts.trainer !== null && parts.metric !== null
    const hints: TrialHints = { lockToken: lock.token, latestRun: latest ?? null, concurrency }
    const input: TrialInput = {
      ...{ parameters, number, seed, search: isVersioned ? null : lock.token },
      expected: {
        ...parts,
        'training data': trainingDigest,
        'development data': developmentDigest ?? null,
      },
    }
    const onEvent = (event: JobEvent) => {
      if (event.type === 'job-retry') this.#context.log.warn(`Trial ${number} begins again: ${event.reason}`)
      if (event.type !== 'job-progress') return
      const progress = event.progress as unknown as TrialStarted | TrainProgress
      if ('runId' in progress) onStart(progress.runId)
      else onProgress(progress)
    }
    const { value } = await executor.run<TrialInput, TrainedTrial>(
      { kind: trialKindName, input, hints },
      { ...this.#context, onEvent },
    )
    return value
  }

  async #finish(trial: StoredTrial): Promise<StoredTrial> {
    await this.#parts.lock.check()
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

const trialErrors: ReadonlySet<string> = new Set([
  ...['train-diverged', 'stage-failed', 'evaluation-invalid', 'invalid-options'],
  ...['dataset-invalid', 'template-invalid', 'artifact-corrupt', 'job-quarantined'],
])

/** Whether an error concerns the trial's parameters rather than the machine, which would fail every trial. */
const isOfTrial = (error: unknown) =>
  storageFaultOf(error) === undefined && (!isSheikhError(error) || (!error.retryable && trialErrors.has(error.code)))
