import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, createRedactor, isSheikhError, type Json, redactJson, toJson } from '../core/index.js'
import type { AskedDataset, DatasetContext, OpenedDataset } from '../dataset/index.js'
import { storeLedger } from '../gate/index.js'
import { isStorageFault, type Lock, makeDirectory, storageFailed } from '../store/index.js'
import { ofCandidate, stageFailed } from './errors-of-stages.js'
import type { RunEvent, RunEventBody } from './events.js'
import type { Key } from './keys.js'
import { openFiles } from './open-files.js'
import type { PipelineParts } from './options.js'
import { writeRun } from './run-records.js'
import type { RunRecord, StageRecord } from './run-result.js'
import { SessionLedger } from './session-ledger.js'

/**
 * One holder of the lock at work: its context, its record and its folder. What every stage needs and none may do by itself.
 */
export class Session {
  readonly options: PipelineParts
  readonly context: CallContext
  readonly ledger: SessionLedger
  readonly channel: string
  readonly lock: Lock
  record: RunRecord

  readonly #emit: (event: RunEvent) => void
  readonly #redact: (text: string) => string
  readonly #directory: string
  #sequence = 0
  #folders = 0
  #files: Promise<string | undefined> | undefined
  #asked: AskedDataset | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: {
    options: PipelineParts
    context: CallContext
    lock: Lock
    record: RunRecord
    directory: string
    emit: (event: RunEvent) => void
  }) {
    this.options = parts.options
    this.context = parts.context
    this.ledger = new SessionLedger(parts.options.ledger ?? storeLedger(parts.options.store))
    this.channel = parts.options.channel ?? 'latest'
    this.lock = parts.lock
    this.record = parts.record
    this.#directory = parts.directory
    this.#emit = parts.emit
    this.#redact = createRedactor(parts.options.secrets)
  }

  get runId(): string {
    return this.record.runId
  }

  /** The context for what opens files that samples name: trainers and models. Files of Git LFS are fetched once. */
  async modelContext(): Promise<CallContext & { readonly filesDirectory?: string | undefined }> {
    const { dataset } = this.options
    this.#files ??= openFiles(dataset, join(this.#directory, 'files'), this.context)
    const filesDirectory = await this.#files
    return filesDirectory === undefined ? this.context : { ...this.context, filesDirectory }
  }

  /** Lets the dataset find out whether samples changed, while the caller reads what is released. */
  askDataset(): void {
    this.#asked = this.options.dataset.ask?.(this.#datasetContext)
  }

  /** Opens the dataset, once: its samples are those of a moment since `askDataset`, if that was called. */
  async openDataset(): Promise<OpenedDataset<unknown, unknown>> {
    const asked = this.#asked
    this.#asked = undefined
    return this.options.dataset.open(this.#datasetContext, asked)
  }

  get #datasetContext(): DatasetContext {
    return { ...this.context, cache: this.options.store.documents }
  }

  emit(body: RunEventBody): void {
    const event: RunEvent = this.hide({
      ...body,
      runId: this.runId,
      atMs: this.context.clock.nowMs(),
      sequence: this.#sequence,
    })
    this.#sequence += 1
    this.#emit(event)
    // In order, and awaited by `flush`: an event that cannot be kept fails the run there.
    this.#writing = this.#writing.then(() => this.options.store.runs.append(this.runId, toJson(event)))
    this.#writing.catch(() => {})
  }

  /** JSON without what is secret: for whatever is kept or sent, be it a record, a registry or the ledger. */
  hide<V>(value: V): V {
    return redactJson(value, this.#redact)
  }

  warn(message: string, facts: Readonly<Record<string, Json>> = {}): void {
    this.context.log.warn(this.#redact(message), this.hide(facts))
    this.emit({ type: 'warning', message, facts })
  }

  /** Changes the record, which is written with the next update: a stage's end, at the latest the run's. */
  note(changes: Partial<RunRecord>): void {
    this.record = this.hide({ ...this.record, ...changes })
  }

  async update(changes: Partial<RunRecord>): Promise<void> {
    this.note(changes)
    await writeRun(this.options.store, this.record)
  }

  async flush(): Promise<void> {
    await this.#writing
  }

  /** An empty folder, gone after the run. */
  async folder(purpose: string): Promise<string> {
    this.#folders += 1
    const path = join(this.#directory, `${this.#folders}-${purpose}`)
    await makeDirectory(path)
    return path
  }

  /** Removes the folders of the run, and waits for what continues after an error. */
  async end(): Promise<void> {
    await this.#asked?.ended
    await rm(this.#directory, { recursive: true, force: true })
  }

  /**
   * Runs a stage: events around it, its record, and a plain error of host code turned into one that names the stage.
   *
   * @param candidate the name of the candidate that it works on, if there are several.
   */
  async stage<V>(
    name: string,
    work: () => Promise<{
      value: V
      cached: boolean
      key?: Key | undefined
      told?: Json | undefined
      resumed?: boolean | undefined
    }>,
    candidate?: string,
  ): Promise<V> {
    this.context.signal.throwIfAborted()
    const startedMs = this.context.clock.nowMs()
    const of = candidate === undefined ? {} : { candidate }
    this.emit({ type: 'stage-start', stage: name, ...of })
    const { value, cached, key, told, resumed } = await this.#guard(name, work, candidate)
    const durationMs = Math.max(0, this.context.clock.nowMs() - startedMs)
    this.emit({ type: 'stage-end', stage: name, ...of, cached, durationMs })
    const stage: StageRecord = {
      ...{ name, ...of, cached, durationMs },
      ...(key && { key: key.digest, parts: key.parts }),
      ...(told !== undefined && { value: told }),
      ...(resumed === true && { resumed }),
    }
    await this.update({ stages: [...this.record.stages, stage] })
    return value
  }

  async #guard<V>(name: string, work: () => Promise<V>, candidate: string | undefined): Promise<V> {
    try {
      return await work()
    } catch (error) {
      if (this.context.signal.aborted) throw error
      if (isSheikhError(error)) throw ofCandidate(error, candidate)
      // A full disk is no fault of the stage's, whoever was writing.
      const path = (error as { readonly path?: unknown } | null | undefined)?.path ?? this.#directory
      if (isStorageFault(error)) throw storageFailed(`finish the stage "${name}", which uses`, String(path), error)
      throw stageFailed(name, candidate, error)
    }
  }
}
