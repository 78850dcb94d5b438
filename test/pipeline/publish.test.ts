import { readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, qualityGate, storeLedger } from '../../src/gate/index.js'
import type { Pipeline, Stage } from '../../src/pipeline/index.js'
import type { Releaser } from '../../src/releaser/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { gate, poison, samples, world } from './harness.js'

const stage = (name: string, reads: readonly string[], run: Stage['run']): Stage => ({
  contract: 1,
  name,
  version: '1',
  describe: () => null,
  reads,
  run,
})

/** Two machines with a store each, and one registry. */
function twoMachines() {
  const a = world()
  const ledger = storeLedger(a.store)
  const b = memoryStore()
  return {
    ...a,
    ledger,
    onA: (data = samples, changes = {}) => a.pipeline(data, { ledger, ...changes }),
    onB: (data = samples, changes = {}) => a.pipeline(data, { ledger, store: b, ...changes }),
  }
}

describe('a release that another machine publishes meanwhile', () => {
  it.each(['verdict', 'evaluations'])('is compared with before anything is published (%s)', async (artifact) => {
    const { onA, onB, ledger } = twoMachines()
    await onA(poison('apple', 'pear')).run()
    let looked = 0
    const meanwhile = stage('meanwhile', [artifact], async () => {
      looked += 1
      if (looked === 1) expect(await onA().run()).toMatchObject({ status: 'released' })
    })
    const held = await onB(poison('apple'), { stages: [meanwhile] }).run()
    expect(held).toMatchObject({ status: 'held', reason: 'fail' })
    expect(looked, 'the stage sees the second verdict, too').toBe(2)
    expect(await onA().current()).toMatchObject({ version: '0.1.1', record: { metrics: { accuracy: 1 } } })
    expect((await onA().history()).map(({ version }) => version)).toEqual(['0.1.1', '0.1.0'])
    const verdicts = (await ledger.read(callContext())).filter(({ type }) => type === 'verdict')
    expect(verdicts.at(-1)).toMatchObject({ status: 'fail', against: ['0.1.1'] })
  })

  it('does not stop a candidate that is better than that one, too', async () => {
    const { onA, onB } = twoMachines()
    await onA(poison('apple', 'pear')).run()
    let raced = false
    const meanwhile = stage('meanwhile', ['verdict'], async () => {
      if (!raced) await onA(poison('apple')).run()
      raced = true
    })
    expect(await onB(samples, { stages: [meanwhile] }).run()).toMatchObject({
      status: 'released',
      release: { version: '0.1.2', postPublish: { replaces: '0.1.1' }, record: { metrics: { accuracy: 1 } } },
    })
  })

  it('between the publication and the channel, wins: the other is withdrawn, and decided on again', async () => {
    const { onA, onB, releaser } = twoMachines()
    await onA(poison('apple', 'pear')).run()
    let raced = false
    const racing = {
      ...releaser,
      async publish(...asked: Parameters<typeof releaser.publish>) {
        const release = await releaser.publish(...asked)
        // Another machine pointed the channel at its own release in that moment.
        if (!raced) {
          raced = true
          await onA(samples, { versioning: () => 'major' }).run()
        }
        return release
      },
    }
    expect(await onB(poison('apple'), { releaser: racing }).run()).toMatchObject({ status: 'held', reason: 'fail' })
    expect(await onA().current()).toMatchObject({ record: { metrics: { accuracy: 1 } } })
    const [newest, lost] = (await onA().history()).filter(({ version }) => version !== '0.1.0')
    expect(newest).toMatchObject({ version: '1.0.0' })
    expect(lost?.withdrawn?.reason ?? newest?.withdrawn?.reason).toContain('never compared')
    expect(await onA().run()).toMatchObject({ status: 'up-to-date' })
  })

  /** A registry in whose `verify`, the last step before the publication, another machine releases once. */
  const raced = (releaser: Releaser, other: () => Promise<unknown>): Releaser => {
    let done = false
    return {
      ...releaser,
      async verify(...asked) {
        if (!done) {
          done = true
          await other()
        }
        await releaser.verify(...asked)
      },
    }
  }

  const roads: Readonly<Record<string, (pipeline: Pipeline<string, string>, runId: string) => Promise<unknown>>> = {
    approve: (pipeline, runId) => pipeline.approve(runId, { by: 'Ada', reason: 'known labels' }),
    override: (pipeline, runId) => pipeline.override(runId, { by: 'Ada', reason: 'known labels', untilMs: 8e15 }),
    rollback: (pipeline) => pipeline.rollback({ by: 'Ada', reason: 'complaints' }),
    republish: (pipeline) => pipeline.republish('0.1.1', { by: 'Ada', reason: 'another key' }),
    'a run that restores': (pipeline) => pipeline.run(),
  }
  it.each(Object.keys(roads))('stops %s, which was decided on against an earlier release', async (road) => {
    const { onA, onB, releaser } = twoMachines()
    await onA(poison('apple', 'pear')).run()
    await onA(poison('apple')).run()
    const open = { gate: gate(road === 'override' ? 'hold' : 'ask', 0.03) }
    const waiting = road === 'approve' || road === 'override'
    const data = waiting ? poison('apple', 'fig') : poison('apple', 'pear')
    const { runId, status } = waiting ? await onB(data, open).run() : { runId: '', status: 'none' }
    expect(status).toBe({ approve: 'awaiting-approval', override: 'held' }[road] ?? 'none')
    const pipeline = onB(data, { ...(waiting && open), releaser: raced(releaser, () => onA().run()) })
    await expect(roads[road]!(pipeline, runId)).rejects.toMatchObject({
      code: 'release-conflict',
      retryable: true,
      facts: { channel: 'latest', decidedAgainst: '0.1.1', current: '0.1.2' },
    })
    expect(await onA().current()).toMatchObject({ version: '0.1.2', record: { metrics: { accuracy: 1 } } })
    expect(await onA().history()).toHaveLength(3)
    const pending = []
    for await (const left of releaser.pending(callContext())) pending.push(left)
    expect(pending).toEqual([])
  })
})

describe('stages that read the release', () => {
  const seen: string[] = []
  const announce = stage('announce', ['release'], async ({ release }) => {
    seen.push(release!.value.version)
  })
  const check = stage('check', ['release', 'candidate', 'verdict'], async ({ candidate, verdict }) => {
    seen.push(`${verdict!.value.status} of ${(await readdir(candidate!.files)).includes('model.safetensors')}`)
  })
  const unable = stage('unable', ['release', 'dataset'], async () => {
    seen.push('with data')
  })
  const stages = [announce, check, unable]

  it('run after every road that publishes', async () => {
    seen.length = 0
    const { pipeline, store } = world()
    await pipeline(poison('apple'), { stages }).run()
    expect(seen.splice(0)).toEqual(['0.1.0', 'pass of true', 'with data'])
    const open = { stages, gate: gate('ask', 0.03) }
    const { runId } = await pipeline(poison('apple', 'fig'), open).run()
    expect(seen.splice(0)).toEqual([])
    const approved = pipeline(poison('apple', 'fig'), open)
    const warnings: string[] = []
    approved.on('warning', ({ message }) => warnings.push(message))
    await approved.approve(runId, { by: 'Ada', reason: 'known labels' })
    expect(seen.splice(0)).toEqual(['0.2.0', 'inconclusive of true'])
    expect(warnings).toContainEqual(
      'The stage "unable" did not run: it reads "release", "dataset", and "approve" does not make all of them.',
    )
    await pipeline(poison('apple'), { stages }).rollback({ by: 'Ada', reason: 'complaints' })
    expect(seen.splice(0)).toEqual(['0.3.0', 'pass of true'])
    await pipeline(poison('apple'), { stages }).republish('0.3.0', { by: 'Ada', reason: 'another key' })
    expect(seen.splice(0)).toEqual(['0.3.1', 'pass of true'])
    const held = await pipeline(poison('apple', 'pear', 'car'), { stages, gate: gate('hold') }).run()
    await pipeline(poison('apple', 'pear', 'car'), { stages, gate: gate('hold') }).override(held.runId, {
      by: 'Ada',
      reason: 'a demonstration',
      untilMs: 8e15,
    })
    expect(seen.splice(0)).toEqual(['0.4.0', 'fail of true'])
    expect(await store.runs.list()).toHaveLength(7)
  })

  it('take an approved release back if they fail and the policy is to roll back', async () => {
    const failing = stage('smoke-test', ['release'], async () => {
      throw new TypeError('it answers with a stack trace')
    })
    const { pipeline } = world()
    await pipeline(poison('apple')).run()
    const open = { gate: gate('ask', 0.03), stages: [failing], onFailure: 'rollback' as const }
    const { runId } = await pipeline(poison('apple', 'fig'), open).run()
    await expect(
      pipeline(poison('apple', 'fig'), open).approve(runId, { by: 'Ada', reason: 'known labels' }),
    ).rejects.toMatchObject({ code: 'stage-failed', message: expect.stringContaining('0.3.0 is 0.1.0 again') })
    expect(await pipeline().current()).toMatchObject({ version: '0.3.0', record: { restoredFrom: '0.1.0' } })
  })
})

describe('a candidate that failed before', () => {
  it('does not pass by asking again with another gate, until somebody overrides that', async () => {
    const { pipeline, store } = world()
    await pipeline().run()
    const bad = poison('apple', 'pear')
    const held = await pipeline(bad).run()
    expect(held).toMatchObject({ status: 'held', reason: 'fail' })
    expect(await pipeline(bad).plan()).toMatchObject({ summary: expect.stringContaining('failed before') })
    const loosened = { gate: qualityGate([atLeast(accuracy(), 0.15)]) }
    const again = await pipeline(bad, loosened).run()
    expect(again).toMatchObject({
      status: 'held',
      reason: 'fail',
      verdict: {
        summary: expect.stringMatching(/failed against 0\.1\.0 on this evaluation set on \d{4}-.*nobody overrode/),
      },
    })
    // On another machine, too: the ledger knows.
    const ledger = storeLedger(store)
    const elsewhere = await pipeline(bad, { ...loosened, store: memoryStore(), ledger }).run()
    expect(elsewhere).toMatchObject({
      status: 'held',
      verdict: { findings: [{ check: 'earlier-verdict' }, { check: 'policy' }, {}] },
    })
    await pipeline(bad, loosened).override(again.runId, { by: 'Ada', reason: 'a demonstration', untilMs: 8e15 })
    expect(await pipeline().current()).toMatchObject({ record: { override: { by: 'Ada' } } })
  })

  it('may pass once what it was worse than is withdrawn', async () => {
    const { pipeline } = world()
    await pipeline(poison('apple', 'pear')).run()
    await pipeline().run()
    expect(await pipeline(poison('apple')).run()).toMatchObject({ status: 'held' })
    await pipeline().rollback({ by: 'Ada', reason: 'it is too slow' })
    expect(await pipeline(poison('apple')).run()).toMatchObject({ status: 'released' })
  })
})

describe('a kill between the release and its stages', () => {
  it('has the next command run them, once', async () => {
    const seen: string[] = []
    const announce = stage('announce', ['release'], async ({ release }) => {
      seen.push(release!.value.version)
    })
    const { pipeline, store } = world()
    const { runId } = await pipeline(poison('apple')).run()
    const { finishedBy: _, ...record } = (await store.runs.read(runId)) as { readonly finishedBy?: string }
    // As a kill leaves it: released, and the run never ended.
    await store.runs.write(runId, { ...record, status: 'running' } as never)
    const next = await pipeline(poison('apple'), { stages: [announce] }).run()
    expect(next.status).toBe('up-to-date')
    expect(seen).toEqual(['0.1.0'])
    expect(await store.runs.read(runId)).toMatchObject({ finishedBy: next.runId })
    await pipeline(poison('apple'), { stages: [announce] }).run()
    expect(seen).toEqual(['0.1.0'])
  })

  it('takes the release back if they fail then, and the policy is to roll back', async () => {
    const failing = stage('smoke-test', ['release'], async () => {
      throw new TypeError('it answers with a stack trace')
    })
    const { pipeline, store } = world()
    await pipeline(poison('apple')).run()
    const { runId } = await pipeline().run()
    await store.runs.write(runId, { ...((await store.runs.read(runId)) as object), status: 'running' } as never)
    const next = () => pipeline(samples, { stages: [failing], onFailure: 'rollback' }).run()
    await expect(next()).rejects.toMatchObject({
      code: 'stage-failed',
      message: expect.stringContaining('0.1.1 is withdrawn: 0.1.2 is 0.1.0 again'),
    })
    expect(await next()).toMatchObject({ status: 'held', reason: 'withdrawn' })
  })
})

it('leaves what another machine stages meanwhile, and discards it after an hour', async () => {
  const { onA, onB, releaser, clock } = twoMachines()
  await onA(poison('apple', 'pear')).run()
  const current = await releaser.current('latest', callContext())
  const pending = async () => {
    const found: string[] = []
    for await (const { pending: one } of releaser.pending(callContext())) found.push(one.version)
    return found
  }
  const record = { runId: 'of-another-machine', atMs: clock.nowMs() }
  await releaser.prepare(
    { ...current!, bundle: { digest: current!.bundle, manifest: current!.manifest }, version: '9.0.0', record },
    callContext(),
  )
  await onB(poison('apple', 'pear')).run()
  expect(await pending()).toEqual(['9.0.0'])
  await onB(poison('apple', 'pear'), { clock: { nowMs: () => clock.nowMs() + 3_600_001 } }).run()
  expect(await pending()).toEqual([])
})
