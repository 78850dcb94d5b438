import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { type Release, type Releaser, readBundle } from '../../src/releaser/index.js'
import { builtRooms } from '../built-package.js'
import { forEachUpTo, spawnNode } from '../crash/spawn-node.js'
import { itInFull } from '../in-full.js'
import { everyNth, isWhole } from '../whole.js'

const context = callContext()
const preload = resolve(import.meta.dirname, '../crash/kill-at-write.mjs')
const program = resolve(import.meta.dirname, 'walk-release.mjs')
const atOnce = 4

let folder: string
let rooms: string
let writes: number

const act = (root: string, parameters: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  spawnNode(['--import', preload, program, rooms, join(root, 'registry'), ...parameters], {
    COUNT_UNDER: root,
    ...environment,
  })
const release = (root: string, environment?: Readonly<Record<string, string>>) =>
  act(root, ['release', join(folder, 'two')], environment)

async function writeBundle(name: string): Promise<void> {
  await mkdir(join(folder, name, 'prompts'), { recursive: true })
  await writeFile(join(folder, name, 'model.bin'), `model ${name}`)
  await writeFile(join(folder, name, 'prompts/a.txt'), 'the same prompt')
}

async function stageIn(registry: Releaser, version: string, name: string, runId: string) {
  const bundle = await readBundle(join(folder, name), context)
  return registry.prepare(
    { bundle, version, postPublish: { channel: 'latest', withdraws: [] }, record: { runId, atMs: 0 } },
    context,
  )
}

async function copyOf(name: string, origin = 'first'): Promise<string> {
  cpSync(join(folder, origin), join(folder, name), { recursive: true })
  return join(folder, name)
}

async function historyOf(registry: Releaser): Promise<readonly Release[]> {
  const found: Release[] = []
  for await (const one of registry.history(context)) found.push(one)
  return found
}

/** What a reader sees, whole: every file of every release is hashed. */
async function readersSee(root: string): Promise<string> {
  const registry = directoryRegistry(join(root, 'registry'))
  const seen: string[] = []
  for (const { version, bundle, withdrawn } of await historyOf(registry)) {
    const target = await mkdtemp(join(folder, 'open-'))
    expect((await readBundle((await registry.open(version, target, context)).directory, context)).digest).toBe(bundle)
    await rm(target, { recursive: true })
    seen.push(withdrawn === undefined ? version : `${version} (${withdrawn.reason})`)
  }
  return `${(await registry.current('latest', context))?.version} of ${seen.join(', ')}`
}

const old = '0.1.0 of 0.1.0'
const states = [old, '0.1.0 of 0.1.1, 0.1.0', '0.1.1 of 0.1.1, 0.1.0', '0.1.1 of 0.1.1, 0.1.0 (worse)']
const end = states.at(-1)!

async function expectConverged(root: string): Promise<void> {
  expect(await release(root)).toMatchObject({ code: 0, output: 'done' })
  expect(await readersSee(root)).toBe(end)
  const registry = directoryRegistry(join(root, 'registry'))
  const pending = []
  for await (const one of registry.pending(context)) pending.push(one.pending)
  expect(pending).toEqual([])
  expect(await readdir(join(root, 'registry/bundles'))).toHaveLength(2)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-registry-crash-'))
  rooms = await builtRooms()
  for (const name of ['one', 'two', 'three']) await writeBundle(name)
  const registry = directoryRegistry(join(folder, 'first/registry'))
  await registry.publish(await stageIn(registry, '0.1.0', 'one', 'first'), context)
  await registry.point('latest', '0.1.0', undefined, context)
  const root = await copyOf('count')
  const countFile = join(folder, 'count.txt')
  expect(await release(root, { COUNT_FILE: countFile })).toMatchObject({ code: 0, output: 'done' })
  expect(await readersSee(root)).toBe(end)
  writes = Number(await readFile(countFile, 'utf8'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a registry in a folder, after a crash at any instant', () => {
  it('kill -9 at each write of a release: readers see a whole state, and the next run ends it', async () => {
    expect(writes).toBeGreaterThan(40)
    const seen = new Set<string>()
    const every = everyNth(61, 5)
    await forEachUpTo(Math.floor(writes / every), atOnce, async (nth) => {
      const index = nth * every
      const root = await copyOf(`kill-${index}`)
      const ended = await release(root, { KILL_AT: `${index}`, KILL_HALF: '1' })
      expect(ended).toMatchObject({ signal: 'SIGKILL' })
      const state = await readersSee(root)
      expect(states, `after write ${index}`).toContain(state)
      seen.add(state)
      await expectConverged(root)
      await rm(root, { recursive: true })
    })
    if (every === 1) expect([...seen].sort()).toEqual([...states].sort())
  })

  itInFull('kill -9 at each write of the run that mends it, too', async () => {
    // A crash between the bundle's move and the release that names it leaves the most to mend.
    const cut = await cutBeforeRelease()
    const countFile = join(folder, 'mending.txt')
    const counted = await copyOf('mending-count', cut)
    expect(await release(counted, { COUNT_FILE: countFile })).toMatchObject({ code: 0, output: 'done' })
    const mending = Number(await readFile(countFile, 'utf8'))
    expect(mending).toBeGreaterThan(writes)
    const every = everyNth(67, 11)
    await forEachUpTo(Math.floor(mending / every), atOnce, async (nth) => {
      const index = nth * every
      const root = await copyOf(`mending-${index}`, cut)
      expect(await release(root, { KILL_AT: `${index}`, KILL_HALF: '1' })).toMatchObject({ signal: 'SIGKILL' })
      expect(states, `after write ${index}`).toContain(await readersSee(root))
      await expectConverged(root)
      await rm(root, { recursive: true })
    })
  })

  it.each(isWhole ? ['EROFS', 'ENOSPC', 'EIO'] : ['ENOSPC'])(
    'a disk that says %s from any write on: storage-failed, and readers see a whole state',
    async (code) => {
      let failures = 0
      const every = everyNth(61, 9)
      await forEachUpTo(Math.floor(writes / every), atOnce, async (nth) => {
        const index = nth * every
        const root = await copyOf(`${code}-${index}`)
        const ended = await release(root, { FAIL_AT: `${index}`, FAIL_STAYS: '1', FAIL_CODE: code })
        expect(ended.signal, ended.output).toBe(null)
        if (ended.code !== 0) {
          failures += 1
          expect(ended.output, `at write ${index}`).toMatch(
            new RegExp(`^storage-failed retryable=true SheikhError Cannot .*\\(${code}\\)`),
          )
        }
        expect(states).toContain(await readersSee(root))
        await expectConverged(root)
        await rm(root, { recursive: true })
      })
      expect(failures).toBeGreaterThan(writes / every / 2)
    },
  )

  async function cutBeforeRelease(): Promise<string> {
    // The last write that is not after the release.
    let [before, after] = [0, writes]
    while (after - before > 1) {
      const index = (before + after) >> 1
      const root = await copyOf(`cut-${index}`)
      await release(root, { KILL_AT: `${index}` })
      const released = (await readdir(join(root, 'registry/releases'))).includes('0.1.1.json')
      if (released) after = index
      else before = index
    }
    const found = `cut-${before}`
    // The bundle is moved there.
    expect(await readdir(join(folder, found, 'registry/bundles'))).toHaveLength(2)
    return found
  }
})

describe('real processes that race', () => {
  const raceRounds = isWhole ? [1, 2, 3, 4, 5] : [1]

  /** Starts all, lets them go when all are ready. */
  async function race(root: string, acts: readonly (readonly string[])[]): Promise<readonly string[]> {
    const running = acts.map((parameters) => act(root, parameters))
    await writeFile(join(root, 'go'), '')
    const ended = await Promise.all(running)
    return ended.map(({ output }) => output.replace(/^ready /, '').replace(/ retryable=(\w+) .*/s, ' $1'))
  }

  it.each(raceRounds)('for one version, of different bundles: one gets it (round %i)', async (round) => {
    const root = await copyOf(`publish-${round}`)
    const registry = directoryRegistry(join(root, 'registry'))
    const acts = await Promise.all(
      ['one', 'two', 'three'].map(async (name) => {
        const file = join(root, `${name}.json`)
        cpSync(join(folder, name), join(root, name), { recursive: true })
        return { name, file }
      }),
    )
    for (const { name, file } of acts)
      await writeFile(file, JSON.stringify(await stageIn(registry, '0.2.0', name, name)))
    const outcomes = await race(
      root,
      acts.map(({ file }) => ['publish', file]),
    )
    expect([...outcomes].sort()).toEqual(['done', 'release-conflict true', 'release-conflict true'])
    expect(await readersSee(root)).toBe('0.1.0 of 0.2.0, 0.1.0')
    const winner = (await historyOf(registry))[0]!.record.runId
    expect(winner).toBe(acts[outcomes.indexOf('done')]!.name)
  })

  it.each(raceRounds)(
    'to publish one pending release: it is published once, and all are told so (round %i)',
    async (round) => {
      const root = await copyOf(`same-${round}`)
      const registry = directoryRegistry(join(root, 'registry'))
      const file = join(root, 'pending.json')
      await writeFile(file, JSON.stringify(await stageIn(registry, '0.2.0', 'two', 'run')))
      expect(
        await race(
          root,
          Array.from({ length: 4 }, () => ['publish', file]),
        ),
      ).toEqual(['done', 'done', 'done', 'done'])
      expect(await readersSee(root)).toBe('0.1.0 of 0.2.0, 0.1.0')
    },
  )

  it('to publish one pending release, in one process: every call gets the release', async () => {
    const root = await copyOf('one-process')
    const registries = Array.from({ length: 16 }, () => directoryRegistry(join(root, 'registry')))
    const pending = await stageIn(registries[0]!, '0.2.0', 'two', 'run')
    const released = await Promise.all(registries.map((registry) => registry.publish(pending, context)))
    expect(new Set(released.map(({ publishedAtMs }) => publishedAtMs)).size).toBe(1)
  })

  it.each(raceRounds)('to point a channel from where they saw it: one moves it (round %i)', async (round) => {
    const root = await copyOf(`point-${round}`)
    const registry = directoryRegistry(join(root, 'registry'))
    const versions = ['0.1.1', '0.1.2', '0.1.3', '0.1.4']
    for (const version of versions) await registry.publish(await stageIn(registry, version, 'two', version), context)
    await registry.point('race', '0.1.0', undefined, context)
    const outcomes = await race(
      root,
      versions.map((version) => ['point', version]),
    )
    expect([...outcomes].sort()).toEqual(['done', ...Array.from({ length: 3 }, () => 'release-conflict true')])
    expect((await registry.current('race', context))?.version).toBe(versions[outcomes.indexOf('done')])
  })
})
