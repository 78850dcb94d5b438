import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { callContext, type SheikhError } from '../../src/core/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import type { HostProcesses, ProcessIdentity } from '../../src/store/index.js'
import { builtRooms } from '../built-package.js'
import { spawnNode } from '../crash/spawn-node.js'
import { sampleOf } from '../whole.js'

const context = callContext()
const program = fileURLToPath(new URL('./lock-racer.mjs', import.meta.url))

let folder: string
let root: string
let stores = 0
let rooms: string
// What a container is to a lock: the same host name and boot, and a pid namespace of its own.
const unshare = ['--pid', '--fork', '--mount-proc', process.execPath]
const containerOf = `const { spawnSync } = require('node:child_process')
const { status } = spawnSync('unshare', [${unshare.map((word) => JSON.stringify(word)).join(', ')}, ...process.argv.slice(1)], { stdio: 'inherit' })
process.exit(status ?? 1)`
const tried = spawnSync('unshare', [...unshare, '--eval', '0'])
const noNamespaces = tried.status === 0 ? undefined : String(tried.error ?? tried.stderr)
if (noNamespaces !== undefined)
  process.stdout.write(
    `The test of locks between containers is skipped: no pid namespace can be made (${noNamespaces.trim()}).\n`,
  )
const racer = (times: string) => spawnNode([program, rooms, root, join(root, 'log'), times])

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-lock-'))
  rooms = await builtRooms()
})
beforeEach(() => {
  stores += 1
  root = join(folder, `store-${stores}`)
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** Processes as a test says: who asks, and who lives. */
const processesOf = (self: Partial<ProcessIdentity>, alive: readonly string[]): HostProcesses => ({
  self: () => ({
    pid: 7,
    processStartTime: '100',
    bootId: 'boot-1',
    pidNamespace: 'pid:[1]',
    hostname: 'here',
    ...self,
  }),
  isAlive: async (pid, processStartTime) => alive.includes(`${pid}@${processStartTime}`),
})
const first = processesOf({}, [])
const taken = (self: Partial<ProcessIdentity>, alive: readonly string[]) =>
  directoryStore(root, { processes: processesOf({ pid: 8, processStartTime: '200', ...self }, alive) }).lock(
    'next',
    context,
  )

describe('real processes', () => {
  it('a holder that was killed is followed by the next, and what it worked on is removed', async () => {
    expect(await racer('die')).toMatchObject({ signal: 'SIGKILL' })
    expect(await readdir(join(root, 'work'))).toHaveLength(1)
    await using lock = await directoryStore(root).lock('next', context)
    expect(lock.token).toBe(2)
    const ownName = `${process.pid}-${startTimeOf(await ownStat())}-`
    expect((await readdir(join(root, 'work'))).map((name) => name.slice(0, -12))).toEqual([ownName])
  })

  it('of processes that race, over a dead holder at first, one at a time holds the lock', async () => {
    expect(await racer('die')).toMatchObject({ signal: 'SIGKILL' })
    const ended = await Promise.all([racer('40'), racer('40'), racer('40')])
    for (const { code, output } of ended) expect({ code, output }).toEqual({ code: 0, output: '' })
    const lines = (await readFile(join(root, 'log'), 'utf8')).trim().split('\n')
    expect(lines).toEqual(
      Array.from({ length: 120 }, (_, index) => [`enter ${index + 2}`, `leave ${index + 2}`]).flat(),
    )
    expect((await readdir(join(root, 'lock'))).length).toBeLessThan(40)
  })

  it('a file system without hard links has locks too', async () => {
    const ended = await spawnNode([fileURLToPath(new URL('./no-hard-links.mjs', import.meta.url)), rooms, root])
    expect(ended).toMatchObject({ code: 0 })
    expect(JSON.parse(ended.output)).toEqual({ taken: 1, refused: ['locked', 'locked'], next: 2 })
  })

  it.skipIf(noNamespaces !== undefined)(
    'a process in another container, with the same host name, is not overtaken while it lives',
    async () => {
      const inside = (times: string) =>
        spawnNode(['--eval', containerOf, program, rooms, root, join(root, 'log'), times], {})
      const ended = await Promise.all([inside('20'), inside('20'), racer('20')])
      for (const { code, output } of ended) expect({ code, output }).toEqual({ code: 0, output: '' })
      const lines = (await readFile(join(root, 'log'), 'utf8')).trim().split('\n')
      expect(lines).toEqual(
        Array.from({ length: 60 }, (_, index) => [`enter ${index + 1}`, `leave ${index + 1}`]).flat(),
      )
    },
  )
})

describe('who holds a lock', () => {
  it('a process that lives is not overtaken', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    await expect(taken({}, ['7@100'])).rejects.toMatchObject({
      code: 'locked',
      retryable: true,
      message: 'Cannot take the lock: process 7 holds it (first). Wait for that run to end, or stop it.',
      facts: { pid: 7, hostname: 'here', purpose: 'first' },
    })
  })

  it('a process of the same number that started at another time is another process', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    await expect(taken({}, ['7@101'])).resolves.toMatchObject({ token: 2 })
  })

  const unseen: readonly (readonly [string, Partial<ProcessIdentity>])[] = [
    ['another container of this host, with the same host name', { pidNamespace: 'pid:[2]' }],
    ['a container whose system does not tell its namespace', { pidNamespace: undefined }],
    ['another host with the same host name, or an earlier boot', { bootId: 'boot-2' }],
    ['another host', { hostname: 'there', bootId: 'boot-2' }],
    ['another host, of systems that tell no boot', { hostname: 'there', bootId: undefined, pidNamespace: undefined }],
  ]
  it.each(sampleOf(unseen, 1))('a process of %s keeps the lock while it renews its lease', async (_, self) => {
    const holder = self.bootId === undefined && 'bootId' in self ? { bootId: undefined, pidNamespace: undefined } : {}
    await directoryStore(root, { processes: processesOf(holder, []) }).lock('first', context)
    // Its number means nothing here: that no such process is seen must not count.
    const error = (await taken(self, []).catch((thrown: unknown) => thrown)) as SheikhError
    expect(error).toMatchObject({ code: 'locked', retryable: true, facts: { hostname: 'here' } })
    expect(error.message).toBe(
      'Cannot take the lock: process 7 of another container or host ("here") holds it (first). Wait for that run to end. If its process is gone, the lock becomes free 120 seconds after its last sign of life.',
    )
    await setAge(error.facts['path'] as string, 110)
    await expect(taken(self, [])).rejects.toMatchObject({ code: 'locked' })
    await setAge(error.facts['path'] as string, 130)
    await expect(taken(self, ['7@100'])).resolves.toMatchObject({ token: 2 })
  })

  it('a host that was renamed since still sees its own processes', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    await expect(taken({ hostname: 'renamed' }, ['7@100'])).rejects.toThrow('process 7 holds it (first)')
    await expect(taken({ hostname: 'renamed' }, [])).resolves.toMatchObject({ token: 2 })
  })

  it('a holder renews its lease without being asked', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      const lock = await directoryStore(root, { processes: first }).lock('first', context)
      const path = join(root, 'lock', '000000000001.held')
      const before = await readFile(path, 'utf8')
      await setAge(path, 1000)
      vi.advanceTimersByTime(10_000)
      await vi.waitFor(async () => expect(Date.now() - (await stat(path)).mtimeMs).toBeLessThan(900_000), 60_000)
      expect(await readFile(path, 'utf8')).toBe(before)
      await lock.release()
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('a lock file that cannot be read belongs to a holder that cannot be asked, until its lease ends', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    const path = join(root, 'lock', '000000000001.held')
    await writeFile(path, '{"pid":')
    await expect(taken({}, [])).rejects.toMatchObject({ code: 'locked' })
    await setAge(path, 130)
    await expect(taken({}, [])).resolves.toMatchObject({ token: 2 })
  })

  it('whether the lock is held can be asked without changing anything', async () => {
    const store = directoryStore(root, { processes: processesOf({}, ['7@100']) })
    expect(await store.heldLock!(context)).toBe(undefined)
    await expect(readdir(root)).rejects.toMatchObject({ code: 'ENOENT' })
    await store.lock('first', context)
    const before = await readdir(root, { recursive: true })
    expect(await store.heldLock!(context)).toEqual({ token: 1, purpose: 'first' })
    expect(await directoryStore(root, { processes: first }).heldLock!(context), 'its process is gone').toBe(undefined)
    const elsewhere = directoryStore(root, { processes: processesOf({ bootId: 'boot-2' }, []) })
    expect(await elsewhere.heldLock!(context)).toEqual({ token: 1, purpose: 'first' })
    expect(await readdir(root, { recursive: true })).toEqual(before)
  })

  it('a lock of another host is held, however much the clocks of the hosts differ', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    const elsewhere = directoryStore(root, { processes: processesOf({ bootId: 'boot-2' }, []) })
    for (const aheadMs of [-900_000, 0, 60_000, 900_000]) {
      const clock = { nowMs: () => Date.now() + aheadMs }
      expect(await elsewhere.heldLock!(callContext({ clock }))).toEqual({ token: 1, purpose: 'first' })
    }
    await setAge(join(root, 'lock', '000000000001.held'), 130)
    for (const aheadMs of [-900_000, 900_000]) {
      const clock = { nowMs: () => Date.now() + aheadMs }
      expect(await elsewhere.heldLock!(callContext({ clock }))).toBe(undefined)
    }
  })

  it('a holder that was overtaken learns it at the next check, and its release frees nothing', async () => {
    const lock = await directoryStore(root, { processes: first }).lock('first', context)
    await lock.check()
    const next = await taken({}, [])
    await expect(lock.check()).rejects.toMatchObject({ code: 'locked', facts: { token: 1 } })
    await lock.release()
    await next.check()
  })

  it('a lock whose folder was removed is not held any more', async () => {
    const lock = await directoryStore(root, { processes: first }).lock('first', context)
    await rm(join(root, 'lock'), { recursive: true })
    await expect(lock.check()).rejects.toMatchObject({ code: 'locked' })
    await expect(taken({}, [])).resolves.toMatchObject({ token: 1 })
    await expect(lock.check(), 'the same number, another holder').rejects.toMatchObject({ code: 'locked' })
  })

  it('work of a process that lives is left alone by the next holder', async () => {
    const busy = directoryStore(root, { processes: first })
    const path = await busy.workDirectory('read')
    await (await taken({}, ['7@100'])).release()
    expect(await readdir(path)).toEqual([])
    await taken({}, [])
    await expect(readdir(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('work of a process that cannot be seen is left alone for a day', async () => {
    const path = await directoryStore(root, { processes: first }).workDirectory('train')
    const next = async () => (await taken({ pidNamespace: 'pid:[2]' }, [])).release()
    await next()
    expect(await readdir(path)).toEqual([])
    await setAge(join(path, '..'), 90_000)
    await next()
    await expect(readdir(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

async function setAge(path: string, ageS: number): Promise<void> {
  const at = Date.now() / 1000 - ageS
  await utimes(path, at, at)
}

const ownStat = () => readFile(`/proc/${process.pid}/stat`, 'utf8').catch(() => undefined)
const startTimeOf = (stat: string | undefined) => stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown'
