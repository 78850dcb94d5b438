import { spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import {
  copy,
  main,
  preload,
  project,
  releasedProject,
  sheikh,
  sheikhJson,
  start,
  temporary,
  trainLonger,
} from './harness.js'

const sh = (script: string): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((done, fail) => {
    const command = [process.execPath, main].map((part) => `'${part}'`).join(' ')
    const child = spawn('bash', ['-c', `set -o pipefail; sheikh() { ${command} "$@"; }; ${script}`])
    let [out, err] = ['', '']
    child.stdout.on('data', (piece) => {
      out += piece
    })
    child.stderr.on('data', (piece) => {
      err += piece
    })
    child.on('error', fail)
    child.on('close', (code) => done({ code, out, err }))
  })

describe('two runs at once', () => {
  itInFull('exactly one is told that it is locked out: 5; the other releases', async () => {
    const folder = await project()
    await trainLonger(folder, 600)
    const both = [start(folder, ['run', '--json']), start(folder, ['run', '--json'])]
    const ended = await Promise.all(both.map((one) => one.ended))
    expect(ended.map(({ code }) => code).sort()).toEqual([0, 5])
    const [locked, released] = [5, 0].map((wanted) => JSON.parse(ended.find(({ code }) => code === wanted)!.out))
    expect(locked.error).toMatchObject({ code: 'locked', message: expect.any(String) })
    expect(released).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
    expect((await sheikhJson(folder, 'history')).json.releases).toHaveLength(1)
  })

  itInFull('who only reads is not locked out; a rollback is', async () => {
    const folder = await releasedProject()
    await trainLonger(folder, 5000)
    const running = start(folder, ['run'])
    await running.says('step ')
    expect((await sheikhJson(folder, 'status')).json).toMatchObject({ current: { version: '0.1.0' } })
    for (const command of ['plan', 'history', 'validate']) expect((await sheikh(folder, [command])).code).toBe(0)
    expect(await sheikhJson(folder, 'rollback')).toMatchObject({ code: 5, json: { error: { code: 'locked' } } })
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
  })
})

describe('130, stopped', () => {
  it.each(isWhole ? (['SIGINT', 'SIGTERM'] as const) : (['SIGTERM'] as const))(
    '%s while it trains: nothing is released, and the next run does',
    async (name) => {
      const folder = await project()
      await trainLonger(folder, 400)
      const running = start(folder, ['run'])
      await running.says('step ')
      running.child.kill(name)
      const { code, signal, out, err } = await running.ended
      expect([code, signal, out]).toEqual([130, null, ''])
      expect(err).toContain(`sheikh: stopped by ${name}`)
      expect(err).not.toContain('    at ')
      const { json } = await sheikhJson(folder, 'status')
      expect(json).toMatchObject({ current: null, lastRun: { status: 'aborted' } })
      expect(await sheikhJson(folder, 'run')).toMatchObject({ code: 0, json: { status: 'released' } })
    },
  )

  it('a caller who aborts in the same process gets it too', async () => {
    const { code, out } = await sheikh(await project(), ['run'], AbortSignal.abort(new Error('no more')))
    expect([code, out]).toEqual([130, ''])
  })
})

describe('kill -9', () => {
  itInFull('while it trains: the next run takes the lock over, and releases', async () => {
    const folder = await project()
    await trainLonger(folder, 400)
    const running = start(folder, ['run'])
    await running.says('step ')
    running.child.kill('SIGKILL')
    expect((await running.ended).signal).toBe('SIGKILL')
    expect((await sheikhJson(folder, 'status')).json.current).toBe(null)
    expect(await sheikhJson(folder, 'run')).toMatchObject({
      code: 0,
      json: { status: 'released', release: { version: '0.1.0' } },
    })
  })

  itInFull(
    'at a write near the start, in the middle and near the end: the next run leaves one release, whole',
    async () => {
      const original = await project()
      const count = join(await temporary(), 'count')
      const node = ['--import', preload]
      const counted = await copy(original)
      const env = { COUNT_UNDER: counted, COUNT_FILE: count }
      expect((await start(counted, ['run'], { node, env }).ended).code).toBe(0)
      const points = Number(await readFile(count, 'utf8'))
      for (const share of isWhole ? [0.1, 0.5, 0.9, 0.97] : [0.97]) {
        const folder = await copy(original)
        const killAt = String(Math.floor(points * share))
        const killed = await start(folder, ['run'], { node, env: { COUNT_UNDER: folder, KILL_AT: killAt } }).ended
        expect(killed.signal, killed.err).toBe('SIGKILL')
        const next = await sheikh(folder, ['run'])
        expect(next.code, `${share}: ${next.err}`).toBe(0)
        const { json } = await sheikhJson(folder, 'history')
        expect(json, String(share)).toMatchObject({ current: '0.1.0', releases: [{ version: '0.1.0' }] })
      }
    },
  )
})

describe('a pipe that is closed early', () => {
  it('the output of history: no stack trace, and the code is that of the command', async () => {
    const folder = await releasedProject()
    for (const end of isWhole ? ['head -0', 'head -1 >/dev/null', 'true'] : ['head -1 >/dev/null']) {
      const { code, err } = await sh(`sheikh history --project '${folder}' | ${end}`)
      expect([code, err], end).toEqual([0, ''])
    }
    const held = await sh(`sheikh report nothing --json --project '${folder}' | true`)
    expect(held).toEqual({ code: 1, out: '', err: '' })
  })

  itInFull('the progress of a run: it goes on, and releases', async () => {
    const folder = await project()
    const { code } = await sh(`sheikh run --project '${folder}' 2>&1 | head -1`)
    expect(code).toBe(0)
    expect((await sheikhJson(folder, 'status')).json).toMatchObject({ current: { version: '0.1.0' } })
  })
})

it('as a program: the answer on the output, the exit code, the folder it stands in', async () => {
  const folder = join(await temporary(), 'with a space')
  await mkdir(folder)
  const made = await start(folder, ['init']).ended
  expect(made).toMatchObject({ code: 0, err: '' })
  expect(made.out).toMatch(/Next: sheikh plan, then: sheikh run\n$/)
  const wrong = await start(folder, ['publish']).ended
  expect(wrong).toMatchObject({ code: 1, out: '', err: expect.stringContaining('there is no command "publish"') })
})
