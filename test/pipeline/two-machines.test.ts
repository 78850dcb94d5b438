import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createRedactor } from '../../src/core/index.js'
import type { RunEvent } from '../../src/pipeline/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { gate, poison, samples } from './harness.js'
import { twoMachines } from './two-machines.js'

const untrained = { trainer: fakeTrainer({ fitError: new Error('nothing should train here') }) }

describe('a run until its verdict', () => {
  it('writes nothing to the registry and the ledger, and another machine releases it', async () => {
    const { onGpu, onHosted, folder, writes, ledgerLines } = await twoMachines()
    const awaiting = await onGpu().run({ until: 'verdict' })
    expect(awaiting).toMatchObject({ status: 'awaiting-release', verdict: { status: 'pass' } })
    expect(writes).toEqual([])
    expect(await ledgerLines()).toEqual([])
    const directory = join(folder, 'run')
    await onGpu().exportRun(awaiting.runId, { directory })
    expect((await readdir(directory)).sort()).toEqual(['bundle', 'evaluation', 'manifest.json', 'run.json'])

    const released = await onHosted(samples, untrained).release({ directory })
    expect(released).toMatchObject({ status: 'released', release: { version: '0.1.0', record: { commit: 'c0ffee' } } })
    expect(await ledgerLines()).toEqual(['verdict pass', 'release'])
    expect((await onHosted().runs())[0]).toMatchObject({
      command: 'release',
      status: 'released',
      evaluatedBy: awaiting.runId,
    })
  })

  it('gives the release that one machine alone would have made', async () => {
    const two = await twoMachines()
    const { runId } = await two.onGpu().run({ until: 'verdict' })
    const directory = join(two.folder, 'run')
    await two.onGpu().exportRun(runId, { directory })
    const apart = await two.onHosted(samples, untrained).release({ directory })
    const alone = await (await twoMachines()).onHosted().run()
    if (!('release' in apart) || !('release' in alone)) throw new Error('not released')
    const { runId: _a, ledger: _al, answers: _aa, measured: measuredApart, ...recordApart } = apart.release.record
    const { runId: _b, ledger: _bl, answers: _ba, measured: measuredAlone, ...recordAlone } = alone.release.record
    expect(recordApart).toEqual(recordAlone)
    expect(measuredApart).toEqual({ ...measuredAlone, runId })
    expect(apart.release.bundle).toBe(alone.release.bundle)
    expect(apart.release.postPublish).toEqual(alone.release.postPublish)
    expect(apart.release.record.answers).toEqual(alone.release.record.answers)
  })

  it('is up to date when it is released again, here or from the folder', async () => {
    const { onGpu, onHosted, folder, ledgerLines } = await twoMachines()
    const { runId } = await onGpu().run({ until: 'verdict' })
    const directory = join(folder, 'run')
    await onGpu().exportRun(runId, { directory })
    await onHosted().release({ directory })
    expect(await onHosted().release({ directory })).toMatchObject({
      status: 'up-to-date',
      release: { version: '0.1.0' },
    })
    expect(await onGpu().run({ until: 'verdict' })).toMatchObject({ status: 'up-to-date' })
    expect(await ledgerLines()).toEqual(['verdict pass', 'release'])
  })

  it('is up to date at a later commit with the same sources: the other machine notes the commit', async () => {
    const { onGpu, onHosted, folder, writes, ledgerLines } = await twoMachines()
    await onHosted().run()
    const later = { ...untrained, provenance: async () => ({ commit: 'beef', dirtyPaths: [] }) }
    const run = await onGpu(samples, later).run({ until: 'verdict' })
    expect([run.status, writes]).toEqual(['up-to-date', []])
    const directory = join(folder, 'run')
    await onGpu().exportRun(run.runId, { directory })
    expect((await readdir(directory)).sort()).toEqual(['manifest.json', 'run.json'])
    expect(await onHosted(samples, later).release({ directory })).toMatchObject({ status: 'up-to-date' })
    expect(await ledgerLines()).toEqual(['verdict pass', 'release', 'run'])
    // What the other machine claims is checked: the release is of other sources here.
    await expect(onHosted(poison('apple'), later).release({ directory })).rejects.toMatchObject({
      code: 'release-conflict',
    })
  })

  it('ends awaiting its release whatever the verdict is: the release writes it into the ledger and counts it', async () => {
    const { onGpu, onHosted, folder, writes, ledgerLines } = await twoMachines()
    await onHosted(samples).run()
    const worse = poison('apple', 'pear')
    const awaiting = await onGpu(worse).run({ until: 'verdict' })
    expect(awaiting).toMatchObject({ status: 'awaiting-release', verdict: { status: 'fail' } })
    expect(writes).toEqual([])
    const directory = join(folder, 'run')
    await onGpu(worse).exportRun(awaiting.runId, { directory })
    expect(await onHosted(worse).release({ directory })).toMatchObject({ status: 'held', reason: 'fail' })
    expect(await ledgerLines()).toEqual(['verdict pass', 'release', 'verdict fail'])
    await expect(
      onGpu(worse).override(awaiting.runId, { by: 'Ada', reason: 'why not', untilMs: 1e15 }),
    ).rejects.toThrow()
  })

  it('leaves an inconclusive model to a person, on the machine that releases', async () => {
    const { onGpu, onHosted, folder } = await twoMachines()
    const strict = { gate: gate('ask', 0.03) }
    await onHosted(samples, strict).run()
    const doubtful = poison('fig')
    const { runId } = await onGpu(doubtful, strict).run({ until: 'verdict' })
    const directory = join(folder, 'run')
    await onGpu(doubtful, strict).exportRun(runId, { directory })
    const open = await onHosted(doubtful, { ...strict, ...untrained }).release({ directory })
    expect(open).toMatchObject({ status: 'awaiting-approval' })
    expect(await onHosted(doubtful, strict).approve(open.runId, { by: 'Ada', reason: 'read the three' })).toMatchObject(
      { status: 'released', release: { version: '0.1.1' } },
    )
  })

  it('trains nothing for a source that was released before, and the release restores it', async () => {
    const { onGpu, onHosted, folder, writes } = await twoMachines()
    await onHosted(poison('apple')).run()
    await onHosted(samples).run()
    const awaiting = await onGpu(poison('apple'), untrained).run({ until: 'verdict' })
    expect(awaiting).toEqual({ runId: awaiting.runId, status: 'awaiting-release', identicalTo: '0.1.0' })
    expect(writes).toEqual([])
    const directory = join(folder, 'run')
    await onGpu(poison('apple'), untrained).exportRun(awaiting.runId, { directory })
    expect((await readdir(directory)).sort()).toEqual(['manifest.json', 'run.json'])
    expect(await onHosted(poison('apple'), untrained).release({ directory })).toMatchObject({
      status: 'restored',
      restoredFrom: '0.1.0',
      release: { version: '0.1.2' },
    })
  })

  it('notes another source of the current model when it is released', async () => {
    const { onGpu, onHosted, folder, writes, ledgerLines } = await twoMachines()
    await onHosted().run()
    const other = { trainer: fakeTrainer({ setting: 2 }) }
    const awaiting = await onGpu(samples, other).run({ until: 'verdict' })
    expect(awaiting).toMatchObject({ status: 'awaiting-release', identicalTo: '0.1.0' })
    expect(writes).toEqual([])
    const directory = join(folder, 'run')
    await onGpu(samples, other).exportRun(awaiting.runId, { directory })
    expect(await onHosted(samples, other).release({ directory })).toMatchObject({ status: 'up-to-date' })
    expect(await ledgerLines()).toEqual(['verdict pass', 'release', 'release'])
    expect(
      await onGpu(samples, { trainer: fakeTrainer({ setting: 2, fitError: new Error('no') }) }).run({
        until: 'verdict',
      }),
    ).toMatchObject({
      status: 'up-to-date',
    })
  })

  it('does not finish what a killed release left behind', async () => {
    const { onGpu, onHosted, releaser, writes, folder } = await twoMachines()
    const killed = { ...releaser, point: async () => Promise.reject(new Error('killed')) }
    await expect(onHosted(samples, { releaser: killed }).run()).rejects.toMatchObject({ code: 'stage-failed' })
    const awaiting = await onGpu(poison('fig')).run({ until: 'verdict' })
    expect(awaiting).toMatchObject({ status: 'awaiting-release' })
    expect(writes).toEqual([])
    const directory = join(folder, 'run')
    await onGpu(poison('fig')).exportRun(awaiting.runId, { directory })
    // It was compared with nothing; now the killed release is finished first.
    await onHosted(poison('fig'), { gate: gate() }).release({ directory })
    expect((await onHosted().history()).map(({ version }) => version)).toContain('0.1.0')
  })

  it('refuses what only the release can decide, and parts without a version', async () => {
    const { onGpu } = await twoMachines()
    const invalid = { code: 'invalid-options' }
    await expect(onGpu().run({ until: 'verdict', releaseAs: 'major' })).rejects.toMatchObject(invalid)
    await expect(onGpu().run({ until: 'verdict', allowDirty: true })).rejects.toMatchObject(invalid)
    await expect(onGpu().run({ until: 'train' as 'verdict' })).rejects.toMatchObject(invalid)
    const unversioned = { trainer: { ...fakeTrainer(), version: undefined } }
    await expect(onGpu(samples, unversioned).run({ until: 'verdict' })).rejects.toMatchObject(invalid)
  })

  it('emits the events of a run, and its record names the command', async () => {
    const { onGpu, onHosted, gpu } = await twoMachines()
    const events: RunEvent[] = []
    const run = await onGpu().start({ until: 'verdict' })
    for await (const event of run) events.push(event)
    expect(events.at(-1)).toMatchObject({ type: 'run-end', status: 'awaiting-release' })
    expect(events.map(({ type }) => type)).toContain('gate-verdict')
    const types: string[] = []
    const hosted = onHosted(samples, { store: gpu })
    for (const type of ['run-start', 'release-published', 'channel-pointed', 'run-end'] as const)
      hosted.on(type, () => types.push(type))
    await hosted.release({ runId: run.id })
    expect(types).toEqual(['run-start', 'release-published', 'channel-pointed', 'run-end'])
    // The run of the shared store awaits nothing more.
    expect((await onHosted(samples, { store: gpu }).runs()).map(({ status }) => status)).toEqual([
      'released',
      'released',
    ])
  })

  it('keeps no secret in the folder', async () => {
    const { onGpu, folder } = await twoMachines()
    const secret = 'correct-horse-battery-staple'
    const talkative = { ...fakeTrainer(), describe: () => ({ setting: null, token: secret }) }
    const options = { trainer: talkative, secrets: [secret] }
    const { runId } = await onGpu(samples, options).run({ until: 'verdict' })
    const directory = join(folder, 'run')
    await onGpu(samples, options).exportRun(runId, { directory })
    const text = await readFile(join(directory, 'run.json'), 'utf8')
    expect(text).not.toContain(secret)
    expect(text).toContain(createRedactor([secret])(secret))
  })
})
