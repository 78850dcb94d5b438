import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isSheikhError } from '../../src/core/index.js'
import { createHandler } from '../../src/serve/index.js'
import { itInFull } from '../in-full.js'
import { sampleOf } from '../whole.js'
import { settled, warnings } from './fixture.js'
import { following } from './following.js'

const temporary = () => {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-follow-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const never = new Promise<never>(() => {})

/** A file system of 64 KiB, where the machine lets a test mount one. */
function smallDisk(): string | undefined {
  const folder = temporary()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', [folder]))
  return folder
}

describe('a handler that follows a channel', () => {
  it('ends with the release that the channel points at, if the channel moves while another is loaded', async () => {
    const { state, release, rollback, poll, version, loaded, disposed, said } = await following()
    await release()
    let open = () => {}
    state.holdLoad = new Promise<void>((resolve) => {
      open = resolve
    })
    await poll()
    await rollback()
    open()
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect([await version(), said]).toEqual(['0.1.2', []])
    expect([loaded.length, disposed]).toEqual([3, loaded.slice(0, 2)])
  })

  it('tries a release that replaced an unusable one while that was loaded', async () => {
    const { state, release, rollback, poll, version, said } = await following()
    await release()
    let open = () => {}
    state.holdLoad = new Promise<void>((resolve) => {
      open = resolve
    })
    state.isBroken = true
    await poll()
    await rollback()
    open()
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect(said).toEqual(['Still serving 0.1.0, because 0.1.1 cannot be served: Cannot load the weights.'])
    state.isBroken = false
    await poll()
    expect(await version()).toBe('0.1.2')
  })

  it('serves on while the disk of its cache is full, and switches when there is room', async ({ skip }) => {
    const disk = smallDisk()
    skip(disk === undefined, 'this machine does not let a test mount a file system')
    const cache = join(disk!, 'cache')
    const { release, poll, version, said, registry, trainer, state } = await following({ cache })
    mkdirSync(join(disk!, 'other'))
    const filler = join(disk!, 'other', 'filler')
    try {
      writeFileSync(filler, Buffer.alloc(1 << 20))
    } catch {
      // The disk is full now.
    }
    await release()
    await poll()
    await poll()
    expect(await version()).toBe('0.1.0')
    expect(said).toEqual([expect.stringMatching(/^Still serving 0\.1\.0, because 0\.1\.1 cannot be served: .*ENOSPC/)])
    rmSync(filler)
    await poll()
    expect(await version()).toBe('0.1.1')
    state.isCut = true
    await using again = await createHandler({ registry, trainer, cache }, { log: warnings().log })
    expect(again.release.version).toBe('0.1.1')
  })

  it.each(
    sampleOf(
      [
        ['no cache', undefined],
        ['a cache', 'cache'],
      ] as const,
      1,
    ),
  )('refuses a registry that gives other files than the release has, with %s', async (_, cache) => {
    const { release, poll, version, said, registry } = await following({
      cache: cache === undefined ? undefined : join(temporary(), cache),
    })
    await release()
    const honest = registry.open
    // Files that are whole, but are those of another release.
    registry.open = (_version, directory, context) => honest('0.1.0', directory, context)
    await poll()
    await poll()
    expect(await version()).toBe('0.1.0')
    expect(said.at(-1)).toMatch(/^Still serving 0\.1\.0, because 0\.1\.1 cannot be served: Cannot /)
    registry.open = honest
    await poll()
    expect(await version()).toBe('0.1.0')
  })

  it('serves on while its registry hangs, and follows it again', async () => {
    const { release, poll, move, version, said, state, loaded } = await following()
    await release()
    state.holdCurrent = never
    await poll()
    await poll()
    expect(said).toEqual([])
    await move(30_000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect([await version(), said]).toEqual([
      '0.1.0',
      [expect.stringMatching(/the channel "latest" cannot be read: .*did not answer within 30 s/)],
    ])
    state.holdCurrent = undefined
    await poll()
    expect([await version(), loaded.length]).toEqual(['0.1.1', 2])
  })

  itInFull('gives up a download that hangs, and tries it again', async () => {
    const { release, poll, move, version, said, registry } = await following()
    await release()
    const honest = registry.open
    registry.open = () => never
    await poll()
    await move(1_800_000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect(said).toEqual([expect.stringMatching(/0\.1\.1 cannot be served: .*did not answer within 1800 s/)])
    registry.open = honest
    await poll()
    expect(await version()).toBe('0.1.1')
  })

  it('closes while its registry hangs', async () => {
    const { handler, poll, state } = await following()
    state.holdCurrent = never
    await poll()
    await handler.close()
  })

  itInFull('does not wait for a model that never answers the smoke inputs', async () => {
    const { release, poll, move, version, said, state } = await following()
    await release()
    state.holdSmoke = never
    await poll()
    await move(300_000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect([await version(), said]).toEqual(['0.1.0', [expect.stringContaining('it does not answer within 300 s')]])
  })

  it('does not wait for a release that never loads, and tries a later one', async () => {
    const { release, rollback, poll, move, version, said, state } = await following()
    await release()
    state.holdLoad = never
    await poll()
    await move(1_800_000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect([await version(), said]).toEqual([
      '0.1.0',
      [expect.stringContaining('"trainer.load" did not end within 1800 s')],
    ])
    state.holdLoad = undefined
    // A later release is tried.
    await rollback()
    await poll()
    expect(await version()).toBe('0.1.2')
  })

  const waits: readonly (readonly [string, (signal: AbortSignal) => Promise<unknown>])[] = [
    ['later', async () => {}],
    ['because of its abort', (signal) => once(signal, 'abort')],
  ]
  it.each(sampleOf(waits, 1))('frees a model that loads too late, %s', async (when, wait) => {
    const { release, poll, move, trainer, disposed, loaded } = await following()
    await release()
    let free = () => {}
    const held = new Promise<void>((resolve) => {
      free = resolve
    })
    const { load } = trainer
    const slow: typeof load = async (weights, context) => {
      const model = await load(weights, context)
      await (when === 'later' ? held : wait(context.signal))
      return model
    }
    Object.assign(trainer, { load: slow })
    await poll()
    await move(1_800_000)
    free()
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect([loaded.length, disposed]).toEqual([2, loaded.slice(1)])
  })

  itInFull('does not wait for a forRelease that hangs', async () => {
    let isHung = false
    const { release, poll, move, version, said } = await following({
      forRelease: async () => {
        if (isHung) await never
        return {}
      },
    })
    await release()
    isHung = true
    await poll()
    await move(300_000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
    expect([await version(), said]).toEqual([
      '0.1.0',
      [expect.stringContaining('"forRelease" did not end within 300 s')],
    ])
  })

  it('follows at the same pace when the clock jumps', async () => {
    let nowMs = Date.UTC(2026, 0, 1)
    const { release, rollback, poll, ask } = await following({}, { clock: { nowMs: () => nowMs } })
    const ids: (string | null)[] = []
    const version = async () => {
      const { headers, status } = await ask()
      ids.push(headers.get('sheikh-prediction'))
      return [status, headers.get('sheikh-release')]
    }
    nowMs += 10 * 365 * 86_400_000
    await release()
    await poll()
    expect(await version()).toEqual([200, '0.1.1'])
    nowMs = 0
    await rollback()
    await poll()
    expect(await version()).toEqual([200, '0.1.2'])
    expect(await version()).toEqual([200, '0.1.2'])
    expect(new Set(ids).size).toBe(3)
  })
})

describe('forRelease', () => {
  it('checks each release and gives it its own inputs, and those of the old release stay while it serves', async () => {
    const asked: string[] = []
    const { release, poll, handler, ask, said } = await following({
      async forRelease({ version }, { manifest }) {
        asked.push(`${version} ${manifest.files.length}`)
        return {
          inputSchema: version === '0.1.0' ? { type: 'string' } : { type: 'string', pattern: '^no' },
          smokeInputs: ['warm-up'],
        }
      },
    })
    expect((await ask()).status).toBe(200)
    await release()
    await poll()
    expect([handler.release.version, (await ask()).status]).toEqual(['0.1.1', 422])
    expect([asked, said]).toEqual([['0.1.0 2', '0.1.1 2'], []])
  })

  it('refuses a release that nobody signed', async () => {
    const { release, poll, version, said, loaded } = await following({
      async forRelease({ version }) {
        if (version !== '0.1.0') throw new Error('nobody signed it')
        return {}
      },
    })
    await release()
    await poll()
    expect([await version(), loaded.length]).toEqual(['0.1.0', 1])
    expect(said).toEqual(['Still serving 0.1.0, because 0.1.1 cannot be served: nobody signed it'])
  })

  it('does not log the texts of its smoke inputs', async () => {
    const failing = following({
      inputSchema: { type: 'string' },
      smokeInputs: ['a private text', 'x'],
      prepare: async (values) => {
        throw new Error(`no vector for "${values[0]}"`)
      },
    })
    await expect(failing).rejects.toSatisfy(
      (error) =>
        isSheikhError(error, 'stage-failed') &&
        error.message.includes('no vector for "[input]"') &&
        !error.message.includes('private'),
    )
  })
})
