import { hostname } from 'node:os'
import { type CallContext, fits, isSheikhError, SheikhError } from '../../core/index.js'
import { isName } from '../../store/index.js'
import type { WorkerParts } from '../job.js'
import { type JobMessage, jobMessageShape, keyOfJob } from '../job-message.js'
import { packageVersion } from '../package-version.js'
import { queuedJobShape } from './queued-job.js'

/** The job in a log. Everybody who can write to the queue chooses the data, so other text is not repeated. */
export const nameOfJob = (data: unknown): string =>
  fits(queuedJobShape, data) && isName(data.kind) ? `Job "${data.kind}" (${data.job})` : 'An unreadable job'

/** @throws `version-mismatch`, `not-found`, `stage-failed` for what is no job. */
export async function messageOfJob(data: unknown, { store }: WorkerParts, context: CallContext): Promise<JobMessage> {
  const unreadable = (fact: string) =>
    new SheikhError('stage-failed', `Cannot read a job: ${fact}. Use the same version of sheikh-freemium everywhere.`)
  const { package: sender } = (data ?? {}) as { readonly package?: unknown }
  if (typeof sender === 'string' && sender !== packageVersion())
    throw new SheikhError(
      'version-mismatch',
      `Cannot run a job: it was sent by version ${sender} of sheikh-freemium, and the worker ${hostname()} has version ${packageVersion()}. Use the same version everywhere, and restart the workers.`,
      { facts: { expected: sender, found: packageVersion(), host: hostname() } },
    )
  if (!fits(queuedJobShape, data)) throw unreadable('it has another form')
  const bytes = await store.objects.get(data.message, context).catch((error: unknown) => {
    if (!isSheikhError(error, 'not-found')) throw error
    throw new SheikhError(
      'not-found',
      `Cannot run a job of the kind "${data.kind}": the store of the worker ${hostname()} does not contain the job (${data.message}). Give caller and worker the same store.`,
      { facts: { kind: data.kind, digest: data.message }, cause: error },
    )
  })
  const message: unknown = JSON.parse(Buffer.from(bytes).toString())
  if (!fits(jobMessageShape, message) || keyOfJob(message).digest !== data.job) throw unreadable('it is another job')
  return message
}
