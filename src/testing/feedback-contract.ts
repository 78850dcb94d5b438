import assert from 'node:assert/strict'
import { callContext, digestBytes, isSheikhError } from '../core/index.js'
import type { Feedback, FeedbackEntry, FeedbackRange, FeedbackStore, LoggedPrediction } from '../feedback/index.js'
import type { ContractTest } from './contract-test.js'

export interface FeedbackStoreUnderTest {
  /** A new, empty store. */
  readonly store: FeedbackStore
  /** Opens the same store as another process would. Absent if the store does not outlive the process. */
  readonly reopen?: (() => FeedbackStore) | undefined
  dispose(): Promise<void>
}

/** Tests that a store fulfils the `FeedbackStore` contract. Pass your runner's `test` and a function that creates new, empty stores. */
export function feedbackContract(test: ContractTest, make: () => Promise<FeedbackStoreUnderTest>): void {
  const check = (name: string, body: (store: FeedbackStore, reopen: () => FeedbackStore) => Promise<void>) =>
    test(`a feedback store ${name}`, async () => {
      const { store, reopen, dispose } = await make()
      try {
        await body(store, reopen ?? (() => store))
      } finally {
        await dispose()
      }
    })

  check('is empty at first', async (store) => {
    assert.deepEqual(await readAll(store), [])
    assert.equal(await store.prediction('r/0', context), undefined)
    assert.equal(await store.append([], context), 0)
  })

  check('gives back what was added, in the order in which it was added', async (store, reopen) => {
    const first = [
      predictionOf('r1/0', { input: hostileText }),
      predictionOf('r1/1', { timeMs: 50, experiment: place }),
    ]
    const second: readonly FeedbackEntry[] = [
      ...contents.map((content, index) => feedbackOf(`f${index}`, { content, timeMs: 10 - index })),
      { kind: 'exposure', id: 'x1', timeMs: 11, experiment: place },
      { kind: 'outcome', id: 'o1', timeMs: 12, experiment: place, metric: 'duration', value: -1.5 },
    ]
    assert.equal(await store.append(first, context), 2)
    assert.equal(await store.append(second, context), second.length)
    for (const reader of [store, reopen()]) assert.deepEqual(await readAll(reader), [...first, ...second])
  })

  check('finds an answer by its id, and no feedback', async (store, reopen) => {
    await store.append([predictionOf('r1/0'), predictionOf('r1/1', { input: 'other' }), feedbackOf('f1')], context)
    for (const reader of [store, reopen()]) {
      assert.deepEqual(await reader.prediction('r1/1', context), predictionOf('r1/1', { input: 'other' }))
      for (const id of ['r1/2', 'f1', 'r1', "'; --", '%', '../r1/0'])
        assert.equal(await reader.prediction(id, context), undefined)
    }
  })

  check('leaves out entries whose id is known', async (store, reopen) => {
    const twice = [feedbackOf('f1'), feedbackOf('f1', { source: 'late' })]
    assert.equal(await store.append(twice, context), 1)
    const other = reopen()
    assert.equal(await other.append([feedbackOf('f1', { source: 'late' }), feedbackOf('f2')], context), 1)
    assert.equal(await store.append([feedbackOf('f2'), predictionOf('f1')], context), 0)
    assert.deepEqual(await readAll(store), [feedbackOf('f1'), feedbackOf('f2')])
  })

  check('sees what another process added', async (store, reopen) => {
    const other = reopen()
    assert.equal(await other.prediction('r1/0', context), undefined)
    await store.append([predictionOf('r1/0')], context)
    assert.deepEqual(await other.prediction('r1/0', context), predictionOf('r1/0'))
    await other.append([predictionOf('r2/0')], context)
    assert.deepEqual(await readAll(store), [predictionOf('r1/0'), predictionOf('r2/0')])
  })

  check('keeps every entry of appends at the same time', async (store, reopen) => {
    const stores = [store, reopen(), reopen()]
    const ids = Array.from({ length: 12 }, (_, index) => `r${index}/0`)
    const counts = await Promise.all(
      ids.map((id, index) => stores[index % stores.length]!.append([predictionOf(id), feedbackOf('same')], context)),
    )
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      ids.length + 1,
    )
    const found = (await readAll(store)).map(({ id }) => id)
    assert.deepEqual([...found].sort(), [...ids, 'same'].sort())
  })

  check('reads a range of times: from the first, without the last', async (store) => {
    await store.append(
      [10, 20, 30].map((timeMs) => predictionOf(`r${timeMs}/0`, { timeMs })),
      context,
    )
    const idsIn = async (range: FeedbackRange) => (await readAll(store, range)).map(({ id }) => id)
    assert.deepEqual(await idsIn({ fromMs: 20 }), ['r20/0', 'r30/0'])
    assert.deepEqual(await idsIn({ untilMs: 20 }), ['r10/0'])
    assert.deepEqual(await idsIn({ fromMs: 15, untilMs: 30 }), ['r20/0'])
  })

  check('erases entries, and ignores unknown ids', async (store, reopen) => {
    await store.append([predictionOf('r1/0'), feedbackOf('f1'), feedbackOf('f2')], context)
    const other = reopen()
    assert.notEqual(await other.prediction('r1/0', context), undefined)
    await store.erase(['r1/0', 'f2', 'nobody', 'f2'], context)
    for (const reader of [store, other, reopen()]) {
      assert.deepEqual(await readAll(reader), [feedbackOf('f1')])
      assert.equal(await reader.prediction('r1/0', context), undefined)
    }
    assert.equal(await store.append([feedbackOf('f3')], context), 1)
    assert.deepEqual(await readAll(reopen()), [feedbackOf('f1'), feedbackOf('f3')])
  })

  check('refuses entries that could not be read again, and keeps none of them', async (store) => {
    const wrong: readonly unknown[] = [
      { ...predictionOf('r1/0'), id: '' },
      { ...predictionOf('r1/0'), id: 'a\u0000b' },
      { ...predictionOf('r1/0'), timeMs: Number.NaN },
      { ...feedbackOf('f1'), content: { kind: 'rating', score: 2 } },
      { kind: 'other', id: 'f1' },
    ]
    for (const entry of wrong)
      await assert.rejects(
        async () => store.append([feedbackOf('good'), entry as FeedbackEntry], context),
        (error) => isSheikhError(error, 'invalid-options'),
      )
    assert.deepEqual(await readAll(store), [])
  })

  check('makes one secret and keeps it', async (store, reopen) => {
    const [first, second] = await Promise.all([store.secret(context), reopen().secret(context)])
    assert.match(first, /^[0-9a-f]{64}$/)
    assert.equal(second, first)
    assert.equal(await reopen().secret(context), first)
    assert.deepEqual(await readAll(store), [])
  })

  check('stops with the reason of the signal', async (store) => {
    const aborted = callContext({ signal: AbortSignal.abort(new Error('enough')) })
    await assert.rejects(async () => store.append([predictionOf('r1/0')], aborted), /enough/)
    assert.deepEqual(await readAll(store), [])
  })
}

const context = callContext()
/** What breaks quoting, encodings, patterns and lines. */
const hostileText = 'a\u0000b \' " ; -- % _ \\ \n\r\n\u2028 \ud83d\ude00 \ud800 $1 ?1 {"kind":"prediction"}'

const place = { name: 'shorter-answers', variant: 'treatment', unit: 'somebody', step: 2 } as const

const contents: readonly Feedback['content'][] = [
  { kind: 'thumb', isUp: true },
  { kind: 'correction', target: 'login' },
  { kind: 'correction', target: { nested: [1, null, true] } },
  { kind: 'rating', score: 0.25 },
  { kind: 'text', text: hostileText },
]

const predictionOf = (id: string, parts: Partial<LoggedPrediction> = {}): LoggedPrediction => ({
  kind: 'prediction',
  id,
  timeMs: 1_700_000_000_000,
  release: { version: '0.1.0', bundle: digestBytes('bundle') },
  input: 'the courier is late',
  prediction: { kind: 'label', label: 'shipping', probabilities: { shipping: 0.75, login: 0.25 } },
  ...parts,
})

const feedbackOf = (id: string, parts: Partial<Feedback> = {}): Feedback => ({
  kind: 'feedback',
  id,
  prediction: 'r1/0',
  timeMs: 1_700_000_000_001,
  source: 'somebody',
  content: { kind: 'thumb', isUp: false },
  ...parts,
})

async function readAll(store: FeedbackStore, range: FeedbackRange = {}): Promise<readonly FeedbackEntry[]> {
  const entries: FeedbackEntry[] = []
  for await (const entry of store.read(range, context)) entries.push(entry)
  return entries
}
