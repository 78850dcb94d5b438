import assert from 'node:assert/strict'
import { callContext, misfitOf } from '../core/index.js'
import { type Check, type Evidence, findingShape } from '../gate/index.js'
import type { ContractTest } from './contract-test.js'
import { evaluationOf, evidenceOf } from './evidence.js'

const right = (count: number, wrong: number) => Array.from({ length: count }, (_, index) => (index < wrong ? 0 : 1))

/** Tests that a check fulfils the `Check` contract, on small evidence with the binary metric `accuracy`. */
export function checkContract(test: ContractTest, make: () => Promise<Check>): void {
  const candidate = evaluationOf({ model: 'new', scores: right(200, 10) })
  const evidences: Readonly<Record<string, Evidence>> = {
    'a first release': evidenceOf(candidate),
    'an equal baseline': evidenceOf(candidate, evaluationOf({ model: 'old', scores: right(200, 10) })),
    'a better baseline': evidenceOf(
      evaluationOf({ model: 'new', scores: right(200, 60) }),
      evaluationOf({ model: 'old', scores: right(200, 2) }),
    ),
    'one item': evidenceOf(evaluationOf({ model: 'new', scores: [1] }), evaluationOf({ model: 'old', scores: [1] })),
  }

  test('a check says what it is, in JSON', async () => {
    const check = await make()
    assert.equal(check.contract, 1)
    assert.notEqual(check.name, '')
    assert.deepEqual(JSON.parse(JSON.stringify(check.describe())), check.describe())
  })

  for (const [name, evidence] of Object.entries(evidences))
    test(`a check answers with findings of a known kind that are JSON and the same each time, given ${name}`, async () => {
      const check = await make()
      const findings = await check.examine(evidence, callContext())
      assert.ok(findings.length > 0, 'silence is not an answer')
      for (const finding of findings) {
        const misfit = misfitOf(findingShape, finding, 'finding')
        assert.equal(misfit, undefined, `"${misfit}" is missing or has another form`)
        assert.notEqual(finding.reason, '')
      }
      assert.deepEqual(JSON.parse(JSON.stringify(findings)), findings)
      assert.deepEqual(await check.examine(evidence, callContext()), findings)
    })

  test('a check that compares never passes over a baseline that could not be scored', async () => {
    const check = await make()
    if (!check.needs?.includes('reference')) return
    const { candidate: own } = evidenceOf(candidate)
    const evidence: Evidence = {
      candidate: own,
      baseline: { version: '0.1.0', bundle: own.weights.digest, unscorable: 'it cannot be loaded' },
    }
    const findings = await check.examine(evidence, callContext())
    assert.ok(findings.every(({ status }) => status === 'inconclusive'))
  })

  test('a check that compares fails a clear loss, and not the same gain', async () => {
    const check = await make()
    if (!check.needs?.includes('reference')) return
    const [worse, better] = [
      evaluationOf({ model: 'new', scores: right(200, 60) }),
      evaluationOf({ model: 'old', scores: right(200, 2) }),
    ]
    const loss = await check.examine(evidenceOf(worse, better), callContext())
    const gain = await check.examine(evidenceOf(better, worse), callContext())
    assert.ok(loss.some(({ status }) => status === 'fail'))
    assert.ok(gain.every(({ status }) => status !== 'fail'))
  })

  test('a check stops when it is aborted, with the reason untouched', async () => {
    const check = await make()
    const reason = { why: 'enough' }
    const aborted = callContext({ signal: AbortSignal.abort(reason) })
    await assert.rejects(
      Promise.resolve().then(() => check.examine(evidenceOf(candidate), aborted)),
      (error) => error === reason,
    )
  })
}
