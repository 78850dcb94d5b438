import { cpSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeResult } from '../../src/cli/project.js'
import { renderText } from '../../src/cli/styled-text.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, type Check, type Gate, qualityGate, weightIntegrity } from '../../src/gate/index.js'
import { readWeightsDirectory } from '../../src/model/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Trainer } from '../../src/trainer/index.js'
import { gate, poison, samples, world } from './harness.js'

const describedResult = (result: Parameters<typeof describeResult>[0]) =>
  renderText(describeResult(result), false, (text) => text)

/** Weights that anybody can load and the check does not know. */
function odd(parts: Partial<Trainer<string, string>> = {}): Trainer<string, string> {
  const trainer = fakeTrainer()
  return {
    ...trainer,
    name: 'odd',
    async fit(request, context) {
      const { weights, record } = await trainer.fit(request, context)
      await rename(join(weights.path, 'model.safetensors'), join(weights.path, 'model.weights'))
      await writeFile(join(weights.path, 'model.weights'), 'w = 1\n')
      const written = await readWeightsDirectory(weights.path, context)
      return { weights: written, record: { ...record, trainer: { ...record.trainer, name: 'odd' } } }
    },
    async load(weights, context) {
      const { predict, ...model } = await trainer.load(weights, context)
      return { ...model, predict: (...asked) => predict(...asked), [Symbol.asyncDispose]: async () => {} }
    },
    ...parts,
  }
}

/** Warnings, and when they came. */
async function run(parts: { readonly trainer: Trainer<string, string>; readonly gate?: Gate }, one = world()) {
  const said: string[] = []
  const pipeline = one.pipeline(samples, parts)
  pipeline.on('warning', ({ message }) => said.push(message))
  pipeline.on('stage-start', ({ stage }) => said.push(`>${stage}`))
  return { result: await pipeline.run(), said, pipeline, one }
}

describe('a format that the gate will refuse', () => {
  it('is said before the training, if the trainer says what it writes', async () => {
    const trainer = odd({ weightsFormat: 'TorchScript' })
    const { result, said, pipeline } = await run({ trainer })
    const warning = said.find((message) => message.startsWith('weight-integrity will fail'))
    expect(warning).toMatch(/the trainer "odd" writes weights as "TorchScript"\. Write weights as safetensors, ONNX/)
    expect(said.indexOf(warning!)).toBeLessThan(said.indexOf('>train'))
    expect(result).toMatchObject({ status: 'held', reason: 'fail' })
    expect(await world().pipeline(samples, { trainer }).plan()).toMatchObject({
      foreseen: [{ check: 'weight-integrity', status: 'fail', overridable: false }],
    })
    expect(await pipeline.foreseen()).toHaveLength(1)
  })

  it('is said from the second training on, if only its last candidate shows it', async () => {
    const trainer = odd()
    const first = await run({ trainer })
    expect(first.said.join()).not.toContain('will fail')
    expect(await first.pipeline.foreseen()).toMatchObject([
      { reason: expect.stringContaining(`(run ${first.result.runId}) was refused because of its format`) },
    ])
    const second = await run({ trainer }, first.one)
    expect(second.said.join()).toContain('will fail for the next candidate')
    // Of another trainer, or by another gate, nothing is known.
    expect(await first.one.pipeline().foreseen()).toEqual([])
    const other = qualityGate([{ ...weightIntegrity(), version: '3' }])
    expect(await first.one.pipeline(samples, { trainer, gate: other }).foreseen()).toEqual([])
  })

  it('is said of a gate whose description contains a secret, too', async () => {
    const own: Check = { ...atLeast(accuracy(), 0.1), name: 'own', describe: () => ({ token: 'opensesame' }) }
    const options = { trainer: odd(), gate: qualityGate([own, weightIntegrity()]), secrets: ['opensesame'] }
    const pipeline = world().pipeline(samples, options)
    await pipeline.run()
    expect(await pipeline.foreseen()).toMatchObject([{ check: 'weight-integrity', status: 'fail' }])
  })

  it.each(['safetensors', 'onnx', undefined])('is not said of %s', async (weightsFormat) => {
    const { said } = await run({ trainer: { ...fakeTrainer(), weightsFormat } })
    expect(said.join()).not.toContain('will fail')
  })

  it('is not said of weights whose values are wrong: the next ones may be right', async () => {
    const trainer: Trainer<string, string> = {
      ...fakeTrainer(),
      async fit(request, context) {
        const { weights, record } = await fakeTrainer().fit(request, context)
        cpSync(join(weights.path, 'config.json'), join(weights.path, 'model.safetensors'))
        return { weights: await readWeightsDirectory(weights.path, context), record }
      },
    }
    const { result, pipeline } = await run({ trainer })
    expect(result).toMatchObject({ status: 'held', reason: 'fail' })
    expect(await pipeline.foreseen()).toEqual([])
  })

  it('a check that throws is an open finding', async () => {
    const check: Check = {
      ...weightIntegrity(),
      foresee: () => {
        throw new Error('no idea')
      },
    }
    const [finding] = await world()
      .pipeline(samples, { gate: qualityGate([check]) })
      .foreseen()
    expect(finding).toMatchObject({ status: 'inconclusive', reason: expect.stringContaining('no idea') })
  })
})

describe('an override', () => {
  it('is not offered where it is refused, and offered where it works', async () => {
    const { result, pipeline, one } = await run({ trainer: odd() })
    expect(describedResult(result)).toContain('The check "weight-integrity" cannot be overridden.')
    expect(describedResult(result)).not.toContain('sheikh override')
    const untilMs = one.clock.nowMs() + 1000
    const asked = { by: 'Ada', reason: 'we need it', untilMs }
    await expect(pipeline.override(result.runId, asked)).rejects.toMatchObject({ code: 'release-rejected' })
    // The same failure of a check that may be overridden, or that is not critical.
    for (const parts of [{ overridable: true }, { critical: false }]) {
      const check: Check = {
        ...weightIntegrity(),
        examine: async (evidence, context) =>
          (await weightIntegrity().examine(evidence, context)).map((finding) => ({ ...finding, ...parts })),
      }
      const floor = { ...check, name: 'floor', examine: async () => [{ ...failing, check: 'floor' }] }
      const held = await run({ trainer: odd(), gate: qualityGate([check, floor]) })
      expect(describedResult(held.result)).toContain(`sheikh override ${held.result.runId}`)
      expect(await held.pipeline.override(held.result.runId, asked)).toMatchObject({ status: 'released' })
    }
  })
})

const failing = { kind: 'statement', check: 'floor', status: 'fail', critical: true, reason: 'too low' } as const

describe('a verdict by an earlier version of a check', () => {
  const at = (version: string, fails: boolean): Gate =>
    qualityGate([
      {
        contract: 1,
        name: 'weight-integrity',
        version,
        metrics: [],
        describe: () => null,
        examine: async () => [
          {
            kind: 'statement',
            check: 'weight-integrity',
            status: fails ? 'fail' : 'pass',
            critical: true,
            reason: 'x',
          },
        ],
      },
    ])

  it('does not hold a candidate that the version of now passes', async () => {
    const { pipeline } = world()
    expect(await pipeline(samples, { gate: at('1', true) }).run()).toMatchObject({ status: 'held', reason: 'fail' })
    // Of the same version, and without the check, it stays failed.
    expect(await pipeline(samples, { gate: at('1', false) }).run()).toMatchObject({ status: 'held', reason: 'fail' })
    const without = qualityGate([atLeast(accuracy(), 0.15)])
    expect(await pipeline(samples, { gate: without }).run()).toMatchObject({ status: 'held', reason: 'fail' })
    const planned = await pipeline(samples, { gate: at('2', false) }).plan()
    expect(planned.summary).not.toContain('failed before')
    expect(await pipeline(samples, { gate: at('2', false) }).run()).toMatchObject({ status: 'released' })
  })

  it('is not what a person approves or overrides', async () => {
    const { pipeline, clock } = world()
    const held = await pipeline(samples, { gate: at('1', true) }).run()
    const asked = { by: 'Ada', reason: 'x', untilMs: clock.nowMs() + 1000 }
    await expect(pipeline(samples, { gate: at('2', true) }).override(held.runId, asked)).rejects.toMatchObject({
      code: 'release-conflict',
      message: expect.stringContaining('has changed since the run'),
    })
    expect(await pipeline(samples, { gate: at('1', true) }).override(held.runId, asked)).toMatchObject({
      status: 'released',
    })
  })

  it('an override counts for the verdicts that it follows on the same candidate', async () => {
    const { pipeline, clock } = world()
    await pipeline(samples, { gate: at('1', true) }).run()
    const again = await pipeline(samples, { gate: at('1', false) }).run()
    expect(again).toMatchObject({ status: 'held', verdict: { findings: [{ check: 'earlier-verdict' }, {}] } })
    const asked = { by: 'Ada', reason: 'x', untilMs: clock.nowMs() + 1000 }
    await pipeline(samples, { gate: at('1', false) }).override(again.runId, asked)
    await pipeline(poison('fig'), { gate: at('1', false) }).run()
    const third = await pipeline(samples, { gate: at('1', false) }).run({ retrain: true })
    expect(third.status).not.toBe('held')
  })

  it('of a check of the host is a change of policy', async () => {
    const own = (version: string): Gate => qualityGate([{ ...weightIntegrity(), name: 'own', version }])
    const { pipeline } = world()
    await pipeline(samples, { gate: own('1') }).run()
    const changed = await pipeline(poison('fig'), { gate: own('2') }).run()
    expect(changed).toMatchObject({
      status: 'awaiting-approval',
      verdict: { policyChanges: [{ change: 'the version of own is now 2, was 1' }] },
    })
  })
})

it('the version of the check is one that stored verdicts of earlier code do not have', () => {
  expect(weightIntegrity().version).toBe('2')
  expect(gate().describe()).toMatchObject({
    checks: expect.arrayContaining([expect.objectContaining({ version: '2' })]),
  })
})
