import { describe, expect, it } from 'vitest'
import { callContext, digestBytes, type Json } from '../../src/core/index.js'
import { Dataset, memorySamples } from '../../src/dataset/index.js'
import {
  type ChooseForLabellingOptions,
  chooseForLabelling,
  type FeedbackEntry,
  labelStudioTasks,
  memoryFeedback,
} from '../../src/feedback/index.js'

const context = callContext()
let clock = 1_000

function answered(
  id: string,
  input: Json,
  probabilities: Readonly<Record<string, number>>,
  version = '1.0.0',
): FeedbackEntry {
  const [label] = Object.entries(probabilities).sort(([, left], [, right]) => right - left)[0]!
  return {
    kind: 'prediction',
    ...{ id, input, timeMs: clock++ },
    release: { version, bundle: digestBytes(version) },
    prediction: { kind: 'label', label, probabilities },
  }
}

async function chosen(entries: readonly FeedbackEntry[], options: ChooseForLabellingOptions = {}) {
  const store = memoryFeedback()
  await store.append(entries, context)
  return chooseForLabelling(store, options)
}

const ids = (choices: Awaited<ReturnType<typeof chosen>>) => choices.map(({ prediction }) => prediction.id)

const entries: readonly FeedbackEntry[] = [
  answered('sure', 'the parcel came today and all is well', { a: 0.98, b: 0.01, c: 0.01 }),
  answered('two', 'nobody answers when I call your number', { a: 0.49, b: 0.49, c: 0.02 }),
  answered('three', 'my password does not work on the page', { a: 0.36, b: 0.33, c: 0.31 }),
  answered('copy', 'MY PASSWORD does not work on the page!', { a: 0.37, b: 0.33, c: 0.3 }),
  answered('judged', 'where can I find the bill of last month', { a: 0.4, b: 0.4, c: 0.2 }),
  { kind: 'feedback', id: 'f', prediction: 'judged', timeMs: 1, source: 'ann', content: { kind: 'thumb', isUp: true } },
]

describe('chooseForLabelling', () => {
  it('takes the most uncertain answers that nobody judged, and one of similar inputs, in any order of the log', async () => {
    expect(ids(await chosen(entries))).toEqual(['two', 'three', 'sure'])
    expect(ids(await chosen([...entries].reverse()))).toEqual(['two', 'three', 'sure'])
    const broken = answered('broken', String.fromCharCode(0xd800), { a: 0.5, b: 0.5 })
    expect(ids(await chosen([...entries, broken]))).toEqual(['two', 'three', 'sure'])
    expect(ids(await chosen(entries, { measure: 'entropy', count: 2 }))).toEqual(['three', 'two'])
    const [first] = await chosen(entries, { measure: 'entropy' })
    expect(first!.uncertainty).toBeCloseTo(
      -[0.36, 0.33, 0.31].reduce((sum, p) => sum + p * Math.log(p), 0) / Math.log(3),
      12,
    )
  })

  it('takes inputs first that releases answer differently: of the log, or of a second release', async () => {
    const again = answered('sure-2', 'the parcel came today and all is well', { a: 0.1, b: 0.9 }, '2.0.0')
    const choices = await chosen([...entries, again])
    expect(ids(choices)).toEqual(['sure-2', 'two', 'three'])
    expect(choices[0]).toMatchObject({ disagreement: true, prediction: { release: { version: '2.0.0' } } })
    const second = async (inputs: readonly Json[]) =>
      inputs.map((input) => ({ kind: 'label', label: String(input).startsWith('the parcel') ? 'c' : 'a' }) as const)
    expect(ids(await chosen(entries, { second, count: 1 }))).toEqual(['sure'])
  })

  it('chooses from the answers of a range, and leaves out those that were judged after it', async () => {
    const late = { kind: 'feedback', id: 'g', prediction: 'two', timeMs: 1e6, source: 'ann' } as const
    const said: FeedbackEntry = { ...late, content: { kind: 'correction', target: 'b' } }
    const untilMs = entries[3]!.timeMs
    expect(ids(await chosen([...entries, said], { range: { untilMs } }))).toEqual(['three', 'sure'])
  })

  it('leaves out what the dataset has, and answers without probabilities that no release contradicts', async () => {
    const samples = [{ id: 's', text: 'Nobody answers when I call your number.', label: 'a' }]
    const dataset = new Dataset({
      source: memorySamples(samples),
      input: 'text',
      target: 'label',
    }) as unknown as Dataset<unknown, unknown>
    expect(ids(await chosen(entries, { dataset }))).toEqual(['three', 'sure'])
    const bare = {
      ...answered('bare', 'something else', { a: 1 }),
      prediction: { kind: 'label', label: 'a' },
    } as FeedbackEntry
    expect(await chosen([bare])).toEqual([])
    await expect(chosen([], { count: 0 })).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it('writes tasks that Label Studio imports, with the answer as a prediction', async () => {
    const object = answered('object', { subject: 'Hello', body: 'to all' }, { a: 0.6, b: 0.4 })
    expect(labelStudioTasks(await chosen([entries[1]!, object]))).toEqual(
      [
        {
          data: { subject: 'Hello', body: 'to all', prediction: 'object' },
          meta: { disagreement: false, uncertainty: expect.closeTo(0.8, 12) },
          predictions: [
            {
              ...{ model_version: '1.0.0', score: 0.6 },
              result: [{ from_name: 'label', to_name: 'text', type: 'choices', value: { choices: ['a'] } }],
            },
          ],
        },
        expect.objectContaining({ data: { text: 'nobody answers when I call your number', prediction: 'two' } }),
      ].reverse(),
    )
  })
})
