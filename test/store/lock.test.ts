import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { callContext, type SheikhError } from '../../src/core/index.js'
import { directoryStore, type Processes, type ProcessIdentity } from '../../src/store/directory/index.js'
import { compileRooms } from '../crash/compile.js'
import { spawnNode } from '../crash/spawn-node.js'

const context = callContext()
const program = fileURLToPath(new URL('./lock-racer.mjs', import.meta.url))

let folder: string
let root: string
let stores = 0
const racer = (times: string) => spawnNode([program, join(folder, 'rooms'), root, join(root, 'log'), times])

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-lock-'))
  await compileRooms(['core', 'store'], join(folder, 'rooms'))
})
beforeEach(() => {
  stores += 1
  root = join(folder, `store-${stores}`)
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** Processes as a test says: who asks, and who lives. */
const processesOf = (self: Partial<ProcessIdentity>, alive: readonly string[]): Processes => ({
  self: () => ({ pid: 7, processStartTime: '100', bootId: 'boot-1', hostname: 'here', ...self }),
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
    expect(await readdir(join(root, 'work'))).toEqual([`${process.pid}-${startTimeOf(await ownStat())}`])
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

  it('a process of an earlier boot is gone, whatever runs under its number now', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    await expect(taken({ bootId: 'boot-2' }, ['7@100'])).resolves.toMatchObject({ token: 2 })
  })

  it('a process of another host is never overtaken, and the error says what to do', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    const error = (await taken({ hostname: 'there' }, []).catch((thrown: unknown) => thrown)) as SheikhError
    expect(error).toMatchObject({ code: 'locked', facts: { hostname: 'here' } })
    expect(error.message).toContain('of the host "here"')
    expect(error.message).toContain('if it is gone for certain, remove "')
    await rm(error.facts['path'] as string)
    await expect(taken({ hostname: 'there' }, [])).resolves.toMatchObject({ token: 1 })
  })

  it('a lock file that cannot be read belongs to nobody who can be asked', async () => {
    await directoryStore(root, { processes: first }).lock('first', context)
    await writeFile(join(root, 'lock', '000000000001.held'), '{"pid":')
    await expect(taken({}, [])).rejects.toMatchObject({ code: 'locked' })
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
})

const ownStat = () => readFile(`/proc/${process.pid}/stat`, 'utf8').catch(() => undefined)
const startTimeOf = (stat: string | undefined) => stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown'
