import { describe, expect, it } from 'vitest'
import { callContext, digestBytes, type Json, seededRandom } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import {
  type FeedbackContent,
  type FeedbackEntry,
  type LeftOutReason,
  memoryFeedback,
  type ToSamplesOptions,
  toSamples,
} from '../../src/feedback/index.js'

const context = callContext()
/** Ten words that no other number has in this order. */
function textOf(number: number): string {
  const random = seededRandom(number)
  return Array.from({ length: 10 }, () => `word${'abcdefghijklmnopqrst'[random.below(20)]}`).join(' ')
}

const samples = Array.from({ length: 20 }, (_, index) => ({
  id: `s${index}`,
  text: textOf(index),
  label: index % 2 === 0 ? 'ham' : 'spam',
}))

async function datasetOf(more: object = {}): Promise<Dataset<unknown, unknown>> {
  const parts = {
    source: memorySamples(samples),
    input: 'text',
    target: 'label',
    schema: {
      type: 'object',
      required: ['id', 'text', 'label'],
      properties: { text: { type: 'string', maxLength: 500 }, label: { type: 'string' } },
    },
    ...more,
  }
  const identities = await new Dataset(parts as never).identities()
  const set = proposePinnedSet(identities, { salt: 'x', share: 0.3 })
  return new Dataset({ ...parts, evaluation: pinnedSet(set) } as never) as unknown as Dataset<unknown, unknown>
}

let clock = 1_000
const answered = (id: string, input: Json, label = 'ham'): FeedbackEntry => ({
  kind: 'prediction',
  ...{ id, input, timeMs: clock++ },
  release: { version: '1.0.0', bundle: digestBytes('bundle') },
  prediction: { kind: 'label', label },
})
const said = (prediction: string, source: string, content: FeedbackContent | string): FeedbackEntry => ({
  kind: 'feedback',
  ...{ id: `${prediction}-${source}-${clock}`, prediction, source, timeMs: clock++ },
  content: typeof content === 'string' ? { kind: 'correction', target: content } : content,
})
const thumb = (isUp: boolean): FeedbackContent => ({ kind: 'thumb', isUp })

async function batchOf(entries: readonly FeedbackEntry[], options: Partial<ToSamplesOptions> = {}, more: object = {}) {
  const store = memoryFeedback()
  await store.append(entries, context)
  return toSamples(store, { dataset: await datasetOf(more), fields: { input: 'text', target: 'label' }, ...options })
}

const reasons = (leftOut: readonly { readonly reason: LeftOutReason; readonly predictions: readonly string[] }[]) =>
  Object.fromEntries(leftOut.flatMap(({ reason, predictions }) => predictions.map((id) => [id, reason])))

const fresh = (number: number) => textOf(100 + number)

describe('toSamples', () => {
  it('leaves out text with half of a surrogate pair, which any client can send, and makes samples of the rest', async () => {
    const half = String.fromCharCode(0xd800)
    const entries = [
      answered('input/0', `${fresh(1)} ${half}`),
      answered('member/0', { text: fresh(2), [half]: 1 }),
      answered('target/0', fresh(3)),
      ...['input/0', 'member/0'].map((id) => said(id, 'ann', 'spam')),
      said('target/0', 'ann', half),
      said('target/0', 'bob', 'spam'),
    ]
    const { samples: made, leftOut } = await batchOf(entries, { maximumShare: 1 })
    expect(made.map(({ origin }) => [origin.predictions, origin.sources])).toEqual([[['target/0'], ['bob']]])
    expect(leftOut.map(({ reason, predictions, sources }) => [reason, ...predictions, ...sources])).toEqual([
      ['not-a-sample', 'input/0', 'ann'],
      ['not-a-sample', 'member/0', 'ann'],
      ['not-a-sample', 'target/0', 'ann'],
    ])
  })

  it('joins answers with corrections, and records where each sample comes from', async () => {
    const entries = [
      answered('a/0', fresh(1)),
      answered('b/0', { id: 's3', text: fresh(2), label: 'ham' }, 'spam'),
      said('a/0', 'ann', 'spam'),
      said('a/0', 'bob', 'spam'),
      said('b/0', 'ann', 'ham'),
      said('b/0', 'bob', thumb(false)),
    ]
    const batch = await batchOf(entries, { maximumShare: 1 })
    expect(batch.leftOut).toEqual([])
    expect(batch.samples.map(({ sample }) => sample)).toEqual(
      expect.arrayContaining([
        { id: expect.stringMatching(/^feedback-[0-9a-f]{16}$/), text: fresh(1), label: 'spam' },
        { id: expect.stringMatching(/^feedback-/), text: fresh(2), label: 'ham' },
      ]),
    )
    expect(batch.samples.find(({ sample }) => sample['text'] === fresh(1))!.origin).toMatchObject({
      ...{ predictions: ['a/0'], releases: ['1.0.0'], sources: ['ann', 'bob'] },
      feedback: [entries[2]!.id, entries[3]!.id],
      ...{ firstMs: entries[2]!.timeMs, lastMs: entries[3]!.timeMs },
    })
    expect(JSON.stringify(batch.samples.map(({ origin }) => origin))).not.toContain(fresh(1))
    expect(batch.labelChanges).toEqual([
      { from: 'ham', to: 'spam', samples: 1 },
      { from: 'spam', to: 'ham', samples: 1 },
    ])
  })

  it('gives an equal batch for equal feedback in any order, and none of feedback that is known', async () => {
    const entries = [
      answered('a/0', fresh(1)),
      answered('b/0', fresh(2)),
      said('a/0', 'ann', 'spam'),
      said('b/0', 'bob', 'spam'),
    ]
    const [one, other] = [await batchOf(entries), await batchOf([...entries].reverse())]
    expect(one.samples).toHaveLength(2)
    expect(other).toEqual(one)
    const known = new Set(one.samples.flatMap(({ origin }) => origin.feedback))
    expect((await batchOf(entries, { known })).samples).toEqual([])
  })

  it('leaves out contradictions and doubts, and counts the last word of a source', async () => {
    const entries = [1, 2, 3, 4, 5].map((number) => answered(`p${number}`, fresh(number)))
    const batch = await batchOf(
      [
        ...entries,
        ...[said('p1', 'ann', 'spam'), said('p1', 'bob', thumb(true))],
        ...[said('p2', 'ann', 'ham'), said('p2', 'bob', thumb(false))],
        ...[said('p3', 'ann', 'ham'), said('p3', 'ann', 'spam'), said('p3', 'ann', thumb(true))],
        ...[said('p4', 'ann', thumb(true)), said('p4', 'bob', { kind: 'text', text: 'hello' })],
        ...[said('p5', 'ann', { kind: 'rating', score: 1 })],
        said('gone', 'ann', 'spam'),
      ],
      { maximumShare: 1 },
    )
    expect(reasons(batch.leftOut)).toEqual({
      ...{ p1: 'conflict', p2: 'conflict', p4: 'confirmed', p5: 'no-target', gone: 'unknown-prediction' },
    })
    expect(batch.samples.map(({ sample }) => sample['label'])).toEqual(['spam'])
  })

  it('makes samples of confirmed answers when asked, and of targets that enough sources name', async () => {
    const entries = [
      ...[answered('p1', fresh(1)), answered('p2', fresh(2))],
      ...[said('p1', 'ann', thumb(true)), said('p1', 'bob', thumb(true)), said('p2', 'ann', 'spam')],
    ]
    const batch = await batchOf(entries, { confirmed: true, agreement: 2 })
    expect(batch.samples.map(({ sample }) => sample['text'])).toEqual([fresh(1)])
    expect(reasons(batch.leftOut)).toEqual({ p2: 'too-few-sources' })
  })

  it('needs one more source for each that disagrees, where several must agree', async () => {
    const sources = (count: number) => Array.from({ length: count }, (_, index) => `source-${index}`)
    const outcome = async (
      agreeing: number,
      others: readonly (string | ReturnType<typeof thumb>)[],
      agreement: number,
    ) => {
      const entries = [
        answered('p', fresh(1)),
        ...sources(agreeing).map((source) => said('p', source, 'spam')),
        ...others.map((what, index) => said('p', `other-${index}`, what)),
      ]
      const batch = await batchOf(entries, { agreement, maximumShare: 1 })
      return batch.samples[0]?.sample['label'] ?? reasons(batch.leftOut)['p']
    }
    expect(await outcome(2, [], 2)).toBe('spam')
    expect(await outcome(2, ['ham'], 2)).toBe('conflict')
    expect(await outcome(3, ['ham'], 2)).toBe('spam')
    expect(await outcome(3, ['ham', 'other'], 2)).toBe('conflict')
    expect(await outcome(4, ['ham', 'other'], 2)).toBe('spam')
    // Whoever is asked alone is not outvoted.
    expect(await outcome(9, ['ham'], 1)).toBe('conflict')
    expect(await outcome(2, ['ham', 'ham'], 2)).toBe('conflict')
  })

  it('leaves out what the schema refuses, unknown labels and secrets', async () => {
    const entries = [
      ...[answered('long', 'x '.repeat(400)), answered('label', fresh(1)), answered('list', [1])],
      answered('secret', `${fresh(2)} ghp_${'a1'.repeat(18)}`),
      ...['long', 'label', 'list', 'secret'].map((id) => said(id, 'ann', id === 'label' ? 'urgent' : 'spam')),
    ]
    const batch = await batchOf(entries)
    expect(batch.samples).toEqual([])
    expect(reasons(batch.leftOut)).toEqual({
      long: 'invalid',
      label: 'unknown-label',
      list: 'invalid',
      secret: 'secret',
    })
    const templated = await batchOf([answered('text', fresh(1)), said('text', 'ann', 'spam')], {
      fields: { target: 'label' },
    })
    expect(reasons(templated.leftOut)).toEqual({ text: 'not-a-sample' })
  })

  it('never makes a sample like a row that models are judged on, also in other words of the same text', async () => {
    const dataset = await datasetOf()
    const { heldOut, trainingRows } = await dataset.snapshot(context)
    const [judged, trained] = [heldOut[0]!.id, trainingRows[0]!.id].map(
      (id) => samples.find((one) => one.id === id)!.text,
    )
    const entries = [
      ...[answered('equal', judged!), answered('louder', judged!.toUpperCase().replaceAll(' ', ', '))],
      ...[answered('longer', `${judged} please answer soon`), answered('known', trained!), answered('new', fresh(1))],
      ...['equal', 'louder', 'longer', 'known', 'new'].map((id) => said(id, 'ann', 'spam')),
    ]
    const batch = await batchOf(entries, { trusted: ['ann'] })
    expect(reasons(batch.leftOut)).toEqual({
      ...{ equal: 'evaluation', louder: 'evaluation', longer: 'evaluation', known: 'duplicate' },
    })
    expect(batch.samples).toHaveLength(1)
  })

  it('never makes a sample of a group that is pinned', async () => {
    const grouped = samples.map((one) => ({ ...one, thread: one.id }))
    const more = { source: memorySamples(grouped), group: 'thread' }
    const { heldOut } = await (await datasetOf(more)).snapshot(context)
    const entries = [
      answered('p1', { text: fresh(1), thread: heldOut[0]!.group! }),
      answered('p2', { text: fresh(2), thread: 'other' }),
      ...['p1', 'p2'].map((id) => said(id, 'ann', 'spam')),
    ]
    const batch = await batchOf(entries, { trusted: ['ann'] }, more)
    expect(reasons(batch.leftOut)).toEqual({ p1: 'evaluation' })
    expect(batch.samples[0]!.sample['thread']).toBe('other')
  })

  it('takes one of several similar inputs, and none if their targets differ', async () => {
    const entries = [
      ...[
        answered('p1', fresh(1)),
        answered('p2', `${fresh(1)} 12`),
        answered('p3', fresh(2)),
        answered('p4', `${fresh(2)} thanks`),
      ],
      ...[said('p1', 'ann', 'spam'), said('p2', 'bob', 'spam'), said('p3', 'ann', 'spam'), said('p4', 'bob', 'ham')],
    ]
    const batch = await batchOf(entries, { maximumShare: 1 })
    expect(reasons(batch.leftOut)).toEqual({ p2: 'duplicate', p3: 'conflict', p4: 'conflict' })
    expect(batch.samples.map(({ sample }) => sample['text'])).toEqual([fresh(1)])
  })

  it('limits what one source gives alone: by number, and by share of the batch', async () => {
    const flood = Array.from({ length: 10 }, (_, number) => number)
    const entries = [
      ...flood.flatMap((number) => [answered(`f${number}`, fresh(number)), said(`f${number}`, 'mallory', 'spam')]),
      ...[answered('a', fresh(20)), said('a', 'ann', 'spam'), answered('b', fresh(21)), said('b', 'bob', 'ham')],
    ]
    const batch = await batchOf(entries, { maximumPerSource: 4 })
    const left = reasons(batch.leftOut)
    expect(batch.samples).toHaveLength(4)
    expect(Object.values(left).filter((reason) => reason === 'source-limit')).toHaveLength(6)
    expect([left['f2'], left['f3'], left['f4']]).toEqual(['source-share', 'source-share', 'source-limit'])
    expect((await batchOf(entries.slice(0, 20))).samples).toEqual([])
    expect((await batchOf(entries.slice(0, 20), { trusted: ['mallory'] })).samples).toHaveLength(10)
  })

  it('refuses limits that are none', async () => {
    for (const options of [{ maximumShare: 0 }, { maximumPerSource: 0.5 }, { agreement: 0 }])
      await expect(batchOf([], options)).rejects.toMatchObject({ code: 'invalid-options' })
  })
})
