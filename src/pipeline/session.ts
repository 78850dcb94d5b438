import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, createRedactor, isSheikhError, type Json, messageOf, SheikhError } from '../core/index.js'
import { type Ledger, storeLedger } from '../gate/index.js'
import { type Lock, makeDirectory, storageFailed } from '../store/index.js'
import type { RunEvent, RunEventBody } from './events.js'
import type { Key } from './keys.js'
import type { PipelineOptions } from './options.js'
import type { RunRecord, StageRecord } from './run-result.js'

/**
 * One holder of the lock at work: its context, its record and its folder. What every stage needs and none may do by itself.
 */
export class Session {
  readonly options: PipelineOptions<unknown, unknown>
  readonly context: CallContext
  readonly ledger: Ledger
  readonly channel: string
  readonly lock: Lock
  record: RunRecord

  readonly #emit: (event: RunEvent) => void
  readonly #redact: (text: string) => string
  readonly #directory: string
  #sequence = 0
  #folders = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: {
    options: PipelineOptions<unknown, unknown>
    context: CallContext
    lock: Lock
    record: RunRecord
    directory: string
    emit: (event: RunEvent) => void
  }) {
    this.options = parts.options
    this.context = parts.context
    this.ledger = parts.options.ledger ?? storeLedger(parts.options.store)
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

  emit(body: RunEventBody): void {
    const event = this.#hide({
      ...body,
      runId: this.runId,
      atMs: this.context.clock.nowMs(),
      sequence: this.#sequence,
    } as unknown as Json) as unknown as RunEvent
    this.#sequence += 1
    this.#emit(event)
    // In order, and awaited by `flush`: an event that cannot be kept fails the run there.
    this.#writing = this.#writing.then(() => this.options.store.runs.append(this.runId, event as unknown as Json))
    this.#writing.catch(() => {})
  }

  warn(message: string, facts: Readonly<Record<string, Json>> = {}): void {
    this.context.log.warn(this.#redact(message), facts)
    this.emit({ type: 'warning', message, facts })
  }

  async update(changes: Partial<RunRecord>): Promise<void> {
    this.record = this.#hide({ ...this.record, ...changes } as unknown as Json) as unknown as RunRecord
    await this.options.store.runs.write(this.runId, this.record as unknown as Json)
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

  async removeFolders(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Runs a stage: events around it, its record, and a plain error of host code turned into one that names the stage. */
  async stage<V>(name: string, work: () => Promise<{ value: V; cached: boolean; key?: Key | undefined }>): Promise<V> {
    this.context.signal.throwIfAborted()
    const startedMs = this.context.clock.nowMs()
    this.emit({ type: 'stage-start', stage: name })
    const { value, cached, key } = await this.#guard(name, work)
    const durationMs = Math.max(0, this.context.clock.nowMs() - startedMs)
    this.emit({ type: 'stage-end', stage: name, cached, durationMs })
    const stage: StageRecord = { name, cached, durationMs, ...(key && { key: key.digest, parts: key.parts }) }
    await this.update({ stages: [...this.record.stages, stage] })
    return value
  }

  async #guard<V>(name: string, work: () => Promise<V>): Promise<V> {
    try {
      return await work()
    } catch (error) {
      if (this.context.signal.aborted || isSheikhError(error)) throw error
      // A full disk is no fault of the stage's, whoever was writing.
      const path = (error as { readonly path?: unknown } | null | undefined)?.path ?? this.#directory
      const failed = storageFailed(`finish the stage "${name}", which uses`, String(path), error)
      if (failed !== error) throw failed
      throw new SheikhError('stage-failed', `The stage "${name}" failed: ${messageOf(error)}.`, {
        facts: { stage: name },
        cause: error,
      })
    }
  }

  #hide(value: Json): Json {
    if (typeof value === 'string') return this.#redact(value)
    if (Array.isArray(value)) return value.map((item) => this.#hide(item))
    if (typeof value !== 'object' || value === null) return value
    const shown: Record<string, Json> = {}
    for (const [name, member] of Object.entries(value)) if (member !== undefined) shown[name] = this.#hide(member)
    return shown
  }
}
