import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import {
  type DriftItem,
  detectDrift,
  driftMetrics,
  levelOfLook,
  liveItems,
  referenceItems,
} from '../../src/drift/index.js'
import { type LoggedPrediction, memoryFeedback } from '../../src/feedback/index.js'
import { isWhole, largestShare, rounds } from '../whole.js'

const common = ['the', 'order', 'my', 'is', 'please', 'help', 'account', 'parcel', 'late', 'broken', 'refund', 'login']
const fresh = ['voucher', 'influencer', 'metaverse', 'drone']

/** Mails of customers. @param share of the mails with a subject that the reference does not have. */
function mails(count: number, seed: string, { share = 0, billing = 0.3 } = {}): DriftItem[] {
  const random = seededRandom(seed)
  const draw = (words: readonly string[]) => words[Math.floor(words.length * random.uniform() ** 1.5)]!
  return Array.from({ length: count }, () => {
    const words = Array.from({ length: 5 + random.below(15) }, () => draw(common))
    if (random.uniform() < share) words.splice(random.below(words.length), 2, draw(fresh), draw(fresh))
    const answer = random.uniform() < billing ? 'billing' : random.uniform() < 0.5 ? 'login' : 'shipping'
    return { input: words.join(' '), answer, confidence: 0.5 + random.uniform() / 2 }
  })
}

const reference = mails(600, 'reference')

describe('detectDrift', () => {
  it('finds nothing in equal traffic, and says how large the largest effect is', async () => {
    const report = await detectDrift({ reference, live: mails(600, 'live') })
    expect(report.status).toBe('none')
    expect(report.summary).toMatch(/^No drift in 5 tests: the largest effect is 0\.\d\d \(/)
    expect(report.tests.map(({ part, aspect }) => `${part} ${aspect}`).sort()).toEqual([
      'answer categories',
      'confidence numbers',
      'input length',
      'input unseen-words',
      'input words',
    ])
    expect(report).toMatchObject({ reference: { items: 600, compared: 600 }, live: { items: 600 }, skipped: [] })
  })

  it('finds new subjects of texts, and nothing else', async () => {
    const report = await detectDrift({ reference, live: mails(600, 'live', { share: 0.4 }) })
    expect(report.status).toBe('found')
    const found = report.tests.filter(({ isFound }) => isFound).map(({ aspect }) => aspect)
    expect(found).toContain('words')
    expect(found).toContain('unseen-words')
    expect(found).not.toContain('categories')
    expect(found).not.toContain('numbers')
  })

  it('finds other shares of labels, names them, and measures how many moved', async () => {
    const report = await detectDrift({ reference, live: mails(600, 'live', { billing: 0.6 }) })
    expect(report.status).toBe('found')
    const answer = report.tests.find(({ part }) => part === 'answer')!
    expect(answer.effect).toBeGreaterThan(0.2)
    expect(answer.effect).toBeLessThan(0.4)
    expect(answer.changes?.[0]?.value).toBe('billing')
    expect(report.summary).toMatch(/Drift found in 1 of 5 tests: answer 0\.\d\d\./)
  })

  it('does not count a significant difference that is too small', async () => {
    const of = (share: number) => Array.from({ length: 5000 }, (_, index) => ({ input: index % 100 < share ? 1 : 0 }))
    const report = await detectDrift({ reference: of(50), live: of(56) })
    expect(report.tests[0]).toMatchObject({ aspect: 'numbers', isFound: false })
    expect(report.tests[0]!.adjusted).toBeLessThan(1e-6)
    expect(report.status).toBe('none')
    expect(report.summary).toContain('the largest effect is 0.06 (input), below 0.1')
    expect((await detectDrift({ reference: of(50), live: of(56), minimumEffect: 0.05 })).status).toBe('found')
  })

  it('compares the fields of objects, and lists what it cannot compare', async () => {
    const of = (seed: string, shift: number): DriftItem[] => {
      const random = seededRandom(seed)
      return Array.from({ length: 300 }, (_, index) =>
        JSON.parse(
          `{"input":{"amount":${random.normal() + shift},"country":"${['de', 'at', 'ch'][random.below(3)]}","new":${random.below(2) === 0},"tags":["a"],"__proto__":${index}}}`,
        ),
      )
    }
    const report = await detectDrift({ reference: of('one', 0), live: of('other', 1) })
    expect(report.tests.filter(({ isFound }) => isFound).map(({ part }) => part)).toEqual(['input.amount'])
    expect(report.tests.map(({ part }) => part).sort()).toEqual([
      'input.__proto__',
      'input.amount',
      'input.country',
      'input.new',
    ])
    expect(report.skipped).toEqual([{ part: 'input.tags', reason: 'the values are lists or objects' }])
  })

  it('names answers only if they are labels of the reference', async () => {
    const of = (answers: readonly string[]) =>
      Array.from({ length: 200 }, (_, index) => ({ input: 'a', answer: answers[index % answers.length]! }))
    const changes = async (live: readonly string[], includeText = false) => {
      const report = await detectDrift({ reference: of(['yes', 'no']), live: of(live), includeText })
      return report.tests.find(({ part }) => part === 'answer')!.changes
    }
    expect(await changes(['yes'])).toBeDefined()
    expect(await changes(['yes', 'call Ada'])).toBeUndefined()
    expect(await changes(['yes', 'call Ada'], true)).toBeDefined()
  })

  it('compares the fields of the reference, however many others clients send', async () => {
    const of = (shift: number) => Array.from({ length: 200 }, (_, index) => (index % 50) + shift)
    const odd = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`a${index}`, 1]))
    const report = await detectDrift({
      reference: of(0).map((zone) => ({ input: { zone } })),
      live: of(40).map((zone) => ({ input: { zone, ...odd } })),
    })
    expect(report.tests.filter(({ isFound }) => isFound).map(({ part }) => part)).toEqual(['input.zone'])
  })

  it('does not find that all is well if nothing can be compared', async () => {
    const items = Array.from({ length: 200 }, () => ({ input: ['a list'] }))
    expect(await detectDrift({ reference: items, live: items })).toMatchObject({
      status: 'not-enough-data',
      summary: 'Not enough data: no part of the inputs and answers can be compared.',
      skipped: [{ part: 'input', reason: 'the values are lists or objects' }],
    })
  })

  it('has no text of users unless it is asked to, in the metrics neither', async () => {
    const live = mails(600, 'live', { share: 0.5 })
    const report = await detectDrift({ reference, live })
    expect(JSON.stringify(report)).not.toMatch(/influencer|metaverse|parcel/)
    expect(driftMetrics(report)).not.toMatch(/influencer|metaverse|parcel/)
    const withText = await detectDrift({ reference, live, includeText: true })
    const words = withText.tests.find(({ aspect }) => aspect === 'words')!
    expect(words.changes!.slice(0, 4).map(({ value }) => value)).toContain('voucher')
  })

  it('gives the same report for the same items and seed', async () => {
    const options = { reference, live: mails(300, 'live'), seed: 5 }
    expect(await detectDrift(options)).toEqual(await detectDrift(options))
    expect((await detectDrift({ ...options, seed: 6 })).tests).not.toEqual((await detectDrift(options)).tests)
  })

  it('compares a random sample of many items, and nothing of too few', async () => {
    const report = await detectDrift({ reference, live: mails(3000, 'live'), maximumItems: 400 })
    expect(report).toMatchObject({ live: { items: 3000, compared: 400 }, reference: { items: 600, compared: 400 } })
    expect(report.status).toBe('none')
    const few = await detectDrift({ reference, live: mails(99, 'live') })
    expect(few).toMatchObject({ status: 'not-enough-data', tests: [] })
    expect(few.summary).toBe(
      'Not enough data: there are 600 reference and 99 live items, but at least 100 of each are needed.',
    )
  })

  it('divides the level among all looks', async () => {
    const sum = Array.from({ length: 100_000 }, (_, index) => levelOfLook(0.05, index + 1)).reduce((a, b) => a + b)
    expect(sum).toBeLessThan(0.05)
    expect(sum).toBeGreaterThan(0.04999)
    const report = await detectDrift({ reference, live: mails(200, 'live'), look: 3 })
    expect(report).toMatchObject({ look: 3, level: levelOfLook(0.05, 3) })
  })

  it('can be aborted', async () => {
    const stop = new AbortController()
    async function* endless() {
      for (let index = 0; ; index += 1) {
        if (index === 10) stop.abort(new Error('enough'))
        yield { input: index }
      }
    }
    const context = callContext({ signal: stop.signal })
    await expect(detectDrift({ reference: endless(), live: [] }, context)).rejects.toThrow('enough')
  })

  it.each([
    [{ level: 0 }, /"level" is 0/],
    [{ minimumEffect: 2 }, /"minimumEffect" is 2/],
    [{ minimumItems: 3 }, /"minimumItems" is 3/],
    [{ maximumItems: 50 }, /"maximumItems" is 50/],
    [{ look: 0 }, /"look" is 0/],
  ])('refuses %j', async (options, message) => {
    await expect(detectDrift({ reference: [], live: [], ...options })).rejects.toThrow(message)
  })
})

it('reads rows of a dataset and what a server logged, by version and time', async () => {
  const rows = [
    { id: 'a', input: 'x', target: 'login', slices: {} },
    { id: 'b', input: { amount: 3 }, target: undefined, slices: {} },
  ]
  const from = async (items: AsyncIterable<DriftItem>) => {
    const all: DriftItem[] = []
    for await (const item of items) all.push(item)
    return all
  }
  expect(await from(referenceItems(rows))).toEqual([
    { input: 'x', answer: 'login' },
    { input: { amount: 3 }, answer: undefined },
  ])
  const store = memoryFeedback()
  const logged = (id: number, version: string): LoggedPrediction => ({
    ...{ kind: 'prediction', id: `p/${id}`, timeMs: id, input: `text ${id}` },
    release: { version, bundle: `sha256:${'0'.repeat(64)}` },
    prediction: { kind: 'label', label: 'login', probabilities: { login: 0.9, other: 0.1 } },
  })
  const entries = [logged(1, '1.0.0'), logged(2, '1.0.0'), logged(3, '1.1.0')]
  await store.append(
    [
      ...entries,
      { kind: 'feedback', id: 'f', prediction: 'p/1', timeMs: 2, source: 's', content: { kind: 'thumb', isUp: true } },
    ],
    callContext(),
  )
  expect(await from(liveItems(store, { version: '1.0.0', fromMs: 2 }))).toEqual([
    { input: 'text 2', answer: 'login', confidence: 0.9 },
  ])
  expect((await from(liveItems(store))).length).toBe(3)
  // A program may answer with another label than the likeliest, and with probabilities of none.
  const odd = (id: number, probabilities: Readonly<Record<string, number>>): LoggedPrediction => ({
    ...logged(id, '2.0.0'),
    prediction: { kind: 'label', label: 'login', probabilities },
  })
  await store.append([odd(4, { login: 0.2, other: 0.8 }), odd(5, {})], callContext())
  expect((await from(liveItems(store, { version: '2.0.0' }))).map(({ confidence }) => confidence)).toEqual([
    0.2,
    undefined,
  ])
})

it('writes gauges that Prometheus reads', async () => {
  const report = await detectDrift({ reference, live: mails(300, 'live', { billing: 0.9 }) })
  const text = driftMetrics(report)
  expect(text).toMatch(/^# HELP sheikh_drift_found .*\n# TYPE sheikh_drift_found gauge\nsheikh_drift_found 1\n/)
  expect(text).toMatch(/\nsheikh_drift_items\{side="live"\} 300\n/)
  expect(text).toMatch(/\nsheikh_drift_effect\{part="answer",aspect="categories"\} 0\.\d+\n/)
  expect(text.endsWith('\n')).toBe(true)
  expect(driftMetrics(await detectDrift({ reference: [], live: [] }))).toContain('sheikh_drift_found NaN\n')
})

describe('by simulation', () => {
  const count = rounds(400)
  const share = async (options: { share?: number; billing?: number }, minimumEffect: number) => {
    let found = 0
    for (let round = 0; round < count; round += 1) {
      const live = mails(300, `live ${round}`, options)
      const report = await detectDrift({
        reference: mails(300, `reference ${round}`),
        live,
        minimumEffect,
        seed: round,
      })
      if (report.status === 'found') found += 1
    }
    return found / count
  }

  it('raises false alarms no more often than the level says, also if every effect counts', async () => {
    const found = await share({}, 0)
    if (isWhole) process.stderr.write(`drift: ${found} false alarms in ${count} rounds\n`)
    expect(found).toBeLessThan(largestShare(count))
  })

  it('finds one new subject in four texts, and 15 points more of a label', async () => {
    const [subjects, labels] = [await share({ share: 0.25 }, 0.1), await share({ billing: 0.45 }, 0.1)]
    if (isWhole) process.stderr.write(`drift: power ${subjects} (subjects), ${labels} (labels) in ${count} rounds\n`)
    expect(subjects).toBeGreaterThan(0.9)
    expect(labels).toBeGreaterThan(0.7)
  })
})
