import { digest, finite, list, object, optional, recordOf, type Shape, text } from '../core/index.js'
import type { DatasetSummary } from './dataset-types.js'

const byPart = object({ training: recordOf(finite), evaluation: recordOf(finite) })

/** What a `DatasetSummary` looks like that a store or a registry gives. */
export const datasetSummaryShape: Shape<DatasetSummary> = object({
  fingerprint: digest,
  trainingDigest: digest,
  evaluationDigest: digest,
  developmentDigest: optional(digest),
  counts: object({
    rows: finite,
    training: finite,
    evaluation: finite,
    excludedByGroup: finite,
    development: optional(finite),
    leftOut: optional(finite),
    quarantined: optional(finite),
  }),
  excludedByGroupIds: list(text),
  labels: optional(byPart),
  slices: byPart,
  warnings: list(object({ code: text, message: text, ids: list(text) })),
})
