import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext, digestBytes } from '../../src/core/index.js'
import { directoryFeedback, type FeedbackStore, type LoggedPrediction } from '../../src/feedback/index.js'
import { builtRooms } from '../built-package.js'
import { forEachUpTo, spawnNode } from '../crash/spawn-node.js'
import { itInFull } from '../in-full.js'
import { everyNth } from '../whole.js'

const context = callContext()
const program = fileURLToPath(new URL('./append-pairs.mjs', import.meta.url))
const preload = fileURLToPath(new URL('../crash/kill-at-write.mjs', import.meta.url))
const dayMs = 24 * 60 * 60 * 1000
const startMs = Date.UTC(2026, 0, 31, 12)

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-feedback-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const entry = (id: string, input = 'the courier is late'): LoggedPrediction => ({
  kind: 'prediction',
  id,
  timeMs: startMs,
  release: { version: '0.1.0', bundle: digestBytes('bundle') },
  input,
  prediction: { kind: 'label', label: 'shipping' },
})

const idsIn = async (store: FeedbackStore) => {
  const ids: string[] = []
  for await (const { id } of store.read({}, context)) ids.push(id)
  return ids
}

const daysIn = async (folder: string) => (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort()

/** Entries come in pairs, and each pair is there with both or with none. */
async function expectPairs(folder: string): Promise<number> {
  const ids = await idsIn(directoryFeedback(folder))
  for (let index = 0; index < ids.length; index += 2) expect(ids[index + 1]).toBe(`${ids[index]!.slice(0, -2)}/1`)
  return ids.length / 2
}

describe('directoryFeedback', () => {
  it.each(['append', 'secret'] as const)(
    'leaves a folder that %s makes out of Git, and no other folder',
    async (first) => {
      const folder = await temporary()
      const begin = async (store: FeedbackStore) =>
        void (await (first === 'append' ? store.append([entry('a')], context) : store.secret(context)))
      await begin(directoryFeedback(join(folder, 'new', 'feedback')))
      expect(await readFile(join(folder, 'new/feedback/.gitignore'), 'utf8')).toBe('*\n')
      // A crash after the folder was made and before the file was.
      await mkdir(join(folder, 'crashed'))
      await begin(directoryFeedback(join(folder, 'crashed')))
      expect(await readFile(join(folder, 'crashed/.gitignore'), 'utf8')).toBe('*\n')
      await begin(directoryFeedback(folder))
      expect(await readdir(folder)).not.toContain('.gitignore')
    },
  )

  it('begins a file each day, and reads in order although the clock is set back', async () => {
    const folder = await temporary()
    const store = directoryFeedback(folder)
    let nowMs = startMs
    const at = callContext({ clock: { nowMs: () => nowMs } })
    await store.append([entry('a')], at)
    nowMs += dayMs
    await store.append([entry('b')], at)
    nowMs -= 400 * dayMs
    await store.append([entry('c')], at)
    expect(await daysIn(folder)).toEqual(['2026-01-31.jsonl', '2026-02-01.jsonl'])
    expect(await idsIn(directoryFeedback(folder))).toEqual(['a', 'b', 'c'])
  })

  it.each([Number.MAX_SAFE_INTEGER, -1, 0])('works with a clock that says %i', async (nowMs) => {
    const store = directoryFeedback(await temporary())
    await store.append([entry('a')], callContext({ clock: { nowMs: () => nowMs } }))
    expect(await idsIn(store)).toEqual(['a'])
  })

  it('refuses what exceeds maximumBytes, says so, and keeps what is there', async () => {
    const folder = await temporary()
    const store = directoryFeedback(folder, { maximumBytes: 1000 })
    await store.append([entry('a')], context)
    await expect(store.append([entry('b', 'x'.repeat(1000))], context)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
      facts: { maximumBytes: 1000 },
    })
    await store.append([entry('c')], context)
    expect(await idsIn(store)).toEqual(['a', 'c'])
    expect(() => directoryFeedback(folder, { maximumBytes: 0 })).toThrow('"maximumBytes" is 0')
  })

  it('erases the bytes, in the file and for readers, and survives an erasure cut in the middle', async () => {
    const folder = await temporary()
    const store = directoryFeedback(folder)
    await store.append([entry('a', 'secret words'), entry('b', 'secret words'), entry('c')], context)
    await store.append([entry('d')], context)
    await store.erase(['b'], context)
    await store.erase(['a'], context)
    const file = join(folder, (await daysIn(folder))[0]!)
    expect(await readFile(file, 'utf8')).not.toContain('secret')
    expect(await idsIn(directoryFeedback(folder))).toEqual(['c', 'd'])
    // The first byte is written first: the rest of this line was not overwritten.
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('{"kind":"prediction","id":"c"', ' "kind":"prediction","id":"c"'))
    expect(await idsIn(directoryFeedback(folder))).toEqual(['d'])
  })

  it('leaves out an append that a crash cut off, and writes over it', async () => {
    const folder = await temporary()
    await directoryFeedback(folder).append([entry('a')], context)
    const file = join(folder, (await daysIn(folder))[0]!)
    const whole = await readFile(file, 'utf8')
    for (const torn of ['{"kind":"pred', `${JSON.stringify({ ...entry('b'), more: 1 })}\n{"kind"`, '\0\0\0\0']) {
      await appendFile(file, torn)
      const store = directoryFeedback(folder)
      expect(await idsIn(store)).toEqual(['a'])
      await store.append([entry('z')], context)
      expect(await idsIn(directoryFeedback(folder))).toEqual(['a', 'z'])
      await writeFile(file, whole)
    }
  })

  it('names the file and the byte of a damaged line', async () => {
    const folder = await temporary()
    const store = directoryFeedback(folder)
    await store.append([entry('a')], context)
    const file = join(folder, (await daysIn(folder))[0]!)
    await appendFile(file, 'not json\n')
    const size = Buffer.byteLength(await readFile(file)) - 'not json\n'.length
    await expect(idsIn(directoryFeedback(folder))).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringContaining(`${file}, byte ${size}: a line is not JSON`),
    })
  })

  it('follows a file that a person moved away', async () => {
    const folder = await temporary()
    const store = directoryFeedback(folder)
    await store.append([entry('a')], context)
    await rm(join(folder, (await daysIn(folder))[0]!))
    expect(await store.prediction('a', context)).toBeUndefined()
    expect(await store.append([entry('a')], context)).toBe(1)
  })

  itInFull(
    'kill -9 at each write: an append is there with all of its entries or none, and the next one works',
    async () => {
      const room = join(await builtRooms(), 'feedback/index.js')
      const folder = await temporary()
      const run = (name: string, environment: Readonly<Record<string, string>>) =>
        spawnNode(['--import', preload, program, room, join(folder, name), 'killed', '3'], {
          COUNT_UNDER: folder,
          ...environment,
        })
      expect(await run('count', { COUNT_FILE: join(folder, 'count.txt') })).toMatchObject({ code: 0 })
      const writes = Number(await readFile(join(folder, 'count.txt'), 'utf8'))
      expect(writes).toBeGreaterThan(20)
      const every = everyNth(23, 2)
      await forEachUpTo(Math.floor(writes / every), 2, async (nth) => {
        const index = nth * every
        const { signal, output } = await run(`kill-${index}`, { KILL_AT: `${index}`, KILL_HALF: '1' })
        expect(signal).toBe('SIGKILL')
        const store = directoryFeedback(join(folder, `kill-${index}`))
        const pairs = await expectPairs(join(folder, `kill-${index}`))
        expect(pairs).toBeGreaterThanOrEqual(output.trim() === '' ? 0 : output.trim().split('\n').length)
        expect(await store.append([entry('after')], context)).toBe(1)
        expect((await idsIn(store)).length).toBe(2 * pairs + 1)

        const full = await run(`full-${index}`, { FAIL_AT: `${index}`, FAIL_STAYS: '1' })
        if (full.code !== 0) expect(full.output).toMatch(/storage-failed: Cannot .*\(ENOSPC\)/)
        // An append whose last sync failed was refused, and may be there: whole, and once if it is sent again.
        const kept = (full.output.match(/^\d$/gm) ?? []).length
        const there = await expectPairs(join(folder, `full-${index}`))
        expect(there - kept, `at write ${index}`).toBeOneOf([0, 1])
        expect(await run(`full-${index}`, {})).toMatchObject({ code: 0 })
        expect(await expectPairs(join(folder, `full-${index}`))).toBe(3)
        expect(await directoryFeedback(join(folder, `full-${index}`)).append([entry('after')], context)).toBe(1)
      })
    },
  )

  it('two processes that append at the same time, one of them killed: nothing is lost or mixed', async () => {
    const room = join(await builtRooms(), 'feedback/index.js')
    const folder = await temporary()
    const start = (name: string, count: number) => {
      const child = spawn(process.execPath, [program, room, folder, name, `${count}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let said = ''
      child.stdout.on('data', (piece) => {
        said += piece
      })
      return { child, ended: once(child, 'close'), count: () => said.trim().split('\n').filter(Boolean).length }
    }
    const killed = start('killed', 1_000_000)
    const other = start('other', 40)
    while (killed.count() < 10) await once(killed.child.stdout, 'data')
    killed.child.kill('SIGKILL')
    await Promise.all([killed.ended, other.ended])
    expect(other.count()).toBe(40)
    expect(await expectPairs(folder)).toBeGreaterThanOrEqual(40 + killed.count())
  })
})
