import { cpSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import type { Release } from '../../src/releaser/index.js'
import { forEachUpTo } from '../crash/spawn-node.js'
import { releasesIn, walkRun } from '../crash/walk-program.js'
import { itInFull } from '../in-full.js'
import { everyNth } from '../whole.js'

// A run and a rollback in processes of their own, killed at a write by SIGKILL. `npm run test:crash` kills at every write;
// simulated-crash.test.ts crashes at many more in this process.
const preload = resolve(import.meta.dirname, '../crash/kill-at-write.mjs')
const context = callContext()
const run = (folder: string, step: string, environment: Readonly<Record<string, string>> = {}) =>
  walkRun(folder, step, { COUNT_UNDER: folder, ...environment }, ['--import', preload])

async function prepared(steps: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-crash-'))
  for (const step of steps) expect((await run(folder, step)).code).toBe(0)
  return folder
}

async function readers(
  folder: string,
): Promise<{ readonly current: Release | undefined; readonly history: readonly Release[] }> {
  const { registry, history, current } = await releasesIn(folder)
  for (const { version } of history) {
    const target = await mkdtemp(join(tmpdir(), 'sheikh-open-'))
    // Whole, or it throws: every file is hashed.
    await registry.open(version, target, context)
    await rm(target, { recursive: true, force: true })
  }
  return { current, history }
}

interface Case {
  readonly name: string
  readonly before: readonly string[]
  readonly step: string
  readonly versions: { readonly old: string | undefined; readonly new: string }
  readonly answers: readonly string[]
}

const cases: readonly Case[] = [
  {
    name: 'the first run',
    before: [],
    step: 'first',
    versions: { old: undefined, new: '0.1.0' },
    answers: ['released', 'up-to-date'],
  },
  {
    name: 'a second run',
    before: ['first'],
    step: 'second',
    versions: { old: '0.1.0', new: '0.1.1' },
    answers: ['released', 'up-to-date'],
  },
  {
    name: 'a run from a named base, with a share of the old rows',
    before: ['first'],
    step: 'warm',
    versions: { old: '0.1.0', new: '0.2.0' },
    answers: ['released', 'up-to-date'],
  },
]

describe('killed at any write', () => {
  for (const { name, before, step, versions, answers } of cases) {
    // simulated-crash.test.ts shows the others in this process.
    const test = step === 'second' ? it : itInFull
    test(`${name}: readers see the old release or the new one, and the next run ends it`, async () => {
      const start = await prepared(before)
      const counted = await mkdtemp(join(tmpdir(), 'sheikh-count-'))
      const whole = join(counted, 'project')
      cpSync(start, whole, { recursive: true })
      const clean = await run(whole, step, { COUNT_FILE: join(counted, 'count') })
      expect(clean.code, clean.output).toBe(0)
      const points = Number(await readFile(join(counted, 'count'), 'utf8'))
      expect(points).toBeGreaterThan(40)
      const every = everyNth(311, 29)
      await forEachUpTo(Math.floor(points / every), 3, async (nth) => {
        const point = nth * every
        const folder = await mkdtemp(join(tmpdir(), 'sheikh-crash-'))
        const project = join(folder, 'project')
        cpSync(start, project, { recursive: true })
        const killed = await run(project, step, {
          KILL_AT: String(point),
          ...(point % 2 === 0 && { KILL_HALF: '1' }),
        })
        expect(killed.signal, `point ${point}: ${killed.output}`).toBe('SIGKILL')
        const seen = await readers(project)
        expect([versions.old, versions.new], `point ${point}`).toContain(seen.current?.version)
        const next = await run(project, step)
        expect(next.code, `point ${point}: ${next.output}`).toBe(0)
        expect(answers, `point ${point}`).toContain((JSON.parse(next.output) as { status: string }).status)
        const after = await readers(project)
        expect(after.current?.version, `point ${point}`).toBe(versions.new)
        expect(after.history.length, `point ${point}`).toBe(before.length + 1)
        await rm(folder, { recursive: true, force: true })
      })
      await rm(counted, { recursive: true, force: true })
      await rm(start, { recursive: true, force: true })
    }, 600_000)
  }

  itInFull(
    'a rollback: readers see one of the releases, and the next run leaves it undone or done, whole',
    async () => {
      const start = await prepared(['first', 'second'])
      const counted = await mkdtemp(join(tmpdir(), 'sheikh-count-'))
      const whole = join(counted, 'project')
      cpSync(start, whole, { recursive: true })
      expect((await run(whole, 'rollback', { COUNT_FILE: join(counted, 'count') })).code).toBe(0)
      const points = Number(await readFile(join(counted, 'count'), 'utf8'))
      const every = everyNth(131, 13)
      await forEachUpTo(Math.floor(points / every), 3, async (nth) => {
        const point = nth * every
        const folder = await mkdtemp(join(tmpdir(), 'sheikh-crash-'))
        const project = join(folder, 'project')
        cpSync(start, project, { recursive: true })
        expect((await run(project, 'rollback', { KILL_AT: String(point) })).signal).toBe('SIGKILL')
        expect(['0.1.1', '0.1.2'], `point ${point}`).toContain((await readers(project)).current?.version)
        const next = await run(project, 'second')
        expect(next.code, `point ${point}: ${next.output}`).toBe(0)
        const answer = JSON.parse(next.output) as { status: string; reason?: string }
        const { current, history } = await readers(project)
        const withdrawn = history.find(({ version }) => version === '0.1.1')?.withdrawn !== undefined
        // Before the publication it never happened; after it, it is finished: pointed and withdrawn.
        if (history.length === 2)
          expect([answer.status, current?.version, withdrawn], `point ${point}`).toEqual(['up-to-date', '0.1.1', false])
        else
          expect([answer.status, answer.reason, current?.version, withdrawn], `point ${point}`).toEqual([
            'held',
            'withdrawn',
            '0.1.2',
            true,
          ])
        await rm(folder, { recursive: true, force: true })
      })
      await rm(counted, { recursive: true, force: true })
      await rm(start, { recursive: true, force: true })
    },
    600_000,
  )
})

itInFull(
  'a disk that is full from any write on: storage-failed, readers see a whole release, and the next run ends it',
  async () => {
    const start = await prepared(['first'])
    const counted = await mkdtemp(join(tmpdir(), 'sheikh-count-'))
    const whole = join(counted, 'project')
    cpSync(start, whole, { recursive: true })
    expect((await run(whole, 'second', { COUNT_FILE: join(counted, 'count') })).code).toBe(0)
    const points = Number(await readFile(join(counted, 'count'), 'utf8'))
    let failures = 0
    const every = everyNth(307, 31)
    await forEachUpTo(Math.floor(points / every), 3, async (nth) => {
      const point = nth * every
      const folder = await mkdtemp(join(tmpdir(), 'sheikh-full-'))
      const project = join(folder, 'project')
      cpSync(start, project, { recursive: true })
      const ended = await run(project, 'second', { FAIL_AT: String(point), FAIL_STAYS: '1' })
      expect(ended.signal, ended.output).toBe(null)
      if (ended.code !== 0) {
        failures += 1
        expect(JSON.parse(ended.output), `point ${point}: ${ended.output}`).toMatchObject({
          code: 'storage-failed',
          retryable: true,
        })
      }
      expect(['0.1.0', '0.1.1'], `point ${point}`).toContain((await readers(project)).current?.version)
      const next = await run(project, 'second')
      expect(next.code, `point ${point}: ${next.output}`).toBe(0)
      expect((await readers(project)).current?.version, `point ${point}`).toBe('0.1.1')
      await rm(folder, { recursive: true, force: true })
    })
    expect(failures).toBeGreaterThan(points / every / 2)
    await rm(counted, { recursive: true, force: true })
    await rm(start, { recursive: true, force: true })
  },
  600_000,
)
