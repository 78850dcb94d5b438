import { cpSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openRepository } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { madeOnce } from '../made-once.js'
import { changeSamples } from '../template-project.js'
import { isWhole } from '../whole.js'
import {
  changedProject,
  commit,
  copy,
  edit,
  poison,
  preload,
  project,
  releasedProject,
  sheikh,
  sheikhJson,
  start,
  temporary,
  tinyProject,
  write,
} from './harness.js'

describe('2, held', () => {
  itInFull('a poisoned batch does not become a release', async () => {
    const folder = await releasedProject()
    await poison(folder)
    const report = join(folder, 'report.md')
    const { code, out, err } = await sheikh(folder, ['run', '--report', report])
    expect(code, err).toBe(2)
    expect(out).toMatch(/^Held \(fail\)\./)
    // Ids, and no user's text.
    expect(await readFile(report, 'utf8')).toMatch(/`(login|shipping)-\d\d`/)
    expect(await readFile(report, 'utf8')).not.toContain('my password')
    const { json } = await sheikhJson(folder, 'status')
    expect(json).toMatchObject({ current: { version: '0.1.0' }, lastRun: { status: 'held', reason: 'fail' } })
  })

  it('what the evidence leaves open is held where the policy is to hold', async () => {
    const folder = await project()
    await edit(folder, 'mlops/pipeline.yaml', (text) =>
      text
        .replace('beats_majority: true', 'accuracy_threshold: 0.97')
        .replace('inconclusive: ask', 'inconclusive: hold'),
    )
    await commit(folder)
    const { code, json } = await sheikhJson(folder, 'run')
    expect(code).toBe(2)
    expect(json).toMatchObject({ status: 'held', reason: 'inconclusive', verdict: { status: 'inconclusive' } })
    expect((await sheikhJson(folder, 'history')).json.releases).toEqual([])
  })
})

describe('3, awaiting approval', () => {
  const awaitingProject = () =>
    madeOnce('awaiting-project', async (folder) => {
      cpSync(await tinyProject(), folder, { recursive: true })
      expect(await sheikh(folder, ['run'])).toMatchObject({ code: 0 })
      await write(folder, 'dataset/samples/all/new.json', { id: 'new', text: 'apple tart', label: 'fruit' })
      await commit(folder)
      expect(await sheikhJson(folder, 'run')).toMatchObject({ code: 3, json: { status: 'awaiting-approval' } })
    })

  async function awaiting(): Promise<{ folder: string; runId: string }> {
    const folder = await copy(await awaitingProject())
    return { folder, runId: (await sheikhJson(folder, 'status')).json.awaitingApproval[0] }
  }

  itInFull('a person releases it, with a name and a reason that stay', async () => {
    const { folder, runId } = await awaiting()
    expect((await sheikh(folder, ['status'])).out).toContain(`sheikh approve ${runId} --reason`)
    expect(await sheikh(folder, ['approve', runId])).toMatchObject({ code: 1, out: '' })
    expect((await sheikhJson(folder, 'status')).json).toMatchObject({
      current: { version: '0.1.0' },
      awaitingApproval: [runId],
    })

    const approved = await sheikhJson(
      folder,
      'approve',
      runId,
      '--reason',
      'read by hand',
      '--by',
      'Ada <ada@b.example>',
    )
    expect(approved).toMatchObject({ code: 0, json: { status: 'released', release: { version: '0.1.1' } } })
    const { json } = await sheikhJson(folder, 'history')
    expect(json.releases[0].record.approval).toMatchObject({ reason: 'read by hand', by: 'Ada <ada@b.example>' })
    expect((await sheikhJson(folder, 'status')).json.awaitingApproval).toEqual([])
    // Once is enough.
    expect(await sheikhJson(folder, 'approve', runId, '--reason', 'again')).toMatchObject({ code: 1 })
    expect((await sheikhJson(folder, 'history')).json.releases).toHaveLength(2)
    expect(await sheikhJson(folder, 'run')).toMatchObject({ code: 0, json: { status: 'up-to-date' } })
  })

  it('is void once something newer is committed', async () => {
    const { folder, runId } = await awaiting()
    await write(folder, 'dataset/samples/all/newer.json', { id: 'newer', text: 'car wash', label: 'vehicle' })
    await commit(folder)
    expect((await sheikhJson(folder, 'status')).json.awaitingApproval).toEqual([])
    const { code, json } = await sheikhJson(folder, 'approve', runId, '--reason', 'looks fine')
    expect([code, json.error.code]).toEqual([1, 'release-conflict'])
    expect((await sheikhJson(folder, 'history')).json.current).toBe('0.1.0')
  })
})

describe('4, infrastructure', () => {
  it('a full disk: safe to retry, and the retry releases', async () => {
    const folder = await project()
    const count = join(await temporary(), 'count')
    const node = ['--import', preload]
    const points = async () => {
      const env = { COUNT_UNDER: '.', COUNT_FILE: count }
      const counted = await start(await copy(folder), ['run'], { node, env }).ended
      expect(counted.code, counted.err).toBe(0)
      return Number(await readFile(count, 'utf8'))
    }
    const writes = isWhole ? await points() : 60
    for (const share of isWhole ? [0.2, 0.6] : [0.6]) {
      const env = { COUNT_UNDER: folder, FAIL_AT: String(Math.floor(writes * share)), FAIL_STAYS: '1' }
      const full = await start(folder, ['run', '--json'], { node, env }).ended
      expect(full.code, full.out).toBe(4)
      expect(JSON.parse(full.out).error).toMatchObject({ code: 'storage-failed', message: expect.any(String) })
    }
    expect((await sheikhJson(folder, 'history')).json).toEqual({ current: null, channels: {}, releases: [] })
    expect(await sheikhJson(folder, 'run')).toMatchObject({ code: 0, json: { status: 'released' } })
  })
})

describe('1, an error', () => {
  itInFull('what is not committed is not run, unless asked, and then no channel points at it', async () => {
    const folder = await releasedProject()
    let edits = 0
    // Not a pinned one, whose change is another error.
    await changeSamples(folder, (sample, isPinned) =>
      isPinned || sample.label !== 'login' || edits++ > 0 ? sample : { ...sample, text: `So: ${sample.text}` },
    )
    const refused = await sheikhJson(folder, 'run')
    expect(refused).toMatchObject({ code: 1, json: { error: { code: 'repository-dirty' } } })
    expect(JSON.stringify(refused.json)).toContain('login/all.jsonl')
    expect((await sheikh(folder, ['status'])).out).toContain('1 file that a run reads is changed, new or missing')
    expect((await sheikh(folder, ['plan'])).out).toContain('not those of the commit: 1 are changed, new or missing')

    const allowed = await sheikhJson(folder, 'run', '--allow-dirty')
    expect(allowed).toMatchObject({ code: 0, json: { status: 'released', release: { version: '0.1.1' } } })
    const { json } = await sheikhJson(folder, 'history')
    expect(json).toMatchObject({ current: '0.1.0', releases: [{ version: '0.1.1' }, { version: '0.1.0' }] })
  })

  it('a configuration that cannot be read, samples that are no samples, nothing pinned', async () => {
    const broken = await project()
    await edit(broken, 'mlops/pipeline.yaml', (text) => text.replace('0.05', 'high'))
    expect(await sheikhJson(broken, 'plan')).toMatchObject({ code: 1, json: { error: { code: 'invalid-config' } } })
    const invalid = await project()
    await write(invalid, 'dataset/samples/login/login-99.json', '{"id": "login-99"}')
    await commit(invalid)
    expect(await sheikhJson(invalid, 'run')).toMatchObject({ code: 1, json: { error: { code: 'dataset-invalid' } } })
    const empty = await temporary()
    await sheikh(empty, ['init', '--empty'])
    const { code, err } = await sheikh(empty, ['run'])
    expect(code).toBe(1)
    expect(err).toContain('sheikh evaluation pin')
  })

  it('nothing to go back to', async () => {
    expect(await sheikhJson(await project(), 'rollback')).toMatchObject({ code: 1 })
    expect(await sheikhJson(await releasedProject(), 'rollback')).toMatchObject({ code: 1 })
  })
})

it('0 again: a reverted commit restores without training', async () => {
  const folder = await changedProject()
  const repository = await openRepository(folder)
  await repository.revert((await repository.head())!.oid)
  const { code, out, err } = await sheikh(folder, ['run'])
  expect(code).toBe(0)
  expect(out).toBe('Restored: 0.1.2 is identical to 0.1.0, byte for byte.\n')
  expect(err).not.toContain('train …')
})
