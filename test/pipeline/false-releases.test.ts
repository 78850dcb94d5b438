import { describe, expect, it } from 'vitest'
import { callContext, type Random, seededRandom } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { alpha, improves, noRegression, qualityGate, type Verdict } from '../../src/gate/index.js'
import { isBetter } from '../../src/pipeline/choose.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { isWhole, largestShare, rounds } from '../whole.js'

// The chance that a run releases a candidate which the gate is there to stop, with 1, 3 and 10 candidates at the level divided by
// their number, and how large it is without the division. All candidates share the answers of one baseline, as in a run.
const context = callContext()
const items = 400
const discordance = 0.1

/** What a candidate of this true difference answers, given what the baseline answers. */
function answers(baseline: readonly number[], change: number, random: Random): number[] {
  // P(right → wrong) and P(wrong → right), of half of the items each: the sum is the discordance, the difference the change.
  const [lose, win] = [discordance - change, discordance + change]
  return baseline.map((right) => (random.uniform() < (right === 1 ? lose : win) ? 1 - right : right))
}

interface Setting {
  readonly gate: ReturnType<typeof qualityGate>
  /** The true differences of the candidates from the baseline, in turn. */
  readonly changes: readonly number[]
  /** Whether a candidate of this difference must not be released. */
  readonly isFalse: (change: number) => boolean
}

/** The share of runs that release a candidate which must not be released. */
async function falseReleases({ gate, changes, isFalse }: Setting, k: number, level: number): Promise<number> {
  const count = rounds(2400)
  let wrong = 0
  // The verdict depends on the two counts of changed items only, and takes up to a tenth of a second.
  const known = new Map<string, Verdict>()
  for (let round = 0; round < count; round += 1) {
    const random = seededRandom(`candidates ${changes.join()} ${k} ${round}`)
    const baseline = Array.from({ length: items }, (_, index) => index % 2)
    const old = evaluationOf({ model: 'old', scores: baseline })
    let best: { verdict: Verdict; noted: { metrics: Record<string, number> }; change: number } | undefined
    for (let index = 0; index < k; index += 1) {
      const change = changes[index % changes.length]!
      const scores = answers(baseline, change, random)
      const changed = scores.flatMap((score, item) => (score === baseline[item] ? [] : [score]))
      const counts = `${changed.length} ${changed.filter((score) => score === 1).length}`
      const evidence = evidenceOf(evaluationOf({ model: `new ${index}`, scores }), old)
      const verdict = known.get(counts) ?? (await gate.decide({ ...evidence, passAlpha: level }, context))
      known.set(counts, verdict)
      const value = scores.reduce((sum, score) => sum + score, 0) / items
      const judged = { verdict, noted: { metrics: { accuracy: value } }, change }
      if (best === undefined || isBetter(judged, best, gate)) best = judged
    }
    if (best!.verdict.status === 'pass' && isFalse(best!.change)) wrong += 1
  }
  return wrong / count
}

const margin = 0.05
const settings: readonly (readonly [string, Setting])[] = [
  [
    'candidates as good as the baseline, and a gate that asks for a better one',
    { gate: qualityGate([improves(accuracy())]), changes: [0], isFalse: () => true },
  ],
  [
    'candidates slightly worse than the baseline, and a gate that asks for a better one',
    { gate: qualityGate([improves(accuracy())]), changes: [-0.01, 0], isFalse: () => true },
  ],
  [
    'candidates worse by the margin',
    { gate: qualityGate([noRegression(accuracy(), { margin })]), changes: [-margin], isFalse: () => true },
  ],
  [
    'one candidate as good as the baseline, the others worse by the margin',
    {
      gate: qualityGate([noRegression(accuracy(), { margin })]),
      changes: [-margin, -margin, 0],
      isFalse: (change) => change < 0,
    },
  ],
]

describe.each(settings)('false releases: %s', (_, setting) => {
  it.each([1, 3, 10])('among %i stay below the level', { timeout: 600_000 }, async (k) => {
    expect(await falseReleases(setting, k, alpha / k)).toBeLessThanOrEqual(largestShare(rounds(2400)))
  })
})

it.runIf(isWhole)('without the division, ten candidates exceed the level', { timeout: 600_000 }, async () => {
  expect(await falseReleases(settings[0]![1], 10, alpha)).toBeGreaterThan(0.15)
})

it('a gate takes the lower one of its own level and the level of the pipeline', async () => {
  const scores = Array.from({ length: items }, (_, index) => index % 2)
  const evidence = evidenceOf(evaluationOf({ model: 'new', scores }), evaluationOf({ model: 'old', scores }))
  const gate = qualityGate([noRegression(accuracy(), { margin })])
  const told = { ...evidence, evaluationCount: 4, passAlpha: 0.05 / 4 }
  const { passAlpha, reuse: counted } = await gate.decide(told, context)
  expect(passAlpha).toBe(0.05 / 4)
  expect(counted).toEqual({ evaluationCount: 4, falsePassChance: 0.05 })
  // A gate with a limit has divided its level already, and takes the lower of both.
  const limited = qualityGate([noRegression(accuracy(), { margin })], { maximumEvaluations: 50 })
  const { findings, reuse } = await limited.decide(told, context)
  expect(findings[0]).toMatchObject({ alpha: 0.001 })
  expect(reuse).toEqual({ evaluationCount: 4, falsePassChance: 0.004, maximumEvaluations: 50 })
  const two = qualityGate([noRegression(accuracy(), { margin })], { maximumEvaluations: 2 })
  expect((await two.decide(told, context)).findings[0]).toMatchObject({ alpha: 0.05 / 4 })
})
