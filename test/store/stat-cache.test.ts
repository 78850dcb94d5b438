import { mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext, digestBytes, type Json, SheikhError } from '../../src/core/index.js'
import { type DocumentStore, type FileStamp, fileStamp, statCache } from '../../src/store/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'

const key = digestBytes('projection 1')
const nowMs = 1_800_000_000_000
const clock = fixedClock(nowMs)
const context = callContext({ clock })
const changed = (beforeMs: number, stamp = 'stamp'): FileStamp => ({
  stamp,
  changedAtNs: BigInt(nowMs - beforeMs) * 1_000_000n,
})
const load = (documents: DocumentStore, itsKey = key) => statCache<Json>(documents, 'rows', itsKey, context)

describe('statCache', () => {
  it('gives what was kept while the stamp is the same', async () => {
    const { documents } = memoryStore()
    const first = await load(documents)
    expect(first.get('a', changed(60_000))).toBe(undefined)
    first.set('a', changed(60_000), { row: 1 })
    expect(first.get('a', changed(60_000))).toEqual({ row: 1 })
    await first.save()
    const second = await load(documents)
    expect(second.get('a', changed(60_000, 'other'))).toBe(undefined)
    expect(second.get('b', changed(60_000))).toBe(undefined)
    expect(second.get('a', changed(60_000))).toEqual({ row: 1 })
  })

  it('finds each path, in any order of questions and of the pass that was kept', async () => {
    const path = fc.string({ minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(path), fc.nat(), fc.array(path), async (paths, count, asked) => {
        const { documents } = memoryStore()
        const first = await load(documents)
        // A part in order, as from a walk, and the rest as it came.
        const kept = [...paths.slice(0, count % 20).sort(), ...paths.slice(count % 20)]
        for (const [index, name] of kept.entries()) first.set(name, changed(60_000), index, `id ${index}`)
        await first.save()
        const second = await load(documents)
        expect([...second.stamps().keys()]).toEqual(kept)
        for (const name of [...asked, ...kept, ...asked, ...kept.toReversed()]) {
          const index = kept.indexOf(name)
          expect(second.find(name, `id ${index}`)).toBe(index < 0 ? undefined : index)
          expect(second.find(name, 'another id')).toBe(undefined)
        }
      }),
    )
  })

  it('costs time, and nothing else, if it cannot be kept', async () => {
    const { documents } = memoryStore()
    const failing = (error: Error): DocumentStore => ({ ...documents, write: () => Promise.reject(error) })
    const readOnly = await load(failing(new SheikhError('storage-failed', 'read-only')))
    readOnly.set('a', changed(60_000), { row: 1 })
    await readOnly.save()
    expect(readOnly.get('a', changed(60_000))).toEqual({ row: 1 })
    const broken = await load(failing(new Error('a fault of the code')))
    broken.set('a', changed(60_000), { row: 1 })
    await expect(broken.save()).rejects.toThrow('a fault of the code')
  })

  it('is empty under another key, and where its document is none of its own', async () => {
    const { documents } = memoryStore()
    const first = await load(documents)
    first.set('a', changed(60_000), 1)
    await first.save()
    expect((await load(documents, digestBytes('projection 2'))).get('a', changed(60_000))).toBe(undefined)
    for (const document of [
      null,
      1,
      [],
      {},
      { formatVersion: 1, key, entries: 'x' },
      { formatVersion: 1, key, entries: ['a'] },
    ]) {
      await documents.write('rows', document)
      expect((await load(documents)).get('a', changed(60_000))).toBe(undefined)
    }
  })

  it.each([
    { beforeMs: 101, kept: true, what: 'a fine clock, more than ten ticks before' },
    { beforeMs: 99, kept: false, what: 'a fine clock, fewer' },
    { beforeMs: 3000, kept: true, what: 'a clock of whole seconds, three seconds before' },
    { beforeMs: 2000, kept: false, what: 'a clock of whole seconds, two seconds before' },
    { beforeMs: -5, kept: false, what: 'a change later than the reading' },
  ])('racily clean: $what → kept: $kept', async ({ beforeMs, kept }) => {
    const { documents } = memoryStore()
    const first = await load(documents)
    first.get('a', changed(beforeMs))
    first.set('a', changed(beforeMs), 1)
    await first.save()
    expect((await load(documents)).get('a', changed(beforeMs))).toBe(kept ? 1 : undefined)
  })

  it('a file that becomes racy forgets what was known of it', async () => {
    const { documents } = memoryStore()
    const first = await load(documents)
    first.set('a', changed(60_000), 1)
    await first.save()
    const second = await load(documents)
    second.get('a', changed(1, 'new'))
    second.set('a', changed(1, 'new'), 2)
    await second.save()
    const third = await load(documents)
    expect(third.get('a', changed(1, 'new'))).toBe(undefined)
    expect(third.get('a', changed(60_000))).toBe(undefined)
  })

  it('the time of reading is that of asking, not that of loading or saving', async () => {
    const { documents } = memoryStore()
    const moving = fixedClock(nowMs)
    const cache = await statCache<Json>(documents, 'rows', key, callContext({ clock: moving }))
    cache.get('early', changed(-1))
    moving.advance(1001)
    cache.get('late', changed(-1))
    for (const path of ['early', 'late']) cache.set(path, changed(-1), path)
    await cache.save()
    const next = await load(documents)
    expect(next.get('early', changed(-1))).toBe(undefined)
    expect(next.get('late', changed(-1))).toBe('late')
  })

  it('is written only where something changed, without what nobody asked for', async () => {
    const { documents } = memoryStore()
    let writes = 0
    const counted: DocumentStore = {
      read: (name) => documents.read(name),
      write: async (name, value) => {
        writes += 1
        await documents.write(name, value)
      },
    }
    const first = await load(counted)
    for (const path of ['a', 'b', '__proto__']) first.set(path, changed(60_000), path)
    await first.save()
    await first.save()
    expect(writes).toBe(1)
    const second = await load(counted)
    for (const path of ['a', 'b', '__proto__']) expect(second.get(path, changed(60_000))).toBe(path)
    await second.save()
    expect(writes).toBe(1)
    const third = await load(counted)
    third.get('b', changed(60_000))
    await third.save()
    expect(writes).toBe(2)
    const fourth = await load(counted)
    expect(fourth.get('a', changed(60_000))).toBe(undefined)
    expect(fourth.get('b', changed(60_000))).toBe('b')
  })

  it('never gives the value of another content: files written and read in any order, by a clock of any tick', async () => {
    const step = fc.record({
      advanceMs: fc.constantFrom(0, 1, 1, 2, 3, 40, 200, 600, 2500),
      what: fc.constantFrom('write', 'read', 'read', 'save'),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom(1, 4, 10, 1000, 2000),
        async (steps, tickMs) => {
          const { documents } = memoryStore()
          // Not on a whole second: there the clock looks coarse, whatever its tick.
          const moving = fixedClock(nowMs + 500)
          const itsContext = callContext({ clock: moving })
          let content = 0
          let changedMs = moving.nowMs()
          let cache = await statCache<number>(documents, 'rows', key, itsContext)
          for (const { advanceMs, what } of steps) {
            moving.advance(advanceMs)
            if (what === 'write') {
              content += 1
              changedMs = Math.floor(moving.nowMs() / tickMs) * tickMs
            } else if (what === 'save') {
              await cache.save()
              cache = await statCache<number>(documents, 'rows', key, itsContext)
            } else {
              const stamp = { stamp: `${changedMs}`, changedAtNs: BigInt(changedMs) * 1_000_000n }
              const known = cache.get('file', stamp)
              if (known === undefined) cache.set('file', stamp, content)
              else expect(known).toBe(content)
            }
          }
        },
      ),
    )
  })
})

describe('fileStamp', () => {
  it('changes with the content, with a replaced file, and where a tool sets the time back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-stamp-'))
    try {
      const path = join(folder, 'a')
      const stampOf = async () => fileStamp(await stat(path, { bigint: true }))
      await writeFile(path, 'one')
      const first = await stampOf()
      expect(await stampOf()).toEqual(first)
      await utimes(path, 1, 1)
      const second = await stampOf()
      expect(second.stamp).not.toBe(first.stamp)
      expect(second.changedAtNs).toBeGreaterThanOrEqual(first.changedAtNs)
      await writeFile(join(folder, 'b'), 'two')
      await rename(join(folder, 'b'), path)
      expect((await stampOf()).stamp).not.toBe(second.stamp)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
