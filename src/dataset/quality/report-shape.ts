import { finite, list, object, optional, type Shape, text, word } from '../../core/index.js'
import { type QualityReport, qualityKinds } from './quality-finding.js'

/** The numbers of a `TokenDistribution`. */
export const distributionShape = object({
  minimum: finite,
  median: finite,
  p95: finite,
  maximum: finite,
  total: finite,
})

/** What a `QualityReport` that a store gives looks like, as far as reports read it. */
export const qualityReportShape = object({
  formatVersion: word(1),
  status: word('pass', 'warn', 'fail'),
  rows: finite,
  findings: list(
    object({
      kind: word(...qualityKinds),
      severity: word('fail', 'warn'),
      ids: list(text),
      places: list(object({ id: text, path: text, position: text })),
      message: text,
    }),
  ),
  relabelled: optional(
    object({ compared: finite, rows: finite, moves: list(object({ before: text, after: text, rows: finite })) }),
  ),
  tokens: optional(
    object({
      tokenizer: object({ name: text }),
      rows: finite,
      uncounted: finite,
      ...{ sample: distributionShape, prompt: distributionShape, answer: optional(distributionShape) },
      limit: optional(object({ maximumTokens: finite, exceeding: finite })),
    }),
  ),
  unchecked: list(text),
}) as unknown as Shape<QualityReport & { readonly left: number }>
