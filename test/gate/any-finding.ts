import fc from 'fast-check'
import type { Finding } from '../../src/gate/index.js'

type ByKind = { readonly [K in Finding['kind']]: fc.Arbitrary<Extract<Finding, { readonly kind: K }>> }

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const ratio = fc.double({ min: 0, max: 1, noNaN: true })
const drop = fc.double({ min: -1, max: 0, noNaN: true })
const level = fc.double({ min: 0.001, max: 0.2, noNaN: true })
const count = fc.integer({ min: 1, max: 500 })
const metricKind = fc.constantFrom('binary' as const, 'mean' as const, 'ratio' as const, 'aggregate' as const)
const against = fc.constantFrom('baseline' as const, 'best' as const)

/** Findings of each kind, with and without the members that may be absent. @param text names and sentences */
export function anyFinding(text: fc.Arbitrary<string>): ByKind {
  const base = {
    check: fc.oneof(text, fc.constantFrom('no-regression(accuracy)', 'at-least(accuracy)', 'latency')),
    status: fc.constantFrom('pass' as const, 'fail' as const, 'inconclusive' as const, 'not-applicable' as const),
    critical: fc.boolean(),
    reason: text,
    metric: maybe(text),
    metricKind: maybe(metricKind),
    slice: maybe(text),
    required: maybe(fc.boolean()),
    against: maybe(against),
    againstVersion: maybe(text),
    overridable: maybe(fc.boolean()),
    repeats: maybe(fc.boolean()),
  }
  const limit = {
    ...base,
    side: fc.constantFrom('at-least' as const, 'at-most' as const),
    threshold: ratio,
    unit: fc.constantFrom('ratio' as const, 'number' as const, 'bytes' as const, 'ms' as const),
    estimate: ratio,
  }
  const counted = { items: count, groups: count, engine: text, alpha: level }
  const compared = { ...base, metric: text, metricKind, against, againstVersion: text, items: count, groups: count }
  const regressed = { regressions: count, regressedIds: fc.array(text, { maxLength: 3 }) }
  const bin = fc.record({ confidence: ratio, accuracy: ratio, items: count })
  return {
    statement: fc.record({ kind: fc.constant('statement' as const), ...base }),
    limit: fc.record({ kind: fc.constant('limit' as const), ...limit }),
    bound: fc.record({
      kind: fc.constant('bound' as const),
      ...limit,
      ...counted,
      lower: maybe(ratio),
      upper: maybe(ratio),
      reliability: maybe(fc.array(bin, { maxLength: 3 })),
    }),
    comparison: fc.record({
      kind: fc.constant('comparison' as const),
      ...compared,
      ...counted,
      ...regressed,
      improvements: count,
      margin: ratio,
      estimate: fc.double({ min: -1, max: 1, noNaN: true }),
      lower: maybe(drop),
      upper: maybe(ratio),
      candidateValue: maybe(ratio),
      referenceValue: maybe(ratio),
      pPass: ratio,
      pFail: ratio,
      pFailAdjusted: maybe(ratio),
      smallestDetectableDrop: maybe(ratio),
      groupsNeeded: maybe(count),
    }),
    regressions: fc.record({
      kind: fc.constant('regressions' as const),
      ...compared,
      ...regressed,
      allowed: fc.nat({ max: 9 }),
    }),
    value: fc.record({
      kind: fc.constant('value' as const),
      ...base,
      metric: text,
      metricKind,
      candidateValue: ratio,
      referenceValue: maybe(ratio),
      items: count,
    }),
  }
}
