import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCommandLine } from '../../src/cli/run-command-line.js'
import { itInFull } from '../in-full.js'
import { heldProject, releasedProject, sheikh, sheikhJson, write } from './harness.js'

/** A project whose second run is held. */
async function held(): Promise<{ readonly root: string; readonly runId: string }> {
  const root = await heldProject()
  return { root, runId: (await sheikhJson(root, 'runs')).json.runs[0].runId }
}

describe('a run that is held', () => {
  itInFull('is released by an override, which says who answers for it and until when', async () => {
    const { root, runId } = await held()
    const asked = ['override', runId, '--by', 'Ada', '--reason', 'the old one is down']
    expect(await sheikh(root, asked)).toMatchObject({ code: 1, err: expect.stringContaining('--until') })
    expect(await sheikh(root, [...asked, '--until', 'tomorrow'])).toMatchObject({ code: 1 })
    expect(await sheikh(root, [...asked, '--until', '2001-01-01'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('not in the future'),
    })
    const released = await sheikh(root, [...asked, '--until', '2999-12-31'])
    expect(released, released.err).toMatchObject({ code: 0 })
    const status = await sheikh(root, ['status'])
    expect(status.out).toContain('Override: released against the evidence. Ada is responsible until 2999-12-31')
    const { json } = await sheikhJson(root, 'status')
    expect(json.current.override).toMatchObject({ by: 'Ada', runId })
  })

  it('is released by nobody whom neither --by nor Git names', async () => {
    const { root, runId } = await held()
    const global = process.env['GIT_CONFIG_GLOBAL']
    process.env['GIT_CONFIG_GLOBAL'] = '/dev/null'
    try {
      for (const argv of [
        ['override', runId, '--reason', 'x', '--until', '2999-12-31'],
        ['approve', runId, '--reason', 'x'],
        ['rollback', '--reason', 'x'],
        ['promote', '0.1.0', '--to', 'production'],
        ['withdraw', '0.1.0', '--reason', 'x'],
        ['republish', '0.1.0', '--reason', 'x'],
        ['import', '.'],
        ['ledger', 'accept-loss', '--reason', 'x'],
        ['evaluation', 'repin', '--reason', 'x'],
      ])
        expect(await sheikh(root, argv)).toMatchObject({ code: 1, err: expect.stringContaining('--by') })
    } finally {
      process.env['GIT_CONFIG_GLOBAL'] = global
    }
    for (const argv of [
      ['rollback'],
      ['withdraw', '0.1.0'],
      ['republish', '0.1.0'],
      ['ledger', 'accept-loss'],
      ['evaluation', 'repin'],
    ])
      expect(await sheikh(root, [...argv, '--by', 'Ada'])).toMatchObject({
        code: 1,
        err: expect.stringContaining('--reason'),
      })
  })

  it('is tested on its own evaluation', async () => {
    const { root } = await held()
    const { code, out, err } = await sheikh(root, ['gate', 'test', '--simulations', '100'])
    expect(code, err).toBe(0)
    expect(out).toMatch(/^accuracy on \d+ independent items/)
  })

  itInFull('is judged by a pool of which only the disagreements are labelled: in files, or by a person', async () => {
    const { root, runId } = await held()
    const pool = Array.from({ length: 30 }, (_, index) =>
      JSON.stringify({
        id: `p${index}`,
        text: `Hello, my ${index % 2 ? 'password' : 'parcel'} ${index} is late and has expired, ticket ${index}`,
      }),
    )
    await write(root, 'pool.jsonl', `${pool.join('\n')}\n`)
    const label = ['evaluation', 'label', '--pool', 'pool.jsonl']
    const asked = await sheikh(root, [...label, '--questions', 'questions.jsonl'])
    expect(asked, asked.err).toMatchObject({ code: 0 })
    const questions = (await readFile(join(root, 'questions.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(questions.length).toBeGreaterThan(0)
    const [first] = questions
    expect(Object.keys(first)).toEqual(['id', 'input', 'answers'])

    // One in a file, the others by a person who always takes the first answer.
    await write(root, 'answers.jsonl', `${JSON.stringify({ id: first.id, target: first.answers[0] })}\n`)
    let [out, err] = ['', '']
    let prompts = 0
    const code = await runCommandLine([...label, '--answers', 'answers.jsonl', '--run', runId], {
      cwd: root,
      signal: new AbortController().signal,
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
      ask: async () => {
        prompts += 1
        return '1'
      },
    })
    expect([0, 2, 3], err).toContain(code)
    expect(prompts).toBe(questions.length - 1)
    expect(out).toContain('0 of these are not labelled yet')
    // What was said is in the file: nobody is asked twice.
    const { json } = await sheikhJson(root, ...label, '--answers', 'answers.jsonl')
    expect(json.unlabelled).toBe(0)
  })

  it.each([
    ['no pool', ['evaluation', 'label'], '--pool'],
    ['a pool that is not there', ['evaluation', 'label', '--pool', 'nowhere.jsonl'], 'not-found'],
    [
      'a run that is not there',
      ['evaluation', 'label', '--pool', 'bad.jsonl', '--run', 'nobody'],
      'bad.jsonl", line 2',
    ],
  ])('%s is an error', async (_, argv, says) => {
    const root = await releasedProject()
    await write(root, 'bad.jsonl', '{"id":"a","text":"b"}\n{"id":')
    const { code, err } = await sheikh(root, argv)
    expect(code).toBe(1)
    expect(err).toContain(says)
  })
})
