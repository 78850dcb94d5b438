import { callContext, createRedactor, createRunId, isSheikhError, messageOf } from '../core/index.js'
import type { Lock, Store } from '../store/index.js'
import type { RunEvent, RunEventBase, RunEventOf } from './events.js'
import type { Listeners } from './listeners.js'
import type { CallOptions, PipelineParts } from './options.js'
import { EventLog, type Run } from './run.js'
import type { Outcome, RunRecord } from './run-result.js'
import { Session } from './session.js'

/**
 * Takes the lock and starts a command in the background.
 *
 * @throws `locked`.
 */
export async function beginRun<R extends Outcome>(
  of: {
    readonly options: PipelineParts
    readonly command: RunRecord['command']
    readonly listeners: Listeners
  },
  { signal }: CallOptions,
  work: (session: Session) => Promise<R>,
): Promise<Run<R>> {
  signal?.throwIfAborted()
  const { options, command, listeners } = of
  const { store, clock, log } = options
  const controller = new AbortController()
  // Combined once per run: a listener per batch would accumulate on a long-lived signal.
  const combined = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal])
  const context = callContext({ signal: combined, clock, log })
  const startedAtMs = context.clock.nowMs()
  const lock = await store.lock(command, context)
  const [latest] = await latestRun(store, lock)
  const events = new EventLog()
  const emit = (event: RunEvent) => {
    events.push(event)
    listeners.emit(event)
  }
  const record: RunRecord = {
    formatVersion: 1,
    runId: createRunId(startedAtMs, latest),
    command,
    status: 'running',
    startedAtMs,
    lockToken: lock.token,
    channel: options.channel ?? 'latest',
    stages: [],
  }
  const finished = carry({ options, context, lock, record, emit }, work).finally(() => {
    events.end()
    return listeners.settled(record.runId)
  })
  // `result()` rejects with the error. Without a call it must not become an unhandled rejection.
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

async function carry<R extends Outcome>(
  parts: Omit<ConstructorParameters<typeof Session>[0], 'directory'>,
  work: (session: Session) => Promise<R>,
): Promise<R> {
  const { options, lock, context } = parts
  let session: Session | undefined
  try {
    session = new Session({ ...parts, directory: await options.store.workDirectory(parts.record.runId) })
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
    const message = createRedactor(options.secrets)(messageOf(error))
    const code = isSheikhError(error) ? error.code : undefined
    // On a full disk this may fail too. Throw the first error.
    if (session !== undefined) await close(session, { status, reason: code, error: { code, message } }).catch(() => {})
    // Host code may have wrapped the abort. Throw the caller's own reason.
    context.signal.throwIfAborted()
    throw error
  } finally {
    await session?.end().catch(() => {})
    await lock.release()
  }
}

/** The id of the newest run, so that the next id sorts after it. Releases the lock if reading fails. */
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
  { error, version, ...end }: Omit<RunEventOf<'run-end'>, keyof RunEventBase | 'type'> & Pick<RunRecord, 'error'>,
): Promise<void> {
  const record = {
    ...end,
    endedAtMs: session.context.clock.nowMs(),
    ...(version !== undefined && { version }),
    ...(error !== undefined && { error }),
  }
  // The end event is sent once, so everything that can still fail comes before it.
  if (error === undefined) {
    await session.flush()
    await session.update(record)
  }
  session.emit({
    type: 'run-end',
    status: end.status,
    ...(end.reason !== undefined && { reason: end.reason }),
    ...(version !== undefined && { version }),
  })
  if (error !== undefined) await session.update(record)
  await session.flush()
}
