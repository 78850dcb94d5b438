import assert from 'node:assert/strict'
import { callContext } from '../core/index.js'
import type { Gate } from '../gate/index.js'
import type { ContractTest } from './contract-test.js'
import { evaluationOf, evidenceOf } from './evidence.js'

const right = (count: number, wrong: number) => Array.from({ length: count }, (_, index) => (index < wrong ? 0 : 1))

/**
 * Tests what every gate must do, on small evidence of one binary metric, `accuracy`. The gate must compare by that metric.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 *
 * gateContract(test, async () => myGate())
 * ```
 */
export function gateContract(test: ContractTest, make: () => Promise<Gate>): void {
  const good = evaluationOf({ model: 'good', scores: right(400, 4) })
  const bad = evaluationOf({ model: 'bad', scores: right(400, 150) })

  test('a gate says what it is, in JSON', async () => {
    const gate = await make()
    assert.equal(gate.contract, 1)
    assert.deepEqual(JSON.parse(JSON.stringify(gate.describe())), gate.describe())
  })

  test('a gate fails a clear loss, with the finding', async () => {
    const verdict = await (await make()).decide(evidenceOf(bad, good), callContext())
    assert.equal(verdict.status, 'fail')
    assert.ok(verdict.findings.some(({ status, critical }) => status === 'fail' && critical))
    assert.notEqual(verdict.summary, '')
  })

  test('a gate answers in JSON, the same each time, and a pass holds a pass', async () => {
    const gate = await make()
    const verdict = await gate.decide(evidenceOf(good, bad), callContext())
    assert.deepEqual(JSON.parse(JSON.stringify(verdict)), verdict)
    assert.deepEqual(await gate.decide(evidenceOf(good, bad), callContext()), verdict)
    if (verdict.status === 'pass')
      assert.ok(verdict.findings.some(({ status, critical }) => status === 'pass' && critical))
    assert.ok(['ask', 'hold', 'release'].includes(verdict.whenInconclusive))
  })

  test('a gate does not pass what could not be compared', async () => {
    const { candidate } = evidenceOf(good)
    const evidence = {
      candidate,
      baseline: { version: '0.1.0', bundle: candidate.weights.digest, unscorable: 'it cannot be loaded' },
    }
    assert.notEqual((await (await make()).decide(evidence, callContext())).status, 'pass')
  })

  test('a gate does not pass items that were not answered', async () => {
    const scores = right(400, 4).map((score, index) => (index > 390 ? null : score))
    const evidence = evidenceOf(evaluationOf({ model: 'silent', scores }), good)
    assert.notEqual((await (await make()).decide(evidence, callContext())).status, 'pass')
  })

  test('a gate stops when it is aborted, with the reason untouched', async () => {
    const reason = { why: 'enough' }
    const gate = await make()
    await assert.rejects(
      gate.decide(evidenceOf(good, bad), callContext({ signal: AbortSignal.abort(reason) })),
      (error) => error === reason,
    )
  })
}
