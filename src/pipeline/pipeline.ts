import { callContext, createRedactor, createRunId, SheikhError } from '../core/index.js'
import { checkShardOptions } from '../execute/shards/index.js'
import { type ExperimentDecision, type Finding, type LedgerEntry, storeLedger } from '../gate/index.js'
import type { Release, Version } from '../releaser/index.js'
import { memoryStore } from '../store/memory/index.js'
import { approve, override } from './approve-override.js'
import { beginRun } from './begin-run.js'
import { collectGarbage, type GcPlan, planGc } from './collect-garbage.js'
import type { RunEvent, RunEventOf, RunEventType } from './events.js'
import { foreseen } from './foresee.js'
import { importModel } from './import-model.js'
import { keptEvaluations, type RunEvaluations } from './kept-evaluations.js'
import { type LabelledPool, type LabelPoolOptions, labelPool } from './label-pool.js'
import { checkAnchor } from './ledger-anchor.js'
import { Listeners } from './listeners.js'
import { readHistory } from './lookup.js'
import { acceptLoss, missingReleases } from './missing-releases.js'
import { checkNamedBase } from './named-base.js'
import { checkReleaseNames } from './named-releases.js'
import { noteCommit } from './note-commit.js'
import type {
  AcceptLossOptions,
  ApproveOptions,
  AwaitingRun,
  CallOptions,
  ExportOptions,
  GcOptions,
  ImportOptions,
  OverrideOptions,
  PipelineOptions,
  PipelineParts,
  PromoteOptions,
  ReleaseOptions,
  RepublishOptions,
  RollbackOptions,
  RunOptions,
  RunPlanOptions,
  WithdrawOptions,
} from './options.js'
import { explain, plan, type RunPlan } from './plan.js'
import type { PlannedStage } from './plan-stages.js'
import { exportRun } from './portable-run.js'
import { promoteRelease } from './promote-release.js'
import { releaseRun } from './release-run.js'
import { reproduce } from './reproduce.js'
import { republish, rollback } from './restore.js'
import type { Run } from './run.js'
import { readRun } from './run-records.js'
import type {
  Collected,
  Imported,
  Outcome,
  Promoted,
  Reproduction,
  RunRecord,
  RunResult,
  Withdrawn,
} from './run-result.js'
import type { Session } from './session.js'
import { checkStages } from './stage.js'
import { checkCandidates, variantsOf } from './variants.js'
import { walk } from './walk.js'
import { withdrawRelease } from './withdraw-release.js'

/**
 * Takes data to a release: validates, trains, evaluates, asks the gate and publishes. Composed of five independent parts.
 *
 * @example
 * const pipeline = new Pipeline({ dataset, trainer, gate, releaser, store: directoryStore('.sheikh') })
 * const result = await pipeline.run()
 * if (result.status === 'released') console.log(result.release.version)
 *
 * @throws `invalid-options` if a stage could never run, a name or number is invalid, or the trainer cannot start from the base.
 */
export class Pipeline<I = string, T = string> {
  readonly #options: PipelineParts
  #isForgetful: boolean
  readonly #listeners = new Listeners((message) =>
    this.#options.log?.warn(createRedactor(this.#options.secrets)(message)),
  )

  constructor(options: PipelineOptions<I, T>) {
    checkStages(options.stages ?? [])
    if (options.seed !== undefined && !Number.isSafeInteger(options.seed))
      throw new SheikhError(
        'invalid-options',
        `Cannot use the seed ${options.seed}: it is not a whole number. Choose one, such as 0.`,
      )
    if (options.channel !== undefined && !/^[a-z0-9][a-z0-9-]*$/.test(options.channel))
      throw new SheikhError(
        'invalid-options',
        `Cannot use the channel "${options.channel}": a name has only a-z, 0-9 and "-". Choose another name.`,
      )
    if (options.evaluation !== undefined) checkShardOptions('evaluate on workers', options.evaluation)
    if (options.dataCheck !== undefined) checkShardOptions('check data on workers', options.dataCheck)
    // The types of the parts are checked here. Inside, rows are passed along and never inspected.
    const parts = options as unknown as PipelineOptions<unknown, unknown>
    checkCandidates(parts)
    for (const { trainer } of variantsOf(parts)) {
      if (parts.base !== undefined) checkNamedBase(parts.base, trainer)
      checkReleaseNames(trainer)
    }
    this.#options = { ...parts, store: options.store ?? memoryStore() }
    this.#isForgetful = options.store === undefined
  }

  /**
   * Adds a listener for one type of event. Returns a function that removes it. Errors of a listener are logged and do not stop
   * the run. If a listener of `run-end` returns a promise, the run's result waits for it, for at most 15 s.
   */
  on<Type extends RunEventType>(type: Type, listener: (event: RunEventOf<Type>) => void): () => void {
    return this.#listeners.on(type, listener)
  }

  /**
   * Runs all stages and resolves with the result.
   *
   * @throws `locked`, `repository-dirty`, `dataset-invalid`, `dataset-changed`, `train-diverged`, `artifact-corrupt`,
   * `release-rejected`, `release-conflict`, `storage-failed`, `stage-failed`; the signal's reason if it is aborted.
   */
  async run(options: RunOptions = {}): Promise<RunResult> {
    return (await this.start(options)).result()
  }

  /** Takes the lock and starts a run in the background. @throws `locked`. */
  start(options: RunOptions = {}): Promise<Run> {
    return this.#begin('run', options, async (session) => {
      const result = await walk(session, options)
      return options.until === undefined ? noteCommit(session, result) : result
    })
  }

  /**
   * Decides on a run that ended with `until: 'verdict'`, here or on another machine, and publishes its model if the gate lets it
   * through. The sources are read from this checkout, the releases are compared as this machine knows them, and every file of
   * the run is hashed.
   *
   * @throws `not-found`; `artifact-corrupt` for a run that is damaged or contradicts itself; `release-conflict` if it used another
   * commit or other sources; `repository-dirty`; else as `run`.
   */
  async release(run: AwaitingRun, options: ReleaseOptions = {}): Promise<RunResult> {
    return (
      await this.#begin('release', options, async (session) =>
        noteCommit(session, await releaseRun(session, run, options)),
      )
    ).result()
  }

  /**
   * Writes a run that awaits its release, or found that nothing is left to release, into a folder, completely or not at all: its record, its bundle and its predictions.
   * Contains no secrets. Contains targets and predictions of the evaluation set.
   *
   * @throws `not-found` if there is no such run, or it ended otherwise; `invalid-options` if the folder is not empty.
   */
  exportRun(runId: string, { directory, signal }: ExportOptions): Promise<void> {
    const { store, clock, log } = this.#options
    return exportRun(store, runId, directory, callContext({ signal, clock, log }))
  }

  /** Releases the model of the inconclusive run `runId`. @throws `not-found`, `release-conflict` if something newer was committed or released. */
  async approve(runId: string, options: ApproveOptions): Promise<RunResult> {
    return (await this.#begin('approve', options, async (session) => approve(session, runId, options))).result()
  }

  /**
   * Releases the model of the held run `runId` despite the evidence. Requires a name, a reason and an end.
   *
   * @throws `not-found`; `release-rejected` if the weights are damaged; `release-conflict` as for `approve`.
   */
  async override(runId: string, options: OverrideOptions): Promise<RunResult> {
    return (await this.#begin('override', options, async (session) => override(session, runId, options))).result()
  }

  /** Publishes an earlier bundle as a new version and withdraws what the channel pointed at. @throws `not-found`. */
  async rollback(options: RollbackOptions): Promise<RunResult> {
    return (await this.#begin('rollback', options, (session) => rollback(session, options))).result()
  }

  /**
   * Publishes a release again as a new version, to reach new registries or to sign it with another key.
   *
   * @throws `not-found`; `release-rejected` for a withdrawn release.
   */
  async republish(version: string, options: RepublishOptions): Promise<RunResult> {
    return (await this.#begin('republish', options, (session) => republish(session, version, options))).result()
  }

  /**
   * Points a further channel, such as `production`, at a release.
   *
   * @throws `not-found`; `release-rejected` for the pipeline's own channel, and for a release that is withdrawn or was made
   * from uncommitted changes.
   */
  async promote(version: string, options: PromoteOptions): Promise<Promoted> {
    return (await this.#begin('promote', options, (session) => promoteRelease(session, version, options))).result()
  }

  /**
   * Withdraws a release that no channel points at: it is never used again as baseline, best release or base. Only a rollback to
   * it by name uses its model again. Safe to repeat.
   *
   * @throws `not-found`; `release-rejected` if a channel points at the release or at another release of the same model.
   */
  async withdraw(version: string, options: WithdrawOptions): Promise<Withdrawn> {
    return (await this.#begin('withdraw', options, (session) => withdrawRelease(session, version, options))).result()
  }

  /**
   * Imports an existing model as the first release, so that the gate compares later candidates with it. The model is scored,
   * but the gate does not judge it.
   *
   * @throws `release-conflict` if there is a release already; `release-rejected` if the trainer cannot use the model.
   */
  async import(options: ImportOptions): Promise<Imported> {
    return (await this.#begin('import', options, (session) => importModel(session, options))).result()
  }

  /**
   * Trains a release again from scratch with the current inputs and compares the files. If the inputs have changed, names the
   * first difference instead.
   *
   * @param version @default the release that the channel points at
   * @throws `not-found` if there is no such release, or if its record does not say how it was made.
   */
  async reproduce(version?: Version, options: CallOptions = {}): Promise<Reproduction> {
    return (await this.#begin('reproduce', options, (session) => reproduce(session, version))).result()
  }

  /** Lists the releases whose files `gc` would remove, and why it keeps the others. Changes nothing. @throws `invalid-options`. */
  planGc(options: GcOptions): Promise<GcPlan> {
    const { clock, log } = this.#options
    return planGc(this.#options, callContext({ signal: options.signal, clock, log }), options)
  }

  /**
   * Removes the files of old releases. Their records remain and their versions stay used. Never removes the newest release, the
   * best, one that a channel points at, or the named base.
   *
   * @throws `invalid-options`.
   */
  async gc(options: GcOptions): Promise<Collected> {
    const work = async (session: Session): Promise<Collected> => ({
      runId: session.runId,
      status: 'collected',
      ...(await collectGarbage(session, options)),
    })
    return (await this.#begin('gc', options, work)).result()
  }

  /** Returns what a run would do, why, and how long it will take. Changes nothing. */
  plan(options: RunPlanOptions = {}): Promise<RunPlan> {
    return plan(this.#options, options)
  }

  /** Returns findings that the gate will make on any next candidate, such as a refused weights format. */
  foreseen(): Promise<readonly Finding[]> {
    return foreseen(this.#options)
  }

  /** Returns why a stage would run, or would not. */
  async why(stage: string, options: CallOptions = {}): Promise<PlannedStage> {
    return explain(await this.plan(options), stage)
  }

  /** Returns all releases, newest first. */
  history(options: CallOptions = {}): Promise<readonly Release[]> {
    const { clock, log } = this.#options
    return readHistory({ options: this.#options, context: callContext({ signal: options.signal, clock, log }) })
  }

  /** Returns the release that the channel points at. */
  current(options: CallOptions = {}): Promise<Release | undefined> {
    const { channel = 'latest', clock, log } = this.#options
    return this.#options.releaser.current(channel, callContext({ signal: options.signal, clock, log }))
  }

  /** Returns the version that each channel points at. */
  channels(options: CallOptions = {}): Promise<Readonly<Record<string, Version>>> {
    const { clock, log } = this.#options
    return this.#options.releaser.channels(callContext({ signal: options.signal, clock, log }))
  }

  /** Returns the records of the runs, newest first. Damaged records are left out. @default all */
  async runs({ limit = Number.POSITIVE_INFINITY }: { readonly limit?: number } = {}): Promise<readonly RunRecord[]> {
    const records: RunRecord[] = []
    for (const id of await this.runIds()) {
      if (records.length >= limit) break
      const record = await this.runRecord(id)
      if (record !== undefined) records.push(record)
    }
    return records
  }

  /** Returns the ids of all runs, newest first. */
  runIds(): Promise<readonly string[]> {
    return this.#options.store.runs.list()
  }

  /** Returns the record of a run; `undefined` if there is none, or if it is damaged. */
  async runRecord(runId: string): Promise<RunRecord | undefined> {
    const { store, clock, log } = this.#options
    const record = await readRun(store, runId)
    if (record?.status !== 'running' || store.heldLock === undefined) return record
    // A run keeps the lock until it ends. A run without an end and without the lock was killed.
    const held = await store.heldLock(callContext({ clock, log }))
    if (held?.token === record.lockToken) return record
    // It may have ended since its record was read.
    const now = await readRun(store, runId)
    return now?.status === 'running' ? { ...now, status: 'interrupted' } : now
  }

  /** Reads the events of a run until now, one by one. The run may be running in another process. */
  runEvents(runId: string): AsyncIterable<RunEvent> {
    return this.#options.store.runs.events(runId) as AsyncIterable<unknown> as AsyncIterable<RunEvent>
  }

  /**
   * Judges a run's candidate on a pool of unlabelled inputs. Only inputs that the candidate and the release answer differently
   * need a label; labels for the others would not change the decision.
   *
   * @throws `not-found` for a run without a comparison, `dataset-invalid`, `invalid-options` for a label that was not requested.
   */
  labelPool(runId: string, { signal, ...options }: LabelPoolOptions): Promise<LabelledPool> {
    const { clock, log } = this.#options
    return labelPool(this.#options, callContext({ signal, clock, log }), { ...options, runId })
  }

  /**
   * Returns the ledger after checking every link and the entry that the newest release references.
   *
   * @throws `artifact-corrupt` if an entry was edited, removed or reordered.
   */
  async ledger(options: CallOptions = {}): Promise<readonly LedgerEntry[]> {
    const { ledger, store, clock, log } = this.#options
    const context = callContext({ signal: options.signal, clock, log })
    const entries = await (ledger ?? storeLedger(store)).read(context)
    checkAnchor(entries, await this.history(options))
    return entries
  }

  /** Writes a decision of a live test into the ledger. @throws `storage-failed`. */
  async noteExperiment(decision: ExperimentDecision, options: CallOptions = {}): Promise<void> {
    const { ledger, store, clock, log, secrets } = this.#options
    const context = callContext({ signal: options.signal, clock, log })
    const hide = createRedactor(secrets)
    const { reason, by } = decision
    const hidden = { reason: hide(reason), ...(by !== undefined && { by: hide(by) }) }
    const runId = createRunId(context.clock.nowMs())
    await (ledger ?? storeLedger(store)).append({ type: 'experiment', runId, ...decision, ...hidden }, context)
  }

  /** Returns the versions that are in the ledger but not in the registry, oldest first. Runs are refused while there are any. */
  async missingReleases(options: CallOptions = {}): Promise<readonly Version[]> {
    return missingReleases(await this.ledger(options), await this.history(options))
  }

  /**
   * Records in the ledger that the missing releases are permanently lost, so that runs continue without them. Their versions stay
   * used.
   *
   * @returns the missing versions.
   * @throws `invalid-options` without a name and a reason.
   */
  acceptLoss({ signal, ...options }: AcceptLossOptions): Promise<readonly Version[]> {
    const { clock, log } = this.#options
    return acceptLoss(this.#options, callContext({ signal, clock, log }), options)
  }

  /** Returns the item scores that a run judged. @throws `not-found` if the run kept none. */
  evaluations(runId: string, options: CallOptions = {}): Promise<RunEvaluations> {
    const { store, clock, log } = this.#options
    return keptEvaluations(store, runId, callContext({ signal: options.signal, clock, log }))
  }

  #begin<R extends Outcome>(
    command: RunRecord['command'],
    call: CallOptions,
    work: (session: Session) => Promise<R>,
  ): Promise<Run<R>> {
    return beginRun({ options: this.#options, command, listeners: this.#listeners }, call, (session) => {
      if (this.#isForgetful) session.warn(forgetful)
      this.#isForgetful = false
      return work(session)
    })
  }
}

const forgetful =
  "The pipeline has no store: records, weights and the ledger are kept in memory and are gone when the process ends. Give it one: store: directoryStore('.sheikh')."
