import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type FeedbackFormat, memoryFeedback, readFeedback } from '../../src/feedback/index.js'

// Written by hand. read-tool-exports.test.ts reads files that the tools wrote.
const context = callContext({ clock: { nowMs: () => 5 } })
const store = memoryFeedback()
const id = '01m8kfa7ts2rjb6h5qgx'

async function read(content: unknown, format?: FeedbackFormat) {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-feedback-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'export.json')
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return readFeedback(file, { store, format }, context)
}

const contentsOf = ({ feedback }: Awaited<ReturnType<typeof read>>) => feedback.map(({ content }) => content)

describe('readFeedback', () => {
  const score = (parts: object) => ({ id: 's', traceId: id, name: 'quality', value: 1, dataType: 'NUMERIC', ...parts })

  it('reads scores of Langfuse, as a list, as an answer of its API and as lines', async () => {
    const scores = [
      score({ id: '1', value: 1, dataType: 'BOOLEAN', timestamp: '2026-01-01T00:00:00.000Z', authorUserId: 'u1' }),
      score({ id: '2', value: 0.5, comment: 'so so', authorUserId: 'u1' }),
      score({ id: '3', value: 0, stringValue: 'shipping', dataType: 'CATEGORICAL', authorUserId: 'u2' }),
      score({ id: '4', value: 'thumbs-down', dataType: 'CATEGORICAL' }),
      score({ id: '5', value: 5 }),
      score({ id: '6', source: 'EVAL' }),
      score({ id: '7', traceId: null }),
    ]
    const answer = await read(scores)
    expect(answer.format).toBe('langfuse')
    expect(contentsOf(answer)).toEqual([
      { kind: 'thumb', isUp: true },
      { kind: 'rating', score: 0.5 },
      { kind: 'text', text: 'so so' },
      { kind: 'correction', target: 'shipping' },
      { kind: 'thumb', isUp: false },
    ])
    expect(answer.skipped).toEqual({ 'score-not-in-0-1': 1, 'not-by-a-person': 1, 'without-prediction-id': 1 })
    const [first, second, , third] = answer.feedback
    expect(first).toMatchObject({ prediction: `${id}/0`, timeMs: Date.UTC(2026, 0, 1) })
    expect([second!.timeMs, second!.source === first!.source, third!.source === first!.source]).toEqual([
      5,
      true,
      false,
    ])
    expect(JSON.stringify(answer.feedback)).not.toContain('u1')
    expect(await read({ data: scores })).toEqual(answer)
    expect(await read(scores.map((one) => JSON.stringify(one)).join('\n'))).toEqual(answer)
  })

  it('reads scores that Langfuse exported to blob storage, whose times are in UTC', async () => {
    const row = (parts: object) => ({
      ...{ id: 's', timestamp: '2026-01-01 00:00:00.250000', project_id: 'p', environment: 'default', trace_id: id },
      ...{ observation_id: null, session_id: null, name: 'label', source: 'ANNOTATION', comment: null },
      ...{ data_type: 'CATEGORICAL', value: 0, string_value: 'shipping', created_at: '2026-01-01 00:00:01.000000' },
      ...parts,
    })
    const rows = [
      row({ metadata: { prediction: `${id}/2` }, author_user_id: 'u1' }),
      row({ id: 't', data_type: 'BOOLEAN', value: 1, string_value: 'True' }),
      row({ id: 'u', source: 'EVAL' }),
      row({ id: 'v', trace_id: null, session_id: 'chat' }),
    ]
    const { format, feedback, skipped } = await read(rows.map((one) => JSON.stringify(one)).join('\n'))
    expect([format, skipped]).toEqual(['langfuse', { 'not-by-a-person': 1, 'without-prediction-id': 1 }])
    expect(feedback).toMatchObject([
      { prediction: `${id}/2`, timeMs: Date.UTC(2026, 0, 1) + 250, content: { target: 'shipping' } },
      { prediction: `${id}/0`, timeMs: Date.UTC(2026, 0, 1) + 250, content: { isUp: true } },
    ])
  })

  it('reads annotations of Phoenix, of people only', async () => {
    const annotation = (parts: object) => ({
      ...{ span_id: id, name: 'correctness', annotator_kind: 'HUMAN', identifier: 'ann' },
      ...{ result: { label: null, score: null, explanation: null } },
      ...parts,
    })
    const answer = await read([
      annotation({ result: { label: 'thumbs-up', score: 1 }, metadata: { prediction: `${id}/3` } }),
      annotation({ result: { label: 'login', explanation: 'it is about a password' } }),
      annotation({ name: 'quality', result: { score: 0.25 } }),
      annotation({ annotator_kind: 'LLM', result: { label: 'login' } }),
      annotation({}),
      annotation({ result: { score: 7 } }),
    ])
    expect(contentsOf(answer)).toEqual([
      { kind: 'thumb', isUp: true },
      { kind: 'correction', target: 'login' },
      { kind: 'text', text: 'it is about a password' },
      { kind: 'rating', score: 0.25 },
    ])
    expect(answer.feedback.map(({ prediction }) => prediction)).toEqual([`${id}/3`, `${id}/0`, `${id}/0`, `${id}/0`])
    expect(new Set(answer.feedback.map((one) => one.id)).size).toBe(4)
    expect(answer.skipped).toEqual({ 'not-by-a-person': 1, 'without-value': 1, 'score-not-in-0-1': 1 })
    const flat = { ...annotation({ 'result.label': 'login', 'result.score': 1 }), result: undefined }
    expect(contentsOf(await read([flat]))).toEqual([{ kind: 'correction', target: 'login' }])
    const note = (identifier: string) => annotation({ identifier, result: { explanation: identifier } })
    const { feedback } = await read([note('px-span-note:1'), note('px-span-note:2')])
    expect(new Set(feedback.map(({ source }) => source)).size).toBe(1)
  })

  it('reads an export of Label Studio: each annotator is a source, and cancelled annotations are left out', async () => {
    const choose = (...choices: string[]) => ({
      from_name: 'label',
      to_name: 'text',
      type: 'choices',
      value: { choices },
    })
    const answer = await read([
      {
        id: 1,
        data: { text: 'the parcel is late', prediction: `${id}/1` },
        annotations: [
          {
            id: 10,
            completed_by: 1,
            was_cancelled: false,
            result: [choose('shipping')],
            created_at: '2026-01-01T00:00:00Z',
          },
          { id: 11, completed_by: { id: 2, email: 'b@example.com' }, result: [choose('login')] },
          { id: 12, completed_by: 3, was_cancelled: true, result: [choose('login')] },
          { id: 13, completed_by: 4, result: [choose('login', 'shipping')] },
          { id: 14, completed_by: 5, result: [] },
        ],
      },
      { id: 2, data: { text: 'no id' }, annotations: [{ id: 15, completed_by: 1, result: [choose('login')] }] },
    ])
    expect(contentsOf(answer)).toEqual([
      { kind: 'correction', target: 'shipping' },
      { kind: 'correction', target: 'login' },
    ])
    expect(new Set(answer.feedback.map(({ source }) => source)).size).toBe(2)
    expect(answer.skipped).toEqual({
      cancelled: 1,
      'not-one-answer': 1,
      'without-value': 1,
      'without-prediction-id': 1,
    })
  })

  it('finds nothing in an empty list, whatever wrote it', async () => {
    for (const content of ['[]', '{"data":[]}']) expect(await read(content)).toEqual({ feedback: [], skipped: {} })
  })

  it.each([
    ['not json', 'line 1 is not JSON'],
    ['7', 'it is no list of scores'],
    ['', 'it is empty'],
    [' \n', 'it is empty'],
    [[{ other: 1 }], 'it is no list of scores'],
    [[score({}), { other: 1 }], 'item 1 has other members than langfuse writes'],
    [[score({}), null], 'item 1 has other members'],
  ])('refuses %j', async (content, words) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining(words),
    })
  })

  it('follows the format that is named', async () => {
    await expect(read([score({})], 'phoenix')).rejects.toThrow('item 0 has other members than phoenix writes')
    await expect(readFeedback('/nowhere/at/all', { store }, context)).rejects.toMatchObject({ code: 'not-found' })
  })
})
