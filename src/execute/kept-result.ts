// Results of jobs in the store, under the identity of the job.
import { type CallContext, canonicalJson, digest, fits, json, object, recordOf, type Shape } from '../core/index.js'
import type { Store } from '../store/index.js'
import type { JobKey } from './job-message.js'

const resultShape = object({ value: json, objects: recordOf(digest) })
/** The result of a job, as JSON. */
export type KeptResult = typeof resultShape extends Shape<infer T> ? T : never

/** The result of an equal job; `undefined` if there is none, or if the store lost one of its objects. */
export async function findResult(store: Store, key: JobKey): Promise<KeptResult | undefined> {
  const record = await store.keys.get(key.digest)
  if (record === undefined || canonicalJson(record.parts) !== canonicalJson(key.parts)) return undefined
  const { value } = record
  if (!fits(resultShape, value)) return undefined
  const found = await Promise.all(Object.values(value.objects).map((object) => store.objects.has(object)))
  return found.every(Boolean) ? value : undefined
}

/** Keeps the result for later equal jobs. */
export async function keepResult(
  store: Store,
  key: JobKey,
  { value, objects }: KeptResult,
  { clock }: CallContext,
): Promise<void> {
  const record = { formatVersion: 1, key: key.digest, parts: key.parts, value: { value, objects } } as const
  await store.keys.put({ ...record, runId: 'job', atMs: clock.nowMs() })
}
