import { describe, it } from 'vitest'
import { accuracy, logLoss, recall } from '../../src/evaluation/index.js'
import { atLeast, noRegression, qualityGate } from '../../src/gate/index.js'
import { checkContract } from '../../src/testing/check-contract.js'
import { gateContract } from '../../src/testing/gate-contract.js'
import { metricContract } from '../../src/testing/metric-contract.js'

for (const make of [accuracy, logLoss, () => recall('a')])
  describe(`the metric ${make().name}`, () => metricContract(it, async () => make()))
for (const make of [() => atLeast(accuracy(), 0.15), () => noRegression(accuracy())])
  describe(`the check ${make().name}`, () => checkContract(it, async () => make()))
describe('the quality gate', () =>
  gateContract(it, async () => qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy())])))
