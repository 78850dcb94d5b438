import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import {
  commit,
  copy,
  editSample,
  poison,
  project,
  releasedProject,
  sheikh,
  sheikhJson,
  temporary,
  write,
} from './harness.js'

/** A checkout of the same commit without the registry's folder, which is what a runner without its token has. */
async function checkoutOf(hosted: string): Promise<string> {
  const gpu = await copy(hosted)
  await rm(join(gpu, '.sheikh'), { recursive: true, force: true })
  return gpu
}

describe('a run in two places', () => {
  itInFull('trains in one checkout, and decides and releases in another', async () => {
    const hosted = await releasedProject()
    await editSample(hosted)
    const gpu = await checkoutOf(hosted)
    const out = join(await temporary(), 'awaiting')
    const registry = await readdir(join(gpu, 'releases'), { recursive: true })
    const trained = await sheikh(gpu, ['run', '--until', 'verdict', '--out', out])
    expect(trained.code).toBe(0)
    expect(trained.out).toContain('Awaiting release. The preliminary verdict is "pass".')
    expect(trained.out).toContain(`sheikh release ${out}`)
    expect(await readdir(join(gpu, 'releases'), { recursive: true })).toEqual(registry)
    expect((await sheikh(gpu, ['ledger', 'show'])).out).toBe((await sheikh(hosted, ['ledger', 'show'])).out)
    expect((await sheikh(gpu, ['status'])).out).toMatch(
      /Awaiting release: [0-9a-z]{20}\. To decide on it: sheikh release/,
    )
    expect((await sheikh(gpu, ['runs'])).out).toContain('awaiting-release')
    expect((await sheikh(gpu, ['report'])).out).toContain('the verdict is preliminary')

    const released = await sheikh(hosted, ['release', out])
    expect(released).toMatchObject({ code: 0, out: expect.stringContaining('Released 0.1.1') })
    expect(released.err).not.toContain('train')
    expect((await sheikh(hosted, ['runs', '--limit', '1'])).out).toContain('release: released')
    expect(await sheikhJson(hosted, 'release', out)).toMatchObject({ code: 0, json: { status: 'up-to-date' } })
    expect((await sheikh(hosted, ['verify'])).code).toBe(0)
  })

  it('notes the commit of a run that is up to date where it is released, so that triggers are done with it', async () => {
    const hosted = await releasedProject()
    const pipeline = join(hosted, 'mlops/pipeline.yaml')
    await writeFile(pipeline, `${await readFile(pipeline, 'utf8')}\n# a comment\n`)
    await commit(hosted, 'Comment')
    const gpu = await checkoutOf(hosted)
    const out = join(await temporary(), 'awaiting')
    expect((await sheikhJson(hosted, 'triggers')).json.action).toBe('run')
    expect(await sheikhJson(gpu, 'run', '--until', 'verdict', '--out', out)).toMatchObject({
      code: 0,
      json: { status: 'up-to-date', out },
    })
    expect(await sheikhJson(hosted, 'release', out)).toMatchObject({ code: 0, json: { status: 'up-to-date' } })
    expect((await sheikhJson(hosted, 'triggers')).json.action).toBe('none')
  })

  itInFull('holds a worse model where it is released, with exit code 2', async () => {
    const hosted = await releasedProject()
    await poison(hosted)
    const gpu = await checkoutOf(hosted)
    const out = join(await temporary(), 'awaiting')
    const trained = await sheikhJson(gpu, 'run', '--until', 'verdict', '--out', out)
    expect(trained).toMatchObject({ code: 0, json: { status: 'awaiting-release', verdict: { status: 'fail' }, out } })
    expect(await sheikhJson(hosted, 'release', out, '--evaluate')).toMatchObject({
      code: 2,
      json: { status: 'held', reason: 'fail' },
    })
  })

  itInFull('releases a run of the same store by its id, and names another commit', async () => {
    const folder = await project()
    const { json } = await sheikhJson(folder, 'run', '--until', 'verdict')
    const other = await copy(folder)
    await editSample(other)
    expect(await sheikh(other, ['release', json.runId])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/used the commit "[0-9a-f]{40}", and this checkout is at "[0-9a-f]{40}"/),
    })
    await writeFile(join(folder, 'dataset/samples/billing/new.json'), '{}')
    expect(await sheikh(folder, ['release', json.runId])).toMatchObject({
      code: 1,
      err: expect.stringContaining('new.json'),
    })
    await rm(join(folder, 'dataset/samples/billing/new.json'))
    expect(await sheikhJson(folder, 'release', json.runId, '--release-as', '2.0.0')).toMatchObject({
      code: 0,
      json: { status: 'released', release: { version: '2.0.0' } },
    })
  })

  itInFull('trains again for a trigger that asks for that, and the commit is dealt with by the release', async () => {
    const hosted = await releasedProject()
    const pipelinePath = 'mlops/pipeline.yaml'
    const pipeline = await readFile(join(hosted, pipelinePath), 'utf8')
    await write(
      hosted,
      pipelinePath,
      `${pipeline}\ntriggers:\n  again: { paths: [mlops/again.txt], action: full_train }\n`,
    )
    await write(hosted, 'mlops/again.txt', '1')
    await commit(hosted)
    const out = join(await temporary(), 'awaiting')
    const trained = await sheikhJson(hosted, 'run', '--if-triggered', '--until', 'verdict', '--out', out)
    expect(trained).toMatchObject({
      code: 0,
      json: { status: 'awaiting-release', identicalTo: '0.1.0', triggered: { retrain: true } },
    })
    expect((await sheikhJson(hosted, 'triggers')).json).toMatchObject({ action: 'run', retrain: true })
    expect(await sheikhJson(hosted, 'release', out)).toMatchObject({ code: 0, json: { status: 'up-to-date' } })
    expect((await sheikhJson(hosted, 'triggers')).json).toMatchObject({ action: 'none' })
  })

  it('says what it cannot do before it trains', async () => {
    const folder = await project()
    const full = await temporary()
    await mkdir(join(full, 'x'))
    const cannot = async (argv: readonly string[], text: string) =>
      expect(await sheikh(folder, argv)).toMatchObject({ code: 1, err: expect.stringContaining(text) })
    await cannot(['run', '--until', 'train'], 'only "verdict" is known')
    await cannot(['run', '--out', 'awaiting'], 'Add: --until verdict')
    await cannot(['run', '--until', 'verdict', '--out', full], 'is not empty')
    await cannot(['run', '--until', 'verdict', '--release-as', 'minor'], 'sheikh release --release-as')
    await cannot(['release', 'nowhere'], 'has no manifest.json')
    await cannot(['release', '01kdvdna005274r5p1r5'], 'the store does not contain it')
    await cannot(['release'], 'sheikh release --help')
  })
})
