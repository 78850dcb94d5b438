import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { changeSamples } from '../template-project.js'
import {
  commit,
  edit,
  editSample,
  project,
  releasedProject,
  sheikh,
  sheikhJson,
  temporary,
  tinyProject,
  write,
} from './harness.js'

itInFull('a life: init, plan, run, again, a change, a rollback', async () => {
  const cwd = await temporary()
  const at = ['--project', 'tickets']
  const made = await sheikh(cwd, ['init', 'tickets'])
  expect(made).toMatchObject({ code: 0, err: '' })
  expect(made.out).toContain('sheikh run --project tickets')

  const planned = await sheikh(cwd, ['plan', ...at])
  expect(planned).toMatchObject({ code: 0, err: '' })
  expect(planned.out).toMatch(/200 rows, 120 for training, 80 pinned/)
  expect(planned.out).toMatch(/train +run/)
  expect(planned.out).toContain('Duration unknown: no earlier run.')
  expect(existsSync(join(cwd, 'tickets/releases'))).toBe(false)
  const before = await sheikh(cwd, ['status', ...at])
  expect(before.out).toContain('Released: nothing yet.')
  expect(before.out).toContain('Last run: none.')
  expect((await sheikh(cwd, ['history', ...at])).out).toBe('No releases yet.\n')

  const ran = await sheikh(cwd, ['run', ...at, '--report', 'first.md'])
  expect(ran.code, ran.err).toBe(0)
  expect(ran.out).toMatch(/^Released 0\.1\.0, accuracy /)
  // The answer is on the output, how it went on the error output.
  expect(ran.out).not.toContain('train …')
  expect(ran.err).toContain('train …')
  expect(await readFile(join(cwd, 'first.md'), 'utf8')).toMatch(/^# tickets 0\.1\.0: released\n/)

  const status = await sheikh(cwd, ['status', ...at])
  expect(status.out).toMatch(/Released: 0\.1\.0 \(.*accuracy/)
  const { json: first } = await sheikhJson(cwd, 'status', ...at)
  expect(first).toMatchObject({ current: { version: '0.1.0' }, dirtyPaths: [], lastRun: { status: 'released' } })

  // A decision that was refused is not the last run.
  const refused = await sheikh(cwd, ['rollback', '--to', '9.9.9', '--reason', 'x', '--by', 'Ada', ...at])
  expect(refused.code).toBe(1)
  expect((await sheikh(cwd, ['status', ...at])).out).toMatch(/Last run: \w+, released,/)

  const again = await sheikh(cwd, ['run', ...at])
  expect(again).toMatchObject({ code: 0 })
  expect(again.out).toMatch(/^Up to date: 0\.1\.0/)
  expect(again.err).not.toContain('train …')

  await editSample(join(cwd, 'tickets'))
  expect((await sheikh(cwd, ['plan', ...at])).out).toMatch(
    /\nExpected duration: about \d+ s on wasm, \d+ cores? \(from 1 earlier run\)/,
  )
  const why = await sheikh(cwd, ['why', 'train', ...at])
  expect(why.code).toBe(0)
  expect(why.out).toMatch(/^train: run, .*\n +before: "sha256:.*\n +now: +"sha256:/)
  const second = await sheikh(cwd, ['run', ...at])
  expect(second.code, second.err).toBe(0)
  expect(second.out).toMatch(/^Released 0\.1\.1/)

  const history = await sheikh(cwd, ['history', ...at])
  expect(history.out.split('\n').map((line) => line.slice(0, 8).trim())).toEqual(['*  0.1.1', '0.1.0', ''])
  const report = await sheikh(cwd, ['report', ...at])
  expect(report.out).toContain('no-regression')
  const written = await sheikh(cwd, ['report', first.lastRun.runId, '--out', 'old.md', ...at])
  expect(written.out).toBe(`Wrote ${join(cwd, 'old.md')}\n`)
  expect(await readFile(join(cwd, 'old.md'), 'utf8')).toContain(first.lastRun.runId)

  const back = await sheikh(cwd, ['rollback', '--reason', 'worse in the wild', ...at])
  expect(back).toMatchObject({ code: 0, err: '' })
  expect(back.out).toBe('Restored: 0.1.2 is identical to 0.1.0, byte for byte.\n')
  const { json: after } = await sheikhJson(cwd, 'status', ...at)
  expect(after).toMatchObject({ current: { version: '0.1.2', bundle: first.current.bundle } })
  expect((await sheikh(cwd, ['history', ...at])).out).toContain('withdrawn: worse in the wild')

  // What was rolled back from stays so until somebody says it by name.
  const held = await sheikh(cwd, ['run', ...at])
  expect(held.code).toBe(2)
  expect(held.out).toContain('sheikh rollback --to 0.1.1')
  const forth = await sheikh(cwd, ['rollback', '--to', 'v0.1.1', '--reason', 'it was the phones', ...at])
  expect(forth.out).toBe('Restored: 0.1.3 is identical to 0.1.1, byte for byte.\n')
  expect(await sheikh(cwd, ['run', ...at])).toMatchObject({ code: 0 })
})

it('every answer is one JSON document, and nothing else', async () => {
  const folder = await releasedProject()
  const documents = {
    plan: await sheikhJson(folder, 'plan'),
    run: await sheikhJson(folder, 'run'),
    status: await sheikhJson(folder, 'status'),
    validate: await sheikhJson(folder, 'validate'),
    why: await sheikhJson(folder, 'why', 'train'),
    history: await sheikhJson(folder, 'history'),
    report: await sheikhJson(folder, 'report'),
    reportOut: await sheikhJson(folder, 'report', '--out', 'report.md'),
    evaluation: await sheikhJson(folder, 'evaluation', 'status'),
    init: await sheikhJson(await temporary(), 'init', '--name', 'other', '--empty'),
  }
  for (const [name, { code }] of Object.entries(documents)) expect(code, name).toBe(0)
  expect(documents).toMatchObject({
    plan: { json: { counts: { rows: 200 }, stages: expect.any(Array) } },
    run: { json: { status: 'up-to-date', release: { version: '0.1.0' } } },
    validate: { json: { summary: { counts: { rows: 200 } }, notices: [] } },
    why: { json: { stage: 'train' } },
    history: { json: { current: '0.1.0', releases: [{ version: '0.1.0' }] } },
    report: { json: { status: 'released', verdict: { status: 'pass' } } },
    evaluation: { json: { pinned: 80, changed: [] } },
    init: { json: { pinned: 0 } },
  })

  const retrained = await sheikh(folder, ['run', '--retrain', '--json'])
  // No progress between a program and its answer.
  expect(retrained.err).toBe('')
  expect(JSON.parse(retrained.out)).toMatchObject({ status: 'up-to-date' })
})

it('an error is one JSON document with its code, its message and its facts', async () => {
  const folder = await releasedProject()
  const missing = await sheikhJson(folder, 'report', 'nothing')
  expect(missing).toMatchObject({ code: 1, json: { error: { code: 'not-found', message: expect.any(String) } } })
  const nowhere = await sheikhJson(folder, 'rollback', '--to', '9.9.9', '--reason', 'x')
  expect(nowhere).toMatchObject({ code: 1, json: { error: { code: 'not-found' } } })
  const around = await temporary()
  await write(around, 'thesis.tex', 'mine')
  expect(await sheikhJson(around, 'init')).toMatchObject({
    code: 1,
    json: { error: { code: 'invalid-options', facts: { paths: ['thesis.tex'] } } },
  })
  expect(await sheikhJson(folder, 'why', 'nothing')).toMatchObject({ code: 1, json: { error: {} } })
  expect(await sheikhJson(folder, 'approve', 'nothing', '--reason', 'tried')).toMatchObject({
    code: 1,
    json: { error: { code: 'not-found' } },
  })
})

itInFull(
  'a setting without effect is printed with file and line, and is in the JSON of every command that prints it',
  async () => {
    const folder = await project()
    await edit(folder, 'mlops/training/config.yaml', (text) => `${text}  logging_steps: 0.1\n`)
    for (const command of ['plan', 'validate']) {
      const { code, out, err } = await sheikh(folder, [command])
      expect(code).toBe(0)
      expect(err).toMatch(/^mlops\/training\/config\.yaml:6:\d+: .*logging_steps/m)
      expect(out).not.toContain('logging_steps')
    }
    for (const command of [['plan'], ['validate'], ['run', '--allow-dirty']]) {
      const { json } = await sheikhJson(folder, ...command)
      expect(json.notices).toMatchObject([{ file: 'mlops/training/config.yaml', line: 6 }])
    }
  },
)

it('groups that nobody declared are named by validate and by evaluation pin, before anything is trained', async () => {
  const folder = await tinyProject()
  const question = (index: number) => {
    const words = Array.from({ length: 8 }, (_, word) => `w${'abcdefghij'[Math.floor(index / 4)]}${'klmnopqr'[word]}`)
    return `${words.join(' ')} ${index}`
  }
  const rows = Array.from({ length: 40 }, (_, index) => ({
    id: `t${index * 7919}x`,
    text: question(index),
    label: Math.floor(index / 4) % 2 === 0 ? 'a' : 'b',
  }))
  await rm(join(folder, 'dataset'), { recursive: true })
  await write(folder, 'dataset/samples/all/all.json', rows)
  const fact = /The items suggest groups that are not declared: .*"t\d+x" and "t\d+x".*"group:"/
  const { json: pinned } = await sheikhJson(folder, 'evaluation', 'pin')
  expect(pinned.warnings).toContainEqual(expect.stringMatching(fact))
  expect((await sheikh(folder, ['validate'])).out).toMatch(fact)
  const { json } = await sheikhJson(folder, 'validate')
  expect(json.summary.warnings).toContainEqual({
    code: 'undeclared-groups',
    message: expect.stringMatching(fact),
    ids: [expect.stringMatching(/^t/), expect.stringMatching(/^t/)],
  })
})

it('an evaluation set is pinned once, added to, and watched', async () => {
  const folder = await project()
  const set = async () => JSON.parse(await readFile(join(folder, 'dataset/evaluation.json'), 'utf8'))
  expect(await sheikhJson(folder, 'evaluation', 'pin')).toMatchObject({
    code: 1,
    json: { error: { code: 'release-conflict' } },
  })
  const pinned = new Set<string>((await set()).items.map(({ id }: { id: string }) => id))
  const [id] = Array.from({ length: 50 }, (_, index) => `login-${String(index + 1).padStart(2, '0')}`).filter(
    (name) => !pinned.has(name),
  )
  expect(await sheikh(folder, ['evaluation', 'add', id!])).toMatchObject({ code: 0, err: '' })
  expect((await set()).items).toHaveLength(81)
  expect((await sheikh(folder, ['evaluation', 'add', 'nobody'])).code).toBe(1)
  await commit(folder)
  const [first] = [...pinned]
  await changeSamples(folder, (sample) => (sample.id === first ? { ...sample, text: `Now: ${sample.text}` } : sample))
  // A run would refuse it.
  const { code, out } = await sheikh(folder, ['evaluation', 'status'])
  expect(code).toBe(1)
  expect(out).toContain('81 items pinned')
  expect(out).toContain(`Edited or deleted pinned items: ${first}`)
  expect(await sheikh(folder, ['evaluation', 'repin'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('--reason'),
  })
  expect(await sheikhJson(folder, 'evaluation', 'repin', '--reason', 'a better wording', '--by', 'Ann')).toMatchObject({
    code: 0,
    json: { items: 81, repin: { reason: 'a better wording', by: 'Ann', changed: 1, removed: [] } },
  })
  const repinned = await sheikh(folder, ['evaluation', 'status'])
  expect(repinned).toMatchObject({
    code: 0,
    out: expect.stringMatching(/by Ann: 1 changed, 0 dropped. Reason: a better/),
  })
})
