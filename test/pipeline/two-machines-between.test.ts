// What happens between the run and its release, and during the release.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, latency, qualityGate } from '../../src/gate/index.js'
import type { Stage } from '../../src/pipeline/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { gate, poison, samples } from './harness.js'
import { twoMachines } from './two-machines.js'

/** A run of `data` until its verdict, as a folder. */
async function exported(machines: Awaited<ReturnType<typeof twoMachines>>, data = samples, changes = {}) {
  const gpu = machines.onGpu(data, changes)
  const { runId } = await gpu.run({ until: 'verdict' })
  const directory = join(machines.folder, 'run')
  await gpu.exportRun(runId, { directory })
  return { runId, directory }
}

describe('between the run and its release', () => {
  it('compares with what is released now, not with what was released then', async () => {
    const machines = await twoMachines()
    const { onGpu, onHosted } = machines
    await onHosted(poison('apple', 'pear')).run()
    const candidate = poison('apple')
    const { directory } = await exported(machines, candidate)
    expect((await onGpu().runs())[0]).toMatchObject({ baseline: '0.1.0', verdict: { status: 'pass' } })
    await onHosted(samples).run()
    const held = await onHosted(candidate).release({ directory })
    expect(held).toMatchObject({ status: 'held', reason: 'fail' })
    expect((await onHosted().runs())[0]).toMatchObject({ runId: held.runId, baseline: '0.1.1' })
  })

  it('compares with a release that another machine publishes during the release', async () => {
    const machines = await twoMachines()
    const { onHosted, releaser } = machines
    await onHosted(poison('apple', 'pear')).run()
    const candidate = poison('apple')
    const { directory } = await exported(machines, candidate)
    let isFirst = true
    const raced: typeof releaser = {
      ...releaser,
      async verify(pending, context) {
        if (isFirst) {
          isFirst = false
          await onHosted(samples, { store: memoryStore() }).run()
        }
        return releaser.verify(pending, context)
      },
    }
    expect(await onHosted(candidate, { releaser: raced }).release({ directory })).toMatchObject({ status: 'held' })
    expect(await onHosted().current()).toMatchObject({ version: '0.1.1' })
  })

  it('finishes a release that was killed after its publication', async () => {
    const machines = await twoMachines()
    const { onHosted, releaser } = machines
    const { directory } = await exported(machines)
    const killed = { ...releaser, point: async () => Promise.reject(new Error('killed')) }
    await expect(onHosted(samples, { releaser: killed }).release({ directory })).rejects.toThrow('killed')
    expect(await onHosted().current()).toBeUndefined()
    expect(await onHosted().release({ directory })).toMatchObject({
      status: 'up-to-date',
      release: { version: '0.1.0' },
    })
    expect(await machines.ledgerLines()).toEqual(['verdict pass', 'release'])
  })

  it('leaves nothing behind when it is aborted, and starts again', async () => {
    const machines = await twoMachines()
    const { directory } = await exported(machines)
    const controller = new AbortController()
    const hosted = machines.onHosted()
    hosted.on('gate-verdict', () => controller.abort(new Error('enough')))
    await expect(hosted.release({ directory }, { signal: controller.signal })).rejects.toThrow('enough')
    expect(await hosted.history()).toEqual([])
    expect(await machines.onHosted().release({ directory })).toMatchObject({ status: 'released' })
    // The same candidate against the same releases is one use of the evaluation set.
    expect(await machines.ledgerLines()).toEqual(['verdict pass', 'release'])
  })
})

describe('a store that both machines share', () => {
  it('needs no folder, and a run that is released awaits nothing', async () => {
    const store = memoryStore()
    const { onGpu, onHosted } = await twoMachines({ gpu: store, hosted: store })
    const { runId } = await onGpu().run({ until: 'verdict' })
    expect(await onHosted().release({ runId }, { evaluate: true })).toMatchObject({ status: 'released' })
    expect(await onHosted().release({ runId })).toMatchObject({ status: 'up-to-date' })
    expect((await onHosted().runs()).map(({ command, status }) => `${command} ${status}`)).toEqual([
      'release up-to-date',
      'release released',
      'run released',
    ])
    await expect(onGpu().exportRun(runId, { directory: '/nowhere' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(onHosted().release({ runId: 'none' })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('does not release a run that was held without this', async () => {
    const { onHosted } = await twoMachines()
    await onHosted().run()
    const { runId } = await onHosted(poison('apple', 'pear')).run()
    await expect(onHosted(poison('apple', 'pear')).release({ runId })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('it is held (fail)'),
    })
  })
})

describe('parts of the host', () => {
  it('keeps what the stages of the first machine returned, and runs those of the release on the second', async () => {
    const ran: string[] = []
    const stageOf = (name: string, reads: readonly string[], machine: string): Stage => ({
      contract: 1,
      name,
      version: '1',
      reads,
      describe: () => null,
      async run() {
        ran.push(`${name} on ${machine}`)
        return { value: { by: name } }
      },
    })
    const stagesOn = (machine: string) => ({
      stages: [stageOf('probe', ['candidate'], machine), stageOf('announce', ['release'], machine)],
    })
    const machines = await twoMachines()
    const { directory } = await exported(machines, samples, stagesOn('gpu'))
    const released = await machines.onHosted(samples, stagesOn('hosted')).release({ directory })
    expect(ran).toEqual(['probe on gpu', 'announce on hosted'])
    if (!('release' in released)) throw new Error('not released')
    expect(released.release.record.stages).toEqual({ probe: { by: 'probe' } })
    // A later machine without a store finds the weights by the key of their training.
    const trained = (await machines.onGpu().runs())[0]!.stages.find(({ name }) => name === 'train')
    expect(released.release.record.training?.key).toBe(trained?.key)
  })

  it('needs the device of the trainer only where a model is loaded', async () => {
    const machines = await twoMachines()
    await machines.onHosted(poison('apple', 'pear')).run()
    const { directory } = await exported(machines)
    const environment = async () => Promise.reject(new Error('no GPU here'))
    expect(
      await machines.onHosted(samples, { trainer: { ...fakeTrainer(), environment } }).release({ directory }),
    ).toMatchObject({ status: 'released', release: { version: '0.1.1' } })
  })

  it('measures latency where it is released', async () => {
    const slow = { gate: qualityGate([atLeast(accuracy(), 0.15), latency({ maximumMs: 10_000 })]) }
    const loads = { gpu: 0, hosted: 0 }
    const counting = (machine: keyof typeof loads) => {
      const trainer = fakeTrainer()
      const load: typeof trainer.load = (weights, context) => {
        loads[machine] += 1
        return trainer.load(weights, context)
      }
      return { ...slow, trainer: { ...trainer, load } }
    }
    const machines = await twoMachines()
    const { directory } = await exported(machines, samples, counting('gpu'))
    expect(await machines.onHosted(samples, counting('hosted')).release({ directory })).toMatchObject({
      status: 'released',
    })
    expect(loads.hosted).toBe(1)
  })

  it('starts from a base that was named, and the release records it', async () => {
    const machines = await twoMachines()
    const first = await machines.onHosted(poison('apple')).run()
    if (!('release' in first)) throw new Error('not released')
    const base = { base: { version: first.release.version, digest: first.release.bundle } }
    const { directory } = await exported(machines, samples, base)
    expect(await machines.onHosted(samples, base).release({ directory })).toMatchObject({
      status: 'released',
      release: { record: { candidate: { base: { version: '0.1.0', replayShare: 1 } } } },
    })
  })
})

describe('a model that was trained again on purpose', () => {
  // Trains another table from the same sources, as a device that rounds otherwise does.
  const unlike = () => {
    const trainer = fakeTrainer()
    const fit: typeof trainer.fit = async (request, fitContext) => {
      const candidate = await trainer.fit(request, fitContext)
      await writeFile(join(request.directory, 'notes.txt'), 'again')
      return candidate
    }
    return { trainer: { ...trainer, fit } }
  }

  it('is not lost if its release lacks the option: the commit is not dealt with, and the option decides', async () => {
    const machines = await twoMachines()
    const { onGpu, onHosted, folder, ledgerLines } = machines
    await onHosted().run()
    const later = { provenance: async () => ({ commit: 'beef', dirtyPaths: [] }) }
    const { runId } = await onGpu(samples, { ...unlike(), ...later }).run({ until: 'verdict', retrain: true })
    const directory = join(folder, 'run')
    await onGpu().exportRun(runId, { directory })
    await expect(onHosted(samples, later).release({ directory })).rejects.toMatchObject({
      code: 'release-conflict',
      message: expect.stringContaining('sheikh release --retrain'),
    })
    expect(await ledgerLines()).toEqual(['verdict pass', 'release'])
    const released = { status: 'released', release: { version: '0.1.1', record: { commit: 'beef' } } }
    expect(await onHosted(samples, later).release({ directory }, { retrain: true })).toMatchObject(released)
    expect(await onHosted(samples, later).release({ directory })).toMatchObject({ status: 'up-to-date' })
  })

  it('is up to date without the option if a release has it', async () => {
    const machines = await twoMachines()
    await machines.onHosted().run()
    const { runId } = await machines.onGpu().run({ until: 'verdict', retrain: true })
    const directory = join(machines.folder, 'run')
    await machines.onGpu().exportRun(runId, { directory })
    expect(await machines.onHosted().release({ directory })).toMatchObject({ status: 'up-to-date' })
  })
})

it('a store that took the weights of a release can tell what they were trained on', async () => {
  const { onHosted } = await twoMachines()
  const first = await onHosted().run()
  if (!('release' in first)) throw new Error('not released')
  const fresh = { store: memoryStore() }
  const untrained = { gate: gate('ask', 0.06), trainer: fakeTrainer({ fitError: new Error('no training here') }) }
  expect(await onHosted(samples, { ...fresh, ...untrained }).run()).toMatchObject({ status: 'up-to-date' })
  const base = { version: first.release.version, digest: first.release.bundle, replayShare: 0.5 }
  expect(await onHosted(poison('fig'), { ...fresh, base }).run()).toMatchObject({ runId: expect.any(String) })
})
