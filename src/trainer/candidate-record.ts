import { digest, finite, json, list, object, optional, recordOf, type Shape, shapeOf, text } from '../core/index.js'
import type { CandidateRecord } from './trainer.js'

const curve = list(
  shapeOf(
    (value): value is readonly [number, number] =>
      Array.isArray(value) && value.length === 2 && value.every((number) => Number.isFinite(number)),
  ),
)

/** What a `CandidateRecord` looks like that a trainer, a store or a registry gives. */
export const candidateRecordShape: Shape<CandidateRecord> = object({
  trainer: object({ name: text, version: optional(text), describe: json }),
  seed: finite,
  trainingDigest: digest,
  base: optional(
    object({
      version: text,
      digest,
      replayShare: finite,
      replayed: optional(object({ rows: finite, of: finite })),
    }),
  ),
  releases: optional(list(object({ version: text, digest }))),
  developmentDigest: optional(digest),
  environment: optional(object({ packages: recordOf(text), device: json })),
  lossCurve: curve,
  developmentCurve: optional(curve),
  splitSteps: optional(finite),
})
