import { describe, expect, it } from 'vitest'
import { accuracy, crossEntropy, exactMatch, logLoss, macroF1, recall } from '../../src/evaluation/index.js'
import { atLeast, beatsMajority, type Finding, noRegression, qualityGate, reportOnly } from '../../src/gate/index.js'
import { checkContract } from '../../src/testing/check-contract.js'
import { gateContract } from '../../src/testing/gate-contract.js'
import { type MetricExamples, metricContract } from '../../src/testing/metric-contract.js'

for (const make of [accuracy, logLoss, () => recall('a'), macroF1])
  describe(`the metric ${make().name}`, () => metricContract(it, async () => make()))
const texts = ['spam', ' ham'].map((text): MetricExamples[number] => [
  { id: text, input: 'text', target: 'ham', slices: {} },
  { kind: 'text', text },
])
describe('the metric exact-match', () => metricContract(it, async () => exactMatch(), texts))
const vectors = [[2.5, 3] as const, [0, 1] as const].map((values): MetricExamples[number] => [
  { id: String(values), input: 'text', slices: {} },
  { kind: 'vector', values },
])
describe('the metric cross-entropy', () => metricContract(it, async () => crossEntropy(), vectors))
for (const make of [
  () => atLeast(accuracy(), 0.15),
  () => beatsMajority(accuracy()),
  () => noRegression(accuracy()),
  () => reportOnly(accuracy()),
])
  describe(`the check ${make().name}`, () => checkContract(it, async () => make()))
describe('the quality gate', () =>
  gateContract(it, async () => qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy())])))

it('the contract of a check refuses a finding with a number of another kind', async () => {
  const tests: (() => unknown)[] = []
  const finding = { kind: 'statement', check: 'own', status: 'pass', critical: true, reason: 'so', estimate: 1 }
  checkContract(
    (name, run) => name.includes('findings of a known kind') && tests.push(run),
    async () => ({ ...atLeast(accuracy(), 0.5), examine: async () => [finding as Finding] }),
  )
  expect(tests).not.toHaveLength(0)
  for (const run of tests) await expect(run()).rejects.toThrow('"finding.estimate" is missing or has another form')
})
