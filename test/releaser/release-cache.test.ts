import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, qualityGate } from '../../src/gate/index.js'
import { loadRelease, type Releaser } from '../../src/releaser/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { poison, world } from '../pipeline/harness.js'

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-cache-'))
  onTestFinished(() => {
    chmodSync(folder, 0o700)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** One release, and the registry behind a line that can be cut. */
async function released() {
  const there = world()
  await there.pipeline(poison('apple')).run()
  const [cache, warnings] = [temporary(), [] as string[]]
  let opened = 0
  let isCut = false
  const cut = () => {
    if (isCut)
      throw new SheikhError('remote-failed', 'Cannot reach it: the line is cut. Try again.', { retryable: true })
  }
  const remote: Releaser = {
    ...there.releaser,
    async current(channel, context) {
      cut()
      return there.releaser.current(channel, context)
    },
    history(context) {
      cut()
      return there.releaser.history(context)
    },
    async open(version, directory, context) {
      cut()
      opened += 1
      return there.releaser.open(version, directory, context)
    },
  }
  const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
  const load = async (options: { readonly version?: string } = {}) => {
    await using model = await loadRelease(remote, { cache, trainer: fakeTrainer(), ...options }, { log })
    expect(await model.predict(['apple 1'])).toHaveLength(1)
    return model.release.version
  }
  return {
    ...there,
    cache,
    warnings,
    load,
    opened: () => opened,
    setCut: (value: boolean) => {
      isCut = value
    },
    bundles: () => readdirSync(join(cache, 'bundles')).map((name) => join(cache, 'bundles', name)),
  }
}

describe('the cache of loadRelease', () => {
  it('fetches a bundle once, and keeps it when the model is disposed', async () => {
    const { load, opened, bundles } = await released()
    expect([await load(), await load(), await load({ version: '0.1.0' })]).toEqual(['0.1.0', '0.1.0', '0.1.0'])
    expect(opened()).toBe(1)
    expect(bundles()).toHaveLength(1)
  })

  it('follows the channel while it can be reached, and answers with what it named last while not', async () => {
    const { load, pipeline, setCut, warnings } = await released()
    await load()
    await pipeline().run()
    expect(await load()).toBe('0.1.1')
    setCut(true)
    expect(await load()).toBe('0.1.1')
    expect(warnings).toEqual([expect.stringContaining('Using 0.1.1, the last known release')])
    await expect(load({ version: '0.1.0' })).rejects.toMatchObject({ code: 'remote-failed' })
  })

  it('hashes what it has, and fetches again what is damaged', async () => {
    const { load, opened, bundles, setCut, warnings } = await released()
    await load()
    appendFileSync(join(bundles()[0]!, 'model.safetensors'), 'x')
    await load()
    expect(opened()).toBe(2)
    expect(warnings).toEqual([expect.stringContaining('damaged')])
    appendFileSync(join(bundles()[0]!, 'model.safetensors'), 'x')
    setCut(true)
    await expect(load()).rejects.toMatchObject({ code: 'remote-failed' })
  })

  it('is filled by several at once, and leaves nothing half fetched', async () => {
    const { load, bundles } = await released()
    expect(await Promise.all([load(), load(), load(), load()])).toEqual(['0.1.0', '0.1.0', '0.1.0', '0.1.0'])
    expect(bundles()).toHaveLength(1)
  })

  it('does not answer for another registry', async () => {
    const { load, cache, setCut } = await released()
    await load()
    setCut(true)
    const elsewhere: Releaser = {
      ...world().releaser,
      describe: () => ({ another: true }),
      current: async () => {
        throw new SheikhError('remote-failed', 'Cannot reach it. Try again.', { retryable: true })
      },
    }
    await expect(loadRelease(elsewhere, { cache, trainer: fakeTrainer() })).rejects.toMatchObject({
      code: 'remote-failed',
    })
  })

  it('refuses what stands there and is no release', async () => {
    const { load, cache, setCut } = await released()
    await load()
    for (const name of readdirSync(join(cache, 'releases'))) writeFileSync(join(cache, 'releases', name), '{}')
    setCut(true)
    await expect(load()).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})

describe('old bundles', () => {
  it('are removed an hour after their last use, except for the last two releases of each name', async () => {
    const there = world()
    const [cache, hour] = [temporary(), 3_600_000]
    const bundles: string[] = []
    const load = async (options: { readonly version?: string } = {}) => {
      await using model = await loadRelease(there.releaser, { cache, trainer: fakeTrainer(), ...options })
      return model.release.bundle.slice('sha256:'.length)
    }
    const kept = () => readdirSync(join(cache, 'bundles')).sort()
    const age = () => {
      const then = (Date.now() - 2 * hour) / 1000
      for (const name of kept()) utimesSync(join(cache, 'bundles', name), then, then)
    }
    for (const [index, words] of [['apple', 'pear'], ['apple'], []].entries()) {
      await there.pipeline(poison(...words)).run({ releaseAs: 'minor' })
      bundles.push(await load())
      // Too young to be removed.
      expect(kept()).toHaveLength(index + 1)
    }
    expect(new Set(bundles).size).toBe(3)
    mkdirSync(join(cache, 'bundles', '.fetching-crashed'))
    writeFileSync(join(cache, 'bundles', 'notes.txt'), 'of a person')
    age()
    await load()
    expect(kept()).toEqual([bundles[1]!, bundles[2]!, 'notes.txt'].sort())
    // A version that is served by its number is kept with its own name.
    const versions: string[] = []
    for await (const { version } of there.releaser.history(callContext())) versions.push(version)
    expect(await load({ version: versions.at(-1)! })).toBe(bundles[0])
    age()
    await load()
    expect(kept()).toEqual([...bundles, 'notes.txt'].sort())
  })

  it('of versions that are loaded by number are kept for the last five, and for those in use', async () => {
    const there = world()
    const [cache, hour] = [temporary(), 3_600_000]
    const gate = qualityGate([atLeast(accuracy(), 0)], { whenInconclusive: 'release' })
    const words = ['apple', 'pear', 'plum', 'car', 'bus', 'tram']
    const changed = [...words.map((word) => [word]), ['apple', 'pear'], ['car', 'bus'], []]
    for (const some of changed) await there.pipeline(poison(...some), { gate }).run({ releaseAs: 'minor' })
    const history: { version: string; bundle: string }[] = []
    for await (const { version, bundle } of there.releaser.history(callContext()))
      history.unshift({ version, bundle: bundle.slice('sha256:'.length) })
    expect(new Set(history.map(({ bundle }) => bundle)).size).toBe(changed.length)
    const open = (version?: string) =>
      loadRelease(there.releaser, { cache, trainer: fakeTrainer(), ...(version !== undefined && { version }) })
    const load = async (version?: string) => (await open(version))[Symbol.asyncDispose]()
    const namesIn = (folder: string) => readdirSync(join(cache, folder)).sort()
    /** As if everything had happened earlier, in the same order. */
    const age = () => {
      for (const folder of ['releases', 'bundles'])
        for (const name of namesIn(folder)) {
          const then = statSync(join(cache, folder, name)).mtimeMs / 1000 - 2 * (hour / 1000)
          utimesSync(join(cache, folder, name), then, then)
        }
    }
    await load()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const inUse = await open(history[0]!.version)
    for (const { version } of history.slice(1, 8)) {
      age()
      await vi.advanceTimersByTimeAsync(900_000)
      const own = join(cache, 'bundles', history[0]!.bundle)
      await expect.poll(() => Date.now() - statSync(own).mtimeMs).toBeLessThan(hour)
      await load(version)
    }
    // The newest, which the channel points at; the one in use; and four others that were loaded last.
    const expected = [history[8]!, history[0]!, ...history.slice(4, 8)]
    expect(namesIn('bundles')).toEqual(expected.map(({ bundle }) => bundle).sort())
    expect(namesIn('releases').filter((name) => name.startsWith('version-'))).toHaveLength(5)
    await inUse[Symbol.asyncDispose]()
    // A crash after the record of a version was removed leaves its bundle, until the next load.
    for (const name of namesIn('releases')) if (name.startsWith('version-')) rmSync(join(cache, 'releases', name))
    age()
    await load()
    expect(namesIn('bundles')).toEqual([history[8]!.bundle])
  })

  it('stay while a model of another process has them in use, whatever its age', async () => {
    const there = world()
    const cache = temporary()
    const load = () => loadRelease(there.releaser, { cache, trainer: fakeTrainer() })
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    await there.pipeline(poison('apple', 'pear')).run()
    const served = await load()
    const path = join(cache, 'bundles', served.release.bundle.slice('sha256:'.length))
    const old = (Date.now() - 7_200_000) / 1000
    for (const words of [['apple'], []]) {
      await there.pipeline(poison(...words)).run({ releaseAs: 'minor' })
      utimesSync(path, old, old)
      await vi.advanceTimersByTimeAsync(900_000)
      // The time is written to the disk.
      await expect.poll(() => statSync(path).mtimeMs).toBeGreaterThan(old * 1000 + 1)
      await (await load())[Symbol.asyncDispose]()
    }
    expect(existsSync(path)).toBe(true)
    await served[Symbol.asyncDispose]()
    expect(vi.getTimerCount()).toBe(0)
    utimesSync(path, old, old)
    await (await load())[Symbol.asyncDispose]()
    expect(existsSync(path)).toBe(false)
  })
})
