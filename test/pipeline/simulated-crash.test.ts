import { cpSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import type { Release } from '../../src/releaser/index.js'
import type { HostProcesses } from '../../src/store/index.js'
import { type CrashStep, walkCrashProject } from '../crash/crash-project.js'
import { crashingFileSystem } from '../crash/crashing-file-system.js'
import { forEachUpTo } from '../crash/spawn-node.js'
import { everyNth, sampleOf } from '../whole.js'

// A crash at a write, in this process. What was never flushed is kept (the process died), lost (the power failed), or lost in
// part. `npm run test:crash` crashes at every write, in each of these ways; `npm test` at some, in one way each. crash.test.ts
// kills real processes.
const context = callContext()
// Most of the time a walk waits for the disk.
const atOnce = 6
// No multiples of three: each of the three ways is met.
const crashEvery = everyNth(397, 19)
const failureEvery = everyNth(203, 11)

/** A process that nobody else sees; once its run crashed, it is gone. */
let processes = 0
function processOf(): HostProcesses {
  processes += 1
  const pid = processes
  return {
    self: () => ({ pid, processStartTime: `${pid}`, bootId: 'boot', pidNamespace: 'pid:[1]', hostname: 'host' }),
    isAlive: async (other) => other === pid,
  }
}

const walk = (folder: string, step: CrashStep, disk = crashingFileSystem()) =>
  walkCrashProject({ folder, step, processes: processOf(), fileSystem: disk.fileSystem })

async function prepared(steps: readonly CrashStep[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-crash-'))
  for (const step of steps) await walk(folder, step)
  return folder
}

/** How many writes a step makes. */
async function writesOf(start: string, step: CrashStep): Promise<number> {
  const folder = await copyOf(start)
  const disk = crashingFileSystem()
  await walk(folder, step, disk)
  await disk.lose(() => false)
  await rm(folder, { recursive: true })
  return disk.count()
}

async function copyOf(start: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-crash-'))
  cpSync(start, folder, { recursive: true })
  return folder
}

async function readersSee(
  folder: string,
): Promise<{ readonly current?: string | undefined; readonly history: readonly Release[] }> {
  const registry = directoryRegistry(join(folder, 'releases'))
  const history: Release[] = []
  for await (const release of registry.history(context)) history.push(release)
  for (const { version } of history) {
    const target = await mkdtemp(join(tmpdir(), 'sheikh-open-'))
    // Hashes every file.
    await registry.open(version, target, context)
    await rm(target, { recursive: true, force: true })
  }
  return { current: (await registry.current('latest', context))?.version, history }
}

const losses = ['kept', 'lost', 'mixed'] as const
type Loss = (typeof losses)[number]

/** Crashes `step` at write `at`; what the disk then holds is in the folder that is returned. */
/** Every point at which a step may crash, or a sample of them. */
async function forEachCrash(
  start: string,
  step: CrashStep,
  work: (folder: string, at: string) => Promise<void>,
): Promise<void> {
  const writes = await writesOf(start, step)
  expect(writes).toBeGreaterThan(40)
  const points = Array.from({ length: writes }, (_, index) => index + 1).flatMap((at) =>
    losses.map((loss) => ({ at, loss })),
  )
  const chosen = points.filter((_, index) => index % crashEvery === 0)
  await forEachUpTo(chosen.length, atOnce, async (number) => {
    const { at, loss } = chosen[number - 1]!
    const folder = await crashed(start, step, at, loss)
    await work(folder, `write ${at}, ${loss}`)
    await rm(folder, { recursive: true })
  })
}

async function crashed(start: string, step: CrashStep, at: number, loss: Loss): Promise<string> {
  const folder = await copyOf(start)
  const disk = crashingFileSystem({ at, half: at % 2 === 0 })
  const outcome = await Promise.race([disk.crashed.then(() => 'crashed'), walk(folder, step, disk)])
  expect(outcome, `write ${at}`).toBe('crashed')
  const random = seededRandom(`${step} ${at}`)
  await disk.lose(() => loss === 'lost' || (loss === 'mixed' && random.uniform() < 0.5))
  return folder
}

interface Case {
  readonly name: string
  readonly before: readonly CrashStep[]
  readonly step: CrashStep
  readonly versions: { readonly old: string | undefined; readonly new: string }
}

const cases: readonly Case[] = [
  { name: 'the first run', before: [], step: 'first', versions: { old: undefined, new: '0.1.0' } },
  { name: 'a second run', before: ['first'], step: 'second', versions: { old: '0.1.0', new: '0.1.1' } },
  { name: 'a run and its release apart', before: ['first'], step: 'apart', versions: { old: '0.1.0', new: '0.1.1' } },
  { name: 'a run from a named base', before: ['first'], step: 'warm', versions: { old: '0.1.0', new: '0.2.0' } },
]

describe('a crash at a write', () => {
  it.each(sampleOf(cases, 2))(
    '$name: readers see the old release or the new one, and the next run ends it',
    async (one) => {
      const { before, step, versions } = one
      const start = await prepared(before)
      await forEachCrash(start, step, async (folder, at) => {
        expect([versions.old, versions.new], at).toContain((await readersSee(folder)).current)
        expect(['released', 'up-to-date'], at).toContain((await walk(folder, step)).status)
        const { current, history } = await readersSee(folder)
        expect([current, history.length], at).toEqual([versions.new, before.length + 1])
      })
      await rm(start, { recursive: true })
    },
  )

  it('a rollback: readers see one of the releases, and the next run finds it undone or finishes it', async () => {
    const start = await prepared(['first', 'second'])
    await forEachCrash(start, 'rollback', async (folder, at) => {
      expect(['0.1.1', '0.1.2'], at).toContain((await readersSee(folder)).current)
      const { status, reason } = await walk(folder, 'second')
      const { current, history } = await readersSee(folder)
      const withdrawn = history.find(({ version }) => version === '0.1.1')?.withdrawn !== undefined
      expect([status, reason, current, withdrawn], at).toEqual(
        history.length === 2 ? ['up-to-date', undefined, '0.1.1', false] : ['held', 'withdrawn', '0.1.2', true],
      )
    })
    await rm(start, { recursive: true })
  })
})

it('a disk that is full from any write on: storage-failed, readers see a whole release, and the next run ends it', async () => {
  const start = await prepared(['first'])
  const writes = await writesOf(start, 'second')
  let failures = 0
  await forEachUpTo(Math.floor(writes / failureEvery), atOnce, async (number) => {
    const at = number * failureEvery
    const folder = await copyOf(start)
    const disk = crashingFileSystem({ at, failure: 'ENOSPC' })
    const error = await walk(folder, 'second', disk).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (error !== undefined) {
      failures += 1
      expect(error, `write ${at}`).toMatchObject({ code: 'storage-failed', retryable: true })
    }
    await disk.lose(() => false)
    expect(['0.1.0', '0.1.1'], `write ${at}`).toContain((await readersSee(folder)).current)
    await walk(folder, 'second')
    expect((await readersSee(folder)).current, `write ${at}`).toBe('0.1.1')
    await rm(folder, { recursive: true })
  })
  expect(failures).toBeGreaterThan(writes / failureEvery / 2)
})
