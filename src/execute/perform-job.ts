import {
  type CallContext,
  type Digest,
  digest,
  fits,
  isSheikhError,
  type Json,
  messageOf,
  recordOf,
  SheikhError,
  toJson,
} from '../core/index.js'
import { storageFailed, storageFaultOf } from '../store/index.js'
import type { JobContext, JobKind, WorkerParts } from './job.js'
import { type JobMessage, keyOfJob } from './job-message.js'
import type { KeptResult } from './kept-result.js'
import { packageVersion } from './package-version.js'

export interface PerformContext extends CallContext {
  readonly device?: string | undefined
  readonly workers: number
  readonly progress: (progress: Json) => void
}

/** Does a job in this process. @throws as `Executor.run`, but for what concerns other processes. */
export async function performJob(
  { store, kinds }: WorkerParts,
  message: JobMessage,
  context: PerformContext,
): Promise<KeptResult> {
  const { input, hints = null, objects } = message
  const kind = kindOf(kinds, message)
  context.signal.throwIfAborted()
  await checkObjects(store, message)
  const jobContext: JobContext = {
    ...context,
    ...{ job: keyOfJob(message).digest, store, objects, hints },
    progress: (progress) => context.progress(toJson(progress ?? null)),
  }
  try {
    // As the caller wrote it, which `toJobMessage` made JSON of.
    return resultOf(await kind.run(input as never, jobContext), kind.name)
  } catch (error) {
    context.signal.throwIfAborted()
    // A full disk is not the fault of the work.
    const fault = isSheikhError(error) && error.code !== 'stage-failed' ? undefined : storageFaultOf(error)
    if (fault !== undefined)
      throw storageFailed(`finish a job of the kind "${kind.name}", which uses`, String(fault.path), fault)
    if (isSheikhError(error)) throw error
    throw new SheikhError('stage-failed', `The job "${kind.name}" failed: ${messageOf(error)}.`, {
      facts: { kind: kind.name },
      cause: error,
    })
  }
}

function kindOf(kinds: WorkerParts['kinds'], { kind: { name, version }, package: sender }: JobMessage) {
  const mismatch = (what: string, its: string, ours: string) =>
    new SheikhError(
      'version-mismatch',
      `Cannot run a job of the kind "${name}": it needs version ${its} of ${what}, and the worker has version ${ours}. Use the same version everywhere, and restart the workers.`,
      { facts: { kind: name, expected: its, found: ours } },
    )
  if (sender !== packageVersion()) throw mismatch('sheikh-freemium', sender, packageVersion())
  const kind = kinds.find((candidate) => candidate.name === name)
  if (kind === undefined) {
    const known = kinds.length === 0 ? 'none' : kinds.map((candidate) => candidate.name).join(', ')
    throw new SheikhError(
      'not-found',
      `Cannot run a job of the kind "${name}": the worker does not have it. It has: ${known}. Add the kind to the worker's module.`,
      { facts: { kind: name } },
    )
  }
  if (kind.version !== version) throw mismatch('the kind', version, kind.version)
  return kind as JobKind<never, unknown>
}

/** An object that is lost is reported before hours of work. */
async function checkObjects(store: WorkerParts['store'], { kind, objects }: JobMessage): Promise<void> {
  for (const [name, object] of Object.entries(objects))
    if (!(await store.objects.has(object)))
      throw new SheikhError(
        'not-found',
        `Cannot run a job of the kind "${kind.name}": the store of the worker does not contain its object "${name}" (${object}). Give caller and worker the same store, and put the object again.`,
        { facts: { kind: kind.name, object: name, digest: object } },
      )
}

function resultOf(output: unknown, kind: string): KeptResult {
  const { value, objects = {} } = (output ?? {}) as { readonly value?: unknown; readonly objects?: unknown }
  // As a result that is read back from the store: both have to be equal.
  if (value !== undefined && fits(recordOf(digest), objects))
    return { value: toJson(value), objects: objects as Readonly<Record<string, Digest>> }
  throw new SheikhError(
    'stage-failed',
    `Cannot use what a job of the kind "${kind}" returned: it is not { value, objects } with digests as objects. Correct the kind.`,
    { facts: { kind } },
  )
}
