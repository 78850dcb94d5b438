import {
  both,
  finite,
  flag,
  list,
  nonEmptyList,
  object,
  optional,
  type Shape,
  text,
  union,
  word,
} from '../core/index.js'
import type { Finding, Verdict } from './gate.js'

const findingShape: Shape<Finding> = object({
  check: text,
  status: word('pass', 'fail', 'inconclusive', 'not-applicable'),
  critical: flag,
  reason: text,
  required: optional(flag),
  metric: optional(text),
  kind: optional(word('binary', 'mean', 'ratio', 'aggregate')),
  slice: optional(text),
  against: optional(word('baseline', 'best')),
  againstVersion: optional(text),
  unit: optional(word('bytes', 'ms')),
  estimate: optional(finite),
  lower: optional(finite),
  upper: optional(finite),
  candidateValue: optional(finite),
  referenceValue: optional(finite),
  items: optional(finite),
  groups: optional(finite),
  regressions: optional(finite),
  improvements: optional(finite),
  engine: optional(text),
  alpha: optional(finite),
  pPass: optional(finite),
  pFail: optional(finite),
  pFailAdjusted: optional(finite),
  margin: optional(finite),
  threshold: optional(finite),
  smallestDetectableDrop: optional(finite),
  groupsNeeded: optional(finite),
  regressedIds: optional(list(text)),
  reliability: optional(list(object({ confidence: finite, accuracy: finite, items: finite }))),
  overridable: optional(flag),
  repeats: optional(flag),
})

const findings = list(findingShape)

/** What a `Verdict` looks like that a gate of a host's own, a store or a registry gives. */
export const verdictShape: Shape<Verdict> = both(
  union('status', {
    pass: object({ findings }),
    inconclusive: object({ findings }),
    fail: object({ findings: nonEmptyList(findingShape) }),
  }),
  object({
    summary: text,
    whenInconclusive: word('ask', 'hold', 'release'),
    policyChanges: optional(list(object({ change: text, looser: flag, check: optional(text) }))),
    reuse: optional(object({ evaluationCount: finite, falsePassChance: finite, maximumEvaluations: optional(finite) })),
  }),
)
