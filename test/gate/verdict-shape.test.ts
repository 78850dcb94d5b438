import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext, isSheikhError, misfitOf } from '../../src/core/index.js'
import { accuracy, macroF1 } from '../../src/evaluation/index.js'
import {
  atLeast,
  beatsMajority,
  benchmarks,
  type Check,
  calibration,
  type Finding,
  improves,
  latency,
  noNewFailures,
  noRegression,
  qualityGate,
  reportOnly,
  size,
  verdictShape,
} from '../../src/gate/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { rounds } from '../whole.js'
import { anyFinding } from './any-finding.js'

const context = callContext()

/** Evidence that a check refuses has no verdict. */
function noVerdict(error: unknown): undefined {
  if (!isSheikhError(error)) throw error
}

const checks: readonly (() => Check)[] = [
  () => beatsMajority(accuracy()),
  () => noRegression(accuracy(), { margin: 0.02 }),
  () => improves(accuracy()),
  () => noNewFailures(accuracy()),
  () => calibration(),
  () => latency({ maximumMs: 5 }),
  () => size({ maximumBytes: 10 }),
  () =>
    benchmarks(accuracy(), [
      { name: 'kind=1', threshold: 0.5 },
      { name: 'absent', threshold: 0.5 },
    ]),
  () => reportOnly(macroF1()),
]

it('every verdict fits the shape by which stores and registries are read, before and after JSON', async () => {
  let decided = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.subarray([...checks], { minLength: 1 }),
      fc.record({
        candidate: fc.double({ min: 0, max: 1, noNaN: true }),
        old: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.record({ groups: fc.boolean(), slices: fc.boolean(), baseline: fc.boolean(), latencies: fc.boolean() }),
      fc.integer(),
      async (count, chosen, quality, has, seed) => {
        const random = (index: number, salt: number) => Math.abs(Math.sin(index * 12.9898 + salt + (seed % 1000))) % 1
        const parts = (salt: number, share: number) => ({
          scores: Array.from({ length: count }, (_, index) => Number(random(index, salt) < share)),
          ...(has.groups && { groups: Array.from({ length: count }, (_, index) => `g${index % 7}`) }),
          ...(has.slices && { slices: { kind: Array.from({ length: count }, (_, index) => String(index % 3)) } }),
        })
        const candidate = evaluationOf({ model: 'new', ...parts(1, quality.candidate) })
        const evidence = evidenceOf(
          candidate,
          has.baseline ? evaluationOf({ model: 'old', ...parts(2, quality.old) }) : undefined,
        )
        const latenciesMs = has.latencies ? Array.from({ length: 300 }, (_, index) => index / 50) : undefined
        const verdict = await qualityGate([atLeast(accuracy(), 0.01), ...chosen.map((check) => check())])
          .decide({ ...evidence, evaluationCount: 3, candidate: { ...evidence.candidate, latenciesMs } }, context)
          .catch(noVerdict)
        if (verdict === undefined) return
        decided += 1
        expect(misfitOf(verdictShape, verdict, 'verdict')).toBeUndefined()
        expect(misfitOf(verdictShape, JSON.parse(JSON.stringify(verdict)), 'verdict')).toBeUndefined()
      },
    ),
    { numRuns: rounds(300) },
  )
  expect(decided).toBeGreaterThan(rounds(300) / 3)
})

it('so does every verdict on scores without a range, of any size, with items that were not answered', async () => {
  const loss = { ...accuracy(), name: 'loss', kind: 'mean' as const, range: undefined }
  const score = fc.oneof(fc.constant(null), fc.constant(0), fc.double({ noNaN: true, noDefaultInfinity: true }))
  const scoresOf = (count: number) => fc.array(score, { minLength: count, maxLength: count })
  let decided = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }).chain((count) => fc.tuple(scoresOf(count), scoresOf(count))),
      fc.boolean(),
      async ([candidate, old], grouped) => {
        const groups = grouped ? candidate.map((_, index) => `g${index % 5}`) : undefined
        const [one, other] = [candidate, old].map((scores, index) =>
          evaluationOf({ model: String(index), metric: 'loss', kind: 'mean', scores, groups }),
        )
        const verdict = await qualityGate([noRegression(loss, { margin: 0.5 })])
          .decide(evidenceOf(one!, other), context)
          .catch(noVerdict)
        if (verdict === undefined) return
        decided += 1
        expect(misfitOf(verdictShape, verdict, 'verdict')).toBeUndefined()
      },
    ),
    { numRuns: rounds(300) },
  )
  expect(decided).toBeGreaterThan(rounds(300) / 6)
})

/** The numbers that a finding of each kind always has. A kind that is missing here does not compile. */
function numbersOf(finding: Finding): Readonly<Record<string, number>> {
  switch (finding.kind) {
    case 'statement':
      return {}
    case 'limit': {
      const { threshold, estimate } = finding
      return { threshold, estimate }
    }
    case 'bound': {
      const { threshold, estimate, items, groups, alpha } = finding
      return { threshold, estimate, items, groups, alpha }
    }
    case 'comparison': {
      const { margin, estimate, items, groups, regressions, improvements, alpha, pPass, pFail } = finding
      return { margin, estimate, items, groups, regressions, improvements, alpha, pPass, pFail }
    }
    case 'regressions': {
      const { items, groups, regressions, allowed } = finding
      return { items, groups, regressions, allowed }
    }
    case 'value': {
      const { candidateValue, items } = finding
      return { candidateValue, items }
    }
    default:
      return finding satisfies never
  }
}

describe('a finding of each kind', () => {
  const kinds = anyFinding(fc.string())
  const names = Object.keys(kinds) as Finding['kind'][]
  const verdict = { status: 'inconclusive', summary: '', whenInconclusive: 'ask' }
  const misfit = (finding: unknown) => misfitOf(verdictShape, { ...verdict, findings: [finding] }, 'verdict')
  const [examples] = fc.sample(fc.record(kinds), { numRuns: 1, seed: 1 })

  it.each(names)('%s fits the shape', (kind) => {
    fc.assert(
      fc.property(kinds[kind], (finding) => {
        expect(misfit(finding)).toBeUndefined()
      }),
    )
  })

  it.each(names)('%s is refused with a member of another kind, or without one of its numbers', (kind) => {
    const { [kind]: finding } = examples!
    const members = Object.values(examples!).flatMap((other) => Object.keys(other))
    const foreign = members.filter((name) => !Object.hasOwn(finding, name))
    for (const name of foreign) expect(misfit({ ...finding, [name]: 1 })).toBe(`verdict.findings.0.${name}`)
    for (const name of Object.keys(numbersOf(finding)))
      expect(misfit({ ...finding, [name]: undefined })).toBe(`verdict.findings.0.${name}`)
    expect(foreign).not.toHaveLength(0)
  })

  it('is refused without a kind, or with one that does not exist', () => {
    for (const kind of [undefined, 'binary', 'constructor'])
      expect(misfit({ ...examples!.statement, kind })).toBe('verdict.findings.0.kind')
  })
})
