// A job as it travels to a worker, and its identity.
import {
  canonicalJson,
  type Digest,
  digest,
  digestBytes,
  finite,
  type Json,
  json,
  object,
  optional,
  recordOf,
  type Shape,
  SheikhError,
  text,
} from '../core/index.js'
import { isName } from '../store/index.js'
import type { Job, JobResources } from './job.js'
import { packageVersion } from './package-version.js'

/** A job, as JSON. */
export const jobMessageShape = object({
  kind: object({ name: text, version: text }),
  /** The version of this package that sends the job. */
  package: text,
  input: json,
  /** Not a part of the identity. */
  hints: optional(json),
  objects: recordOf(digest),
  resources: object({ device: optional(text), memoryMb: optional(finite) }),
  retries: finite,
})
export type JobMessage = typeof jobMessageShape extends Shape<infer T> ? T : never

export interface JobKey {
  readonly digest: Digest
  /** What identifies the job. */
  readonly parts: Json
}

/** @throws `invalid-options` for a job that is not JSON, or whose parts have another form. */
export function toJobMessage<I, O>({
  kind,
  input,
  hints,
  objects = {},
  resources = {},
  retries = 2,
}: Job<I, O>): JobMessage {
  const fail = (fact: string) =>
    new SheikhError('invalid-options', `Cannot run a job of the kind ${JSON.stringify(kind.name)}: ${fact}.`, {
      facts: { kind: kind.name },
    })
  if (!isName(kind.name)) throw fail('the name of a kind has lower-case letters, digits and "-". Choose another one')
  if (typeof kind.version !== 'string') throw fail('the kind has no version. Give it one, such as "1"')
  if (!Number.isSafeInteger(retries) || retries < 0)
    throw fail(`"retries" is ${retries}, which is not an integer of at least 0. Correct it`)
  const { memoryMb } = resources
  if (memoryMb !== undefined && !(memoryMb > 0 && Number.isFinite(memoryMb)))
    throw fail(`"memoryMb" is ${memoryMb}, which is not above 0. Give a number of MB`)
  // Also checks that all is JSON.
  const message = canonicalJson({
    kind: { name: kind.name, version: kind.version },
    package: packageVersion(),
    ...{ input: input ?? null, hints: hints ?? undefined, objects, resources: plain(resources), retries },
  })
  return JSON.parse(message) as JobMessage
}

const plain = ({ device, memoryMb }: JobResources) => ({ device, memoryMb })

/** Hints, retries and memory do not change a result. */
export function keyOfJob({ kind, package: version, input, objects, resources: { device } }: JobMessage): JobKey {
  const parts = { job: kind, package: version, input, objects, ...(device !== undefined && { device }) }
  const content = canonicalJson(parts)
  return { digest: digestBytes(content), parts: JSON.parse(content) as Json }
}
