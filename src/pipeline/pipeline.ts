import { EventEmitter } from 'eventemitter3'
import { callContext, createRedactor, createRunId, isSheikhError, messageOf, SheikhError } from '../core/index.js'
import { type Finding, type LedgerEntry, storeLedger } from '../gate/index.js'
import type { Release, Version } from '../releaser/index.js'
import type { Lock, Store } from '../store/index.js'
import { approve, override } from './approve-override.js'
import { collectGarbage, type GcPlan, planGc } from './collect-garbage.js'
import type { RunEvent, RunEventOf, RunEventType } from './events.js'
import { foreseen } from './foresee.js'
import { importModel } from './import-model.js'
import { keptEvaluations, type RunEvaluations } from './kept-evaluations.js'
import { type LabelledPool, type LabelPoolOptions, labelPool } from './label-pool.js'
import { checkAnchor } from './ledger-anchor.js'
import { readHistory } from './lookup.js'
import { acceptLoss, missingReleases } from './missing-releases.js'
import { checkNamedBase } from './named-base.js'
import type {
  AcceptLossOptions,
  ApproveOptions,
  CallOptions,
  GcOptions,
  ImportOptions,
  OverrideOptions,
  PipelineOptions,
  PromoteOptions,
  RepublishOptions,
  RollbackOptions,
  RunOptions,
} from './options.js'
import { explain, plan, type RunPlan } from './plan.js'
import type { PlannedStage } from './plan-stages.js'
import { promoteRelease } from './promote-release.js'
import { reproduce } from './reproduce.js'
import { republish, rollback } from './restore.js'
import { EventLog, type Run } from './run.js'
import type { Collected, Imported, Outcome, Promoted, Reproduction, RunRecord, RunResult } from './run-result.js'
import { Session } from './session.js'
import { checkStages } from './stage.js'
import { walk } from './walk.js'

/**
 * The road from data to a release, composed of five parts that know nothing of each other.
 *
 * @example
 * const pipeline = new Pipeline({ dataset, trainer, gate, releaser, store: directoryStore('.sheikh') })
 * const result = await pipeline.run()
 * if (result.status === 'released') console.log(result.release.version)
 *
 * @throws `invalid-options` where a stage could never run, a name is not one, or the trainer cannot start from the base.
 */
export class Pipeline<I = string, T = string> {
  readonly #options: PipelineOptions<unknown, unknown>
  readonly #emitter = new EventEmitter()

  constructor(options: PipelineOptions<I, T>) {
    checkStages(options.stages ?? [])
    if (options.seed !== undefined && !Number.isSafeInteger(options.seed))
      throw new SheikhError('invalid-options', `Cannot use the seed ${options.seed}: it is not a whole number.`)
    if (options.channel !== undefined && !/^[a-z0-9][a-z0-9-]*$/.test(options.channel))
      throw new SheikhError(
        'invalid-options',
        `Cannot use the channel "${options.channel}": write it in a-z, 0-9 and "-".`,
      )
    if (options.base !== undefined) checkNamedBase(options.base, options.trainer)
    // The parts agree on their types here; inside, rows are passed along and never looked into.
    this.#options = options as unknown as PipelineOptions<unknown, unknown>
  }

  /** Listens to one type of event. Returns a function that stops it. What a listener throws is logged, and stops nothing. */
  on<Type extends RunEventType>(type: Type, listener: (event: RunEventOf<Type>) => void): () => void {
    const failed = (error: unknown) => {
      const message = `A listener to "${type}" failed: ${messageOf(error)}`
      this.#options.log?.warn(createRedactor(this.#options.secrets)(message))
    }
    const guarded = (event: RunEventOf<Type>) => {
      try {
        // An async function is a listener too, and a rejection that nobody handles ends the process.
        Promise.resolve(listener(event) as unknown).catch(failed)
      } catch (error) {
        failed(error)
      }
    }
    this.#emitter.on(type, guarded)
    return () => {
      this.#emitter.off(type, guarded)
    }
  }

  /**
   * Walks the road to its end.
   *
   * @throws `locked`, `repository-dirty`, `dataset-invalid`, `dataset-changed`, `train-diverged`, `artifact-corrupt`,
   * `release-rejected`, `release-conflict`, `storage-failed`, `stage-failed`; the signal's reason where it is aborted.
   */
  async run(options: RunOptions = {}): Promise<RunResult> {
    return (await this.start(options)).result()
  }

  /** Takes the lock and starts to walk; the walk goes on while the caller does other things. @throws `locked`. */
  start(options: RunOptions = {}): Promise<Run> {
    return this.#begin('run', options, (session) => walk(session, options))
  }

  /** Releases what the run `runId` left open. @throws `not-found`, `release-conflict` where something newer was committed or released. */
  async approve(runId: string, options: ApproveOptions): Promise<RunResult> {
    return (await this.#begin('approve', options, async (session) => approve(session, runId, options))).result()
  }

  /**
   * Releases the run `runId`, which was held, against its evidence: with a name, a reason and an end.
   *
   * @throws `not-found`; `release-rejected` where weights are not whole; `release-conflict` as `approve`.
   */
  async override(runId: string, options: OverrideOptions): Promise<RunResult> {
    return (await this.#begin('override', options, async (session) => override(session, runId, options))).result()
  }

  /** Publishes an earlier bundle as a new version and withdraws what the channel pointed at. @throws `not-found`. */
  async rollback(options: RollbackOptions): Promise<RunResult> {
    return (await this.#begin('rollback', options, (session) => rollback(session, options))).result()
  }

  /**
   * Publishes a release again as a new version: into registries that were added since, or signed with another key.
   *
   * @throws `not-found`; `release-rejected` for what is withdrawn.
   */
  async republish(version: string, options: RepublishOptions): Promise<RunResult> {
    return (await this.#begin('republish', options, (session) => republish(session, version, options))).result()
  }

  /**
   * Points a further channel, like `production`, at a release.
   *
   * @throws `not-found`; `release-rejected` for the pipeline's own channel, and for a release that is withdrawn or was made
   * of uncommitted changes.
   */
  async promote(version: string, options: PromoteOptions): Promise<Promoted> {
    return (await this.#begin('promote', options, (session) => promoteRelease(session, version, options))).result()
  }

  /**
   * Takes a model that lives elsewhere as the first release, so that the gate compares with it and versions go on from it.
   * It is scored, and not judged.
   *
   * @throws `release-conflict` where something is released already; `release-rejected` where the trainer cannot use it.
   */
  async import(options: ImportOptions): Promise<Imported> {
    return (await this.#begin('import', options, (session) => importModel(session, options))).result()
  }

  /**
   * Trains a release again from nothing, with what is here now, and compares the bytes; or names the first input that is
   * another one than then.
   *
   * @param version @default the release that the channel points at
   * @throws `not-found` where there is no such release, or nothing is known of how it was made.
   */
  async reproduce(version?: Version, options: CallOptions = {}): Promise<Reproduction> {
    return (await this.#begin('reproduce', options, (session) => reproduce(session, version))).result()
  }

  /** Which releases' files `gc` would remove, and why it keeps the others. Writes nothing. @throws `invalid-options`. */
  planGc(options: GcOptions): Promise<GcPlan> {
    const { clock, log } = this.#options
    return planGc(this.#options, callContext({ signal: options.signal, clock, log }), options)
  }

  /**
   * Removes the files of old releases; what is known of them stays, and their versions stay used. Never those of the
   * newest, of the best, of one that a channel points at, or of the named base.
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

  /** What a run would do, and why. Writes nothing. */
  plan(options: CallOptions = {}): Promise<RunPlan> {
    return plan(this.#options, options)
  }

  /** What the gate will find on the next candidate, whatever is trained: a format of weights that it refuses, for example. */
  foreseen(): Promise<readonly Finding[]> {
    return foreseen(this.#options)
  }

  /** Why a stage would run, or would not. */
  async why(stage: string, options: CallOptions = {}): Promise<PlannedStage> {
    return explain(await this.plan(options), stage)
  }

  /** All releases, newest first. */
  history(options: CallOptions = {}): Promise<readonly Release[]> {
    const { clock, log } = this.#options
    return readHistory({ options: this.#options, context: callContext({ signal: options.signal, clock, log }) })
  }

  /** The release that the channel points at. */
  current(options: CallOptions = {}): Promise<Release | undefined> {
    const { channel = 'latest', clock, log } = this.#options
    return this.#options.releaser.current(channel, callContext({ signal: options.signal, clock, log }))
  }

  /** Where every channel points. */
  channels(options: CallOptions = {}): Promise<Readonly<Record<string, Version>>> {
    const { clock, log } = this.#options
    return this.#options.releaser.channels(callContext({ signal: options.signal, clock, log }))
  }

  /** Records of the runs, newest first. @default all */
  async runs({ limit = Number.POSITIVE_INFINITY }: { readonly limit?: number } = {}): Promise<readonly RunRecord[]> {
    const { store, clock, log } = this.#options
    const held = await store.heldLock?.(callContext({ clock, log }))
    const records: RunRecord[] = []
    for (const id of await store.runs.list()) {
      if (records.length >= limit) break
      const record = (await store.runs.read(id)) as unknown as RunRecord | undefined
      if (record === undefined) continue
      // A run holds the lock to its end: one that does not hold it any more was killed.
      const isInterrupted =
        record.status === 'running' && store.heldLock !== undefined && held?.token !== record.lockToken
      records.push(isInterrupted ? { ...record, status: 'interrupted' } : record)
    }
    return records
  }

  /**
   * Judges a run's candidate on a pool of unlabelled inputs: only those that it and the release answer differently need a
   * label, and the decision is the one that labels of all would give.
   *
   * @throws `not-found` for a run that compared nothing, `dataset-invalid`, `invalid-options` for a label that was not asked.
   */
  labelPool(runId: string, { signal, ...options }: LabelPoolOptions): Promise<LabelledPool> {
    const { clock, log } = this.#options
    return labelPool(this.#options, callContext({ signal, clock, log }), { ...options, runId })
  }

  /**
   * The ledger, every link checked, and against what the newest release remembers of it.
   *
   * @throws `artifact-corrupt` where a line was edited, dropped or reordered.
   */
  async ledger(options: CallOptions = {}): Promise<readonly LedgerEntry[]> {
    const { ledger, store, clock, log } = this.#options
    const context = callContext({ signal: options.signal, clock, log })
    const entries = await (ledger ?? storeLedger(store)).read(context)
    checkAnchor(entries, await this.history(options))
    return entries
  }

  /** Versions that the ledger records and the registry lacks, oldest first. While there are any, no run decides anything. */
  async missingReleases(options: CallOptions = {}): Promise<readonly Version[]> {
    return missingReleases(await this.ledger(options), await this.history(options))
  }

  /**
   * Records that the missing releases are lost for good, so that the next run starts without them. Their versions stay used.
   *
   * @returns the versions.
   * @throws `invalid-options` without a name and a reason.
   */
  acceptLoss({ signal, ...options }: AcceptLossOptions): Promise<readonly Version[]> {
    const { clock, log } = this.#options
    return acceptLoss(this.#options, callContext({ signal, clock, log }), options)
  }

  /** What a run judged, item by item. @throws `not-found` where it kept nothing. */
  evaluations(runId: string, options: CallOptions = {}): Promise<RunEvaluations> {
    const { store, clock, log } = this.#options
    return keptEvaluations(store, runId, callContext({ signal: options.signal, clock, log }))
  }

  async #begin<R extends Outcome>(
    command: RunRecord['command'],
    { signal }: CallOptions,
    work: (session: Session) => Promise<R>,
  ): Promise<Run<R>> {
    signal?.throwIfAborted()
    const { store, clock, log } = this.#options
    const controller = new AbortController()
    // Combined once a run: a listener for every batch would pile up on a long-lived signal.
    const combined = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal])
    const context = callContext({ signal: combined, clock, log })
    const startedAtMs = context.clock.nowMs()
    const lock = await store.lock(command, context)
    const [latest] = await latestRun(store, lock)
    const events = new EventLog()
    const emit = (event: RunEvent) => {
      events.push(event)
      this.#emitter.emit(event.type, event)
    }
    const record: RunRecord = {
      formatVersion: 1,
      runId: createRunId(startedAtMs, latest),
      command,
      status: 'running',
      startedAtMs,
      lockToken: lock.token,
      channel: this.#options.channel ?? 'latest',
      stages: [],
    }
    const finished = this.#carry({ context, lock, record, emit }, work).finally(() => events.end())
    // Whoever asks for the result meets the error; nobody has to ask.
    finished.catch(() => {})
    return {
      id: record.runId,
      result: () => finished,
      abort: (reason) => controller.abort(reason),
      [Symbol.asyncIterator]: () => events[Symbol.asyncIterator](),
      async [Symbol.asyncDispose]() {
        controller.abort()
        await finished.catch(() => {})
      },
    }
  }

  async #carry<R extends Outcome>(
    parts: Omit<ConstructorParameters<typeof Session>[0], 'options' | 'directory'>,
    work: (session: Session) => Promise<R>,
  ): Promise<R> {
    const { lock, context } = parts
    let session: Session | undefined
    try {
      session = new Session({
        ...parts,
        options: this.#options,
        directory: await this.#options.store.workDirectory(parts.record.runId),
      })
      await session.update({})
      session.emit({ type: 'run-start', command: parts.record.command })
      const result = await work(session)
      await close(session, {
        status: result.status,
        reason: 'reason' in result ? result.reason : undefined,
        version: 'release' in result ? result.release.version : undefined,
      })
      return result
    } catch (error) {
      const status = context.signal.aborted ? 'aborted' : 'failed'
      const message = createRedactor(this.#options.secrets)(messageOf(error))
      const code = isSheikhError(error) ? error.code : undefined
      // A full disk may refuse this too: the error that is thrown is the first one.
      if (session !== undefined)
        await close(session, { status, reason: code, error: { code, message } }).catch(() => {})
      // Whatever host code made of the abort: the caller knows its own reason.
      context.signal.throwIfAborted()
      throw error
    } finally {
      await session?.removeFolders().catch(() => {})
      await lock.release()
    }
  }
}

/** The newest run's id, so that the next one sorts after it. Lets the lock go if that cannot be read. */
async function latestRun({ runs }: Store, lock: Lock): Promise<readonly string[]> {
  try {
    return await runs.list()
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function close(
  session: Session,
  { error, version, ...end }: Pick<RunRecord, 'status' | 'reason' | 'version' | 'error'>,
): Promise<void> {
  const record = {
    ...end,
    endedAtMs: session.context.clock.nowMs(),
    ...(version !== undefined && { version }),
    ...(error !== undefined && { error }),
  }
  // The end is said once: what can still make a failure of a good run comes before it.
  if (error === undefined) {
    await session.flush()
    await session.update(record)
  }
  session.emit({
    type: 'run-end',
    status: end.status as never,
    ...(end.reason !== undefined && { reason: end.reason }),
    ...(version !== undefined && { version }),
  })
  if (error !== undefined) await session.update(record)
  await session.flush()
}
