import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext, digestBytes } from '../../src/core/index.js'
import { directoryFeedback } from '../../src/feedback/index.js'
import { itInFull } from '../in-full.js'
import { post } from '../serve/fixture.js'
import { releasedProject, sheikh, start, temporary } from './harness.js'

const id = '01m8kfa7ts2rjb6h5qgx'

async function folderWithAnswers(): Promise<string> {
  const folder = await temporary()
  const answer = (index: number) => ({
    kind: 'prediction' as const,
    id: `${id}/${index}`,
    timeMs: Date.UTC(2026, 0, 31),
    release: { version: '0.1.0', bundle: digestBytes('bundle') },
    input: 'private words',
    prediction: { kind: 'label' as const, label: 'shipping' },
  })
  await directoryFeedback(join(folder, 'feedback')).append([answer(0), answer(1)], callContext())
  return folder
}

describe('feedback erase', () => {
  const about = (index: number, source: string) => ({
    ...{ kind: 'feedback' as const, id: `f${index}${source}`, prediction: `${id}/${index}`, timeMs: 0, source },
    content: { kind: 'thumb' as const, isUp: true },
  })
  async function folderWithFeedback() {
    const folder = await folderWithAnswers()
    const store = directoryFeedback(join(folder, 'feedback'))
    await store.append([about(0, 'ada'), about(1, 'ada'), about(1, 'bob')], callContext())
    const idsLeft = async () => {
      const ids: string[] = []
      for await (const entry of store.read({}, callContext())) ids.push(entry.id)
      return ids
    }
    const erase = (...argv: readonly string[]) => sheikh(folder, ['feedback', 'erase', '--store', 'feedback', ...argv])
    return { idsLeft, erase }
  }
  const all = [`${id}/0`, `${id}/1`, 'f0ada', 'f1ada', 'f1bob']

  it('lists an answer with its feedback, and erases both with --apply', async () => {
    const { erase, idsLeft } = await folderWithFeedback()
    const listed = await erase(`${id}/1`, 'nobody')
    expect(listed.code).toBe(0)
    expect(listed.out).toContain(`would erase  prediction  ${id}/1\n`)
    expect(listed.out).toContain('The store has nothing of "nobody".\nNothing was erased.')
    expect(await idsLeft()).toEqual(all)
    const { out } = await erase(`${id}/1`, '--apply', '--json')
    expect(JSON.parse(out)).toEqual({
      ...{ applied: true, unknown: [] },
      entries: [
        { id: `${id}/1`, kind: 'prediction' },
        { id: 'f1ada', kind: 'feedback' },
        { id: 'f1bob', kind: 'feedback' },
      ],
    })
    expect(await idsLeft()).toEqual([`${id}/0`, 'f0ada'])
    // Again: nothing is left of it.
    expect((await erase(`${id}/1`, '--apply')).out).toBe(`The store has nothing of "${id}/1".\n`)
  })

  it('erases all answers of a request, and the feedback of sources', async () => {
    const one = await folderWithFeedback()
    await one.erase(id, '--apply')
    expect(await one.idsLeft()).toEqual([])
    const other = await folderWithFeedback()
    await other.erase('--source', 'ada,eve', '--apply')
    expect(await other.idsLeft()).toEqual([`${id}/0`, `${id}/1`, 'f1bob'])
  })

  it('erases nothing without a name', async () => {
    const { erase, idsLeft } = await folderWithFeedback()
    for (const argv of [[], ['--apply'], ['--source', '', '--apply'], ['--source', ',', '--apply']])
      expect(await erase(...argv)).toMatchObject({ code: 1, err: expect.stringContaining('nothing is named') })
    // No answer has an empty request.
    await erase('', '--apply')
    await erase(id.slice(0, -1), '--apply')
    expect(await idsLeft()).toEqual(all)
  })
})

describe('feedback', () => {
  it('imports a file once, lists it and counts it, without the texts of people', async () => {
    const folder = await folderWithAnswers()
    const score = (traceId: string, value: number) => ({ id: traceId, traceId, name: 'ok', value, dataType: 'BOOLEAN' })
    await writeFile(join(folder, 'scores.json'), JSON.stringify([score(id, 1), score('nobody', 0)]))
    const argv = ['import', 'scores.json', '--store', 'feedback', '--json']
    const first = await sheikh(folder, ['feedback', ...argv])
    expect([first.code, JSON.parse(first.out)]).toEqual([
      0,
      { format: 'langfuse', added: 1, known: 0, unknownPrediction: 1, skipped: {} },
    ])
    expect(JSON.parse((await sheikh(folder, ['feedback', ...argv])).out)).toMatchObject({ added: 0, known: 1 })
    const listed = await sheikh(folder, ['feedback', 'list', '--store', 'feedback', '--limit', '2'])
    expect(listed.out).toMatch(
      new RegExp(`prediction +${id}/1 +0\\.1\\.0 +"shipping"\\n.*feedback +${id}/0 +thumb up +from [0-9a-f]{32}\\n$`),
    )
    expect(listed.out).not.toContain('private words')
    const { out } = await sheikh(folder, ['feedback', 'stats', '--store', 'feedback', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      predictions: 2,
      feedback: 1,
      predictionsWithFeedback: 1,
      thumbsUp: 1,
      sources: 1,
    })
  })

  it.each([
    [['list'], 'no folder is given'],
    [['list', '--store', 'feedback', '--limit', '0'], '"--limit 0" is not a whole number'],
    [['import', '--store', 'feedback'], 'no file is named'],
    [['import', 'a', '--store', 'feedback', '--format', 'other'], '"--format other" is none of'],
    [['lost'], 'the action must be list, stats'],
  ])('refuses %j', async (argv, words) => {
    const { code, out, err } = await sheikh('/', ['feedback', ...argv])
    expect([code, out, err]).toEqual([1, '', expect.stringContaining(words)])
  })

  itInFull('is what "sheikh serve --feedback" keeps', async () => {
    const folder = await releasedProject()
    const process = start(folder, ['serve', '--port', '0', '--feedback', 'kept'])
    let err = ''
    process.child.stderr!.on('data', (piece) => {
      err += piece
    })
    await process.says('Stop it with')
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(err)![0]
    const answer = await fetch(`${url}/v1/predict`, post('/', { inputs: ['my password is rejected', 'late'] }))
    const prediction = answer.headers.get('sheikh-prediction')
    const told = await fetch(`${url}/v1/feedback`, post('/', { prediction, index: 1, correction: 'shipping' }))
    expect([told.status, await told.json()]).toEqual([200, { id: expect.any(String), status: 'added' }])
    process.child.kill('SIGTERM')
    expect((await process.ended).code).toBe(0)
    const { out } = await sheikh(folder, ['feedback', 'stats', '--store', 'kept', '--json'])
    expect(JSON.parse(out)).toMatchObject({ predictions: 2, feedback: 1, byKind: { correction: 1 } })
  })
})
