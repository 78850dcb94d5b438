import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { releasesIn, walkRun } from '../crash/walk-program.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'

// Real processes that share a registry: two machines with a store each, or one machine with one store.
const run = async (folder: string, step: string, environment: Readonly<Record<string, string>> = {}) => {
  const { code, output } = await walkRun(folder, step, environment)
  expect([0, 4], output).toContain(code)
  return JSON.parse(output) as { status?: string; version?: string; code?: string; retryable?: boolean; stack?: string }
}

/** Each release that stands replaced the one before it, and whatever lost a race is withdrawn. */
async function expectOrder(folder: string): Promise<void> {
  const { history, current } = await releasesIn(folder)
  const find = (version: string) => history.find((release) => release.version === version)
  const standing: string[] = []
  for (
    let at = current;
    at !== undefined;
    at = at.postPublish.replaces == null ? undefined : find(at.postPublish.replaces)
  )
    standing.push(at.version)
  expect(standing.at(-1)).toBe('0.1.0')
  for (const { version, withdrawn } of history)
    if (!standing.includes(version)) expect(withdrawn?.reason, version).toContain('never compared')
}

describe('two commands at a time', () => {
  const steps = [
    ['second', 'second'],
    ['second', 'rollback'],
    ['rollback', 'rollback'],
  ] as const

  itInFull.each(steps.slice(0, isWhole ? undefined : 1))(
    'on two machines, %s and %s: one after the other, or the later one is refused',
    async (one, other) => {
      for (let trial = 0; trial < (isWhole ? 3 : 1); trial += 1) {
        const folder = await mkdtemp(join(tmpdir(), 'sheikh-concurrent-'))
        await run(folder, 'first')
        // Something to go back from.
        if (one === 'rollback' || other === 'rollback') await run(folder, 'second', { SEED: '3' })
        const ended = await Promise.all([
          run(folder, one, { STORE: 'a', SEED: '1' }),
          run(folder, other, { STORE: 'b', SEED: '2' }),
        ])
        for (const { status, code, retryable, stack } of ended)
          if (status !== undefined) continue
          // Of two rollbacks, one after the other, the second may find nothing to go back to.
          else if (code === 'not-found') expect([one, other]).toEqual(['rollback', 'rollback'])
          else expect([code, retryable], stack).toEqual(['release-conflict', true])
        expect(ended.some(({ status }) => status !== undefined)).toBe(true)
        await expectOrder(folder)
        await rm(folder, { recursive: true, force: true })
      }
    },
    120_000,
  )

  it('in one store: the second is told that the first is at work', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-concurrent-'))
    await run(folder, 'first')
    const ended = await Promise.all([run(folder, 'second'), run(folder, 'rollback')])
    for (const { status, code, stack } of ended)
      if (status === undefined) expect(['locked', 'not-found'], stack).toContain(code)
    await expectOrder(folder)
    await rm(folder, { recursive: true, force: true })
  }, 120_000)
})
