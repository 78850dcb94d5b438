import { type CallContext, type Digest, digestJson, hexOf, type JsonObject } from '../core/index.js'
import type { Dataset } from '../dataset/index.js'
import type { Row } from '../model/index.js'
import type { LeftOutReason } from './batch.js'
import type { Candidate } from './weigh.js'

/** The fields of a sample, as the projection of the dataset names them. */
export interface SampleFields {
  /** @default 'id', if the schema allows it */
  readonly id?: string | undefined
  /** Absent: a template makes the input, so that only an input that is a sample can become one. */
  readonly input?: string | undefined
  readonly target: string
}

export type MadeSample =
  | {
      readonly candidate: Candidate
      readonly id: string
      readonly sample: JsonObject
      readonly sampleDigest: Digest
      readonly row: Row<unknown, unknown>
      readonly problem?: undefined
    }
  | {
      readonly candidate: Candidate
      readonly problem: { readonly reason: LeftOutReason; readonly detail: string }
      readonly sample?: undefined
    }

/**
 * Writes candidates as samples that the schema and the projection accept. An object becomes the sample itself, with the target; any
 * other input becomes the field of the input.
 */
export async function validSamples(
  dataset: Dataset<unknown, unknown>,
  fields: SampleFields,
  candidates: readonly Candidate[],
  context: CallContext,
): Promise<readonly MadeSample[]> {
  const written = candidates.map((candidate) => {
    const sample = withTarget(candidate, fields)
    // The client does not choose the id: it could be that of another sample.
    const id = `feedback-${hexOf(digestJson([candidate.input, candidate.target])).slice(0, 16)}`
    return { candidate, id, sample, named: sample && { [fields.id ?? 'id']: id, ...sample } }
  })
  const first = await dataset.examine(
    written.map(({ named }) => named),
    context,
  )
  // A schema may allow no id; a projection that names one needs it.
  const again = await dataset.examine(
    written.map(({ sample }, index) => (first[index]!.row === undefined ? sample : undefined)),
    context,
  )
  return written.map(({ candidate, id, sample, named }, index): MadeSample => {
    if (sample === undefined || named === undefined)
      return {
        candidate,
        problem: { reason: 'not-a-sample', detail: 'its input is no object, and a template makes inputs' },
      }
    const [given, bare] = [first[index]!, again[index]!]
    if (given.row !== undefined) return { candidate, id, sample: named, ...given, problem: undefined }
    if (bare.row !== undefined && fields.id === undefined) return { candidate, id, sample, ...bare, problem: undefined }
    return { candidate, problem: { reason: 'invalid', detail: given.problem } }
  })
}

function withTarget({ input, target }: Candidate, fields: SampleFields): JsonObject | undefined {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) {
    const own = Object.entries(input).filter(([name]) => name !== (fields.id ?? 'id') && name !== fields.target)
    return { ...Object.fromEntries(own), [fields.target]: target }
  }
  return fields.input === undefined ? undefined : { [fields.input]: input, [fields.target]: target }
}
