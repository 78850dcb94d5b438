import {
  both,
  finite,
  flag,
  list,
  nonEmptyList,
  object,
  optional,
  type Shape,
  shapeOf,
  text,
  union,
  word,
} from '../core/index.js'
import type { Finding } from './finding.js'
import type { Verdict } from './gate.js'

const metricKind = word('binary', 'mean', 'ratio', 'aggregate')
const against = word('baseline', 'best')

const base = {
  check: text,
  status: word('pass', 'fail', 'inconclusive', 'not-applicable'),
  critical: flag,
  reason: text,
  metric: optional(text),
  metricKind: optional(metricKind),
  slice: optional(text),
  required: optional(flag),
  against: optional(against),
  againstVersion: optional(text),
  overridable: optional(flag),
  repeats: optional(flag),
}
const thresholded = {
  ...base,
  side: word('at-least', 'at-most'),
  threshold: finite,
  unit: word('ratio', 'number', 'bytes', 'ms'),
  estimate: finite,
}
const bound = {
  ...thresholded,
  lower: optional(finite),
  upper: optional(finite),
  items: finite,
  groups: finite,
  engine: text,
  alpha: finite,
  reliability: optional(list(object({ confidence: finite, accuracy: finite, items: finite }))),
}
const compared = {
  ...base,
  metric: text,
  metricKind,
  against,
  againstVersion: text,
  items: finite,
  groups: finite,
  regressions: finite,
  regressedIds: list(text),
}
const comparison = {
  ...compared,
  margin: finite,
  estimate: finite,
  lower: optional(finite),
  upper: optional(finite),
  candidateValue: optional(finite),
  referenceValue: optional(finite),
  improvements: finite,
  engine: text,
  alpha: finite,
  pPass: finite,
  pFail: finite,
  pFailAdjusted: optional(finite),
  smallestDetectableDrop: optional(finite),
  groupsNeeded: optional(finite),
}
const regressions = { ...compared, allowed: finite }
const value = {
  ...base,
  metric: text,
  metricKind,
  candidateValue: finite,
  referenceValue: optional(finite),
  items: finite,
}

const names = Object.keys({ ...bound, ...comparison, ...regressions, ...value })
const absent = optional(word())

/** A finding with these members, and with no member of another kind. */
const only = <const M extends Parameters<typeof object>[0]>(members: M) => {
  const others = names.filter((name) => !Object.hasOwn(members, name))
  const withoutOthers: Shape<unknown> = object(Object.fromEntries(others.map((name) => [name, absent])))
  return both(object(members), withoutOthers)
}

/** What a `Finding` looks like that a host's check gives. */
export const findingShape: Shape<Finding> = union('kind', {
  statement: only(base),
  limit: only(thresholded),
  bound: only(bound),
  comparison: only(comparison),
  regressions: only(regressions),
  value: only(value),
})

const findings = list(findingShape)
const level = shapeOf((value): value is number => typeof value === 'number' && value > 0 && value <= 1)

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
    passAlpha: optional(level),
    reuse: optional(object({ evaluationCount: finite, falsePassChance: finite, maximumEvaluations: optional(finite) })),
  }),
)
