import { describe, expect, it } from 'vitest'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, improves, type LedgerEntry, noRegression, qualityGate } from '../../src/gate/index.js'
import { isBetter } from '../../src/pipeline/choose.js'
import type { PipelineOptions, RunEvent, RunResult, Stage } from '../../src/pipeline/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Trainer } from '../../src/trainer/index.js'
import { ofKind } from '../gate/of-kind.js'
import { poison, samples, world } from './harness.js'
import { twoMachines } from './two-machines.js'

const approval = { by: 'Ada', reason: 'tried by hand' }
const gate = qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin: 0.05 })])

/** Passes no candidate of these tests. */
const strict = qualityGate([improves(accuracy())], { whenInconclusive: 'hold' })

/** Learns these words wrongly, so that more words make a worse model. Counts its trainings. */
function wrongOn(...words: readonly string[]): Trainer<string, string> & { readonly fits: () => number } {
  let fits = 0
  const own = fakeTrainer({ setting: words.join() })
  return {
    ...own,
    fits: () => fits,
    fit(request, context) {
      fits += 1
      const { training } = request
      const wrong = {
        ...training,
        async *[Symbol.asyncIterator]() {
          for await (const row of training)
            yield words.includes(row.input.split(' ')[0]!)
              ? { ...row, target: row.target === 'fruit' ? 'vehicle' : 'fruit' }
              : row
        },
      }
      return own.fit({ ...request, training: wrong as typeof training }, context)
    },
  }
}

type Changes = Partial<PipelineOptions<string, string>>
const table = ({ candidates = [] }: Pick<RunResult, 'candidates'>) =>
  candidates.map(({ name, status, chosen }) => `${name} ${status}${chosen ? ' chosen' : ''}`)
const verdicts = (entries: readonly LedgerEntry[]) =>
  entries.flatMap((entry) =>
    entry.type === 'verdict' ? [`${entry.candidate} of ${entry.candidates}: ${entry.status}`] : [],
  )

describe('several candidates in one run', () => {
  it('the best that passes is released; result, record, release and ledger name them all', async () => {
    const { pipeline } = world()
    const events: RunEvent[] = []
    const three = pipeline(samples, {
      gate,
      trainer: wrongOn('apple'),
      candidates: { good: { trainer: wrongOn() }, bad: { trainer: wrongOn('apple', 'pear') } },
    })
    for (const type of ['candidate-judged', 'gate-verdict', 'train-progress'] as const)
      three.on(type, (event) => events.push(event))
    const result = await three.run()
    expect(result.status).toBe('released')
    expect(table(result)).toEqual(['trainer pass', 'good pass chosen', 'bad pass'])
    const [record] = await three.runs()
    expect(record!.candidates).toEqual(result.candidates)
    expect(record!.candidate).toMatchObject({ name: 'good', record: { trainer: { describe: { setting: '' } } } })
    expect(record!.metrics).toEqual(result.candidates![1]!.metrics)
    expect(record!.bundle).toBe(result.candidates![1]!.bundle)
    const release = (await three.current())!
    expect(release.bundle).toBe(record!.bundle)
    expect(release.record.candidates).toEqual(result.candidates)
    expect(release.record.training).toMatchObject({
      key: record!.stages.find(({ name, candidate }) => name === 'train' && candidate === 'good')!.key,
    })
    expect(verdicts(await three.ledger())).toEqual(['trainer of 3: pass', 'good of 3: pass', 'bad of 3: pass'])
    expect(events.map((event) => `${event.type} ${'candidate' in event ? event.candidate : ''}`)).toEqual([
      ...['train-progress trainer', 'train-progress good', 'train-progress bad'],
      ...['candidate-judged trainer', 'candidate-judged good', 'candidate-judged bad', 'gate-verdict '],
    ])
    // By the source key.
    expect((await three.run()).status).toBe('up-to-date')
  })

  it('are judged at the level divided by their number, in every claim that lets one through', async () => {
    const { pipeline } = world()
    await pipeline(poison('fig'), { gate }).run()
    const result = await pipeline(samples, {
      gate,
      candidates: { a: { seed: 1 }, b: { seed: 2 }, c: { trainer: wrongOn('fig') } },
    }).run()
    if (!('verdict' in result)) throw new Error(result.status)
    expect(ofKind('bound', result.verdict.findings[0]).alpha).toBe(0.05 / 4)
    expect(ofKind('comparison', result.verdict.findings[1]).alpha).toBe(0.05 / 4)
  })

  it('of equal ones the first declared is chosen', async () => {
    const { pipeline } = world()
    const result = await pipeline(samples, {
      gate,
      trainer: wrongOn('apple'),
      candidates: { one: { trainer: wrongOn() }, two: { seed: 2, trainer: wrongOn() } },
    }).run()
    expect(table(result)).toEqual(['trainer pass', 'one pass chosen', 'two pass'])
  })

  it('a better one that fails is not chosen', async () => {
    const { pipeline } = world()
    await pipeline(poison('plum'), { gate: qualityGate([atLeast(accuracy(), 0.15)]) }).run()
    // Both must improve; the first says that it is worse.
    const strict = qualityGate([improves(accuracy())])
    const result = await pipeline(samples, {
      gate: strict,
      trainer: wrongOn('apple', 'pear', 'plum'),
      candidates: { good: { trainer: wrongOn() } },
    }).run()
    expect(table(result)).toEqual(['trainer fail', 'good pass chosen'])
    expect(result.candidates![0]!.reason).toContain('worse')
  })

  it('if none passes, nothing is released, and each says why', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate }).run()
    const worse = pipeline(samples, {
      gate,
      trainer: wrongOn('apple', 'pear', 'plum'),
      candidates: { other: { trainer: wrongOn('apple', 'pear') } },
    })
    const result = await worse.run()
    expect(result).toMatchObject({ status: 'held', reason: 'fail' })
    expect(table(result)).toEqual(['trainer fail', 'other fail chosen'])
    for (const { reason } of result.candidates!) expect(reason).toMatch(/must not be released/)
    expect((await worse.history()).length).toBe(1)
  })

  it('an override releases the chosen one, and clears only that one', async () => {
    const { pipeline, clock } = world()
    await pipeline(samples, { gate }).run()
    const changes: Changes = {
      gate,
      trainer: wrongOn('apple', 'pear', 'plum'),
      candidates: { other: { trainer: wrongOn('apple', 'pear') } },
    }
    const worse = pipeline(samples, changes)
    const held = await worse.run()
    const untilMs = clock.nowMs() + 1e9
    const released = await worse.override(held.runId, { ...approval, untilMs })
    expect(released).toMatchObject({ status: 'released' })
    expect(table(released)).toEqual(['trainer fail', 'other fail chosen'])
    expect((await worse.current())!.record).toMatchObject({ candidates: held.candidates, override: { by: 'Ada' } })
    // The first is still the one that failed: alone, with a gate that asks for nothing.
    const alone = pipeline(samples, { trainer: changes.trainer!, gate: qualityGate([atLeast(accuracy(), 0.01)]) })
    expect(await alone.run()).toMatchObject({ status: 'held', reason: 'fail' })
  })

  it('an inconclusive one awaits approval, which releases it', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate }).run()
    const worse = pipeline(samples, {
      gate,
      trainer: wrongOn('apple', 'pear'),
      candidates: { small: { trainer: wrongOn('fig') } },
    })
    const open = await worse.run()
    expect(open.status).toBe('awaiting-approval')
    expect(table(open)).toEqual(['trainer fail', 'small inconclusive chosen'])
    const released = await worse.approve(open.runId, approval)
    expect(table(released)).toEqual(table(open))
    expect((await worse.current())!.record.candidate!.trainer.describe).toEqual({ setting: 'fig' })
    expect((await worse.runs())[0]!.candidates).toEqual(open.candidates)
  })

  it('the chosen one keeps its level if it is judged alone later, or among fewer', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate }).run()
    const small = wrongOn('fig')
    const levelOf = async (changes: Changes) => {
      const result = await pipeline(samples, { gate, ...changes }).run()
      if (!('verdict' in result)) throw new Error(result.status)
      return ofKind('comparison', result.verdict.findings[1]).alpha
    }
    const candidates = { small: { trainer: small }, worse: { trainer: wrongOn('apple', 'pear', 'plum') } }
    expect(await levelOf({ trainer: wrongOn('apple', 'pear'), candidates })).toBe(0.05 / 3)
    expect(await levelOf({ trainer: small })).toBe(0.05 / 3)
    const { worse } = candidates
    expect(await levelOf({ trainer: small, candidates: { worse } })).toBe(0.05 / 3)
  })

  it('each counts as a use of the evaluation set, and together they spend one level', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate }).run()
    const said: string[] = []
    const again = pipeline(samples, {
      gate,
      trainer: wrongOn('fig'),
      candidates: { a: { trainer: wrongOn('apple') }, b: { trainer: wrongOn('apple', 'pear') } },
    })
    again.on('warning', ({ message }) => said.push(message))
    const result = await again.run()
    if (!('verdict' in result)) throw new Error(result.status)
    // One of the first run, at 5 %; then one of three, at a third of it.
    expect(result.verdict.reuse).toMatchObject({ evaluationCount: 2 })
    expect(result.verdict.reuse!.falsePassChance).toBeCloseTo(0.05 + 0.05 / 3, 10)
    expect(said.filter((message) => message.includes('has judged 4 candidates'))).toHaveLength(1)
    expect(said.join()).toContain('up to 10 %')
    const limited = qualityGate([noRegression(accuracy(), { margin: 0.05 })], { maximumEvaluations: 3 })
    const worn = await pipeline(samples, { gate: limited, candidates: { c: { trainer: wrongOn('pear') } } }).run()
    expect(table(worn)).toEqual(['trainer up-to-date chosen', 'c fail'])
  })

  it('each use counts at the level of its own time, whatever limit is set later', async () => {
    const { pipeline } = world()
    const regression = noRegression(accuracy(), { margin: 0.05 })
    const open = qualityGate([atLeast(accuracy(), 0.15), regression])
    const limited = qualityGate([atLeast(accuracy(), 0.15), regression], { maximumEvaluations: 50 })
    const judge = async (own: typeof open, ...words: readonly string[]) => {
      const judging = pipeline(samples, { gate: own, trainer: wrongOn(...words) })
      const result = await judging.run()
      if (!('verdict' in result)) throw new Error(result.status)
      return { ...result.verdict.reuse!, last: (await judging.ledger()).findLast(({ type }) => type === 'verdict') }
    }
    await pipeline(samples, { gate: open }).run()
    expect((await judge(open, 'fig')).falsePassChance).toBeCloseTo(0.1, 10)
    const third = await judge(limited, 'apple', 'pear')
    expect(third).toMatchObject({ evaluationCount: 3, last: { passAlpha: 0.001 } })
    expect(third.falsePassChance).toBeCloseTo(0.101, 10)
    // The same candidate at a lower level again is still one use at the higher level.
    expect((await judge(limited, 'fig')).falsePassChance).toBeCloseTo(0.1, 10)
    const last = await judge(open, 'apple', 'pear', 'plum')
    expect(last.falsePassChance).toBeCloseTo(0.151, 10)
    expect(last.last).not.toHaveProperty('passAlpha')
  })

  it('a use counts at the level of its comparisons, whatever level the gate of a host reports', async () => {
    const { pipeline } = world()
    const own = qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin: 0.05 })])
    const claims = (passAlpha: number | undefined) => ({
      ...own,
      async decide(
        { passAlpha: ignored, ...evidence }: Parameters<typeof own.decide>[0],
        context: Parameters<typeof own.decide>[1],
      ) {
        return { ...(await own.decide(evidence, context)), passAlpha }
      },
    })
    await pipeline(samples, { gate: own }).run()
    for (const [index, passAlpha] of [0.001, undefined].entries()) {
      const candidates = { a: { trainer: wrongOn(['apple', 'plum'][index]!) } }
      const judging = pipeline(samples, {
        gate: claims(passAlpha),
        trainer: wrongOn(['fig', 'pear'][index]!),
        candidates,
      })
      const result = await judging.run()
      if (!('verdict' in result)) throw new Error(result.status)
      const uses = (await judging.ledger()).filter(({ type }) => type === 'verdict')
      expect(uses.slice(-2)).toMatchObject([{ passAlpha: 0.05 }, { passAlpha: 0.05 }])
    }
  })

  it('the current release is not compared with itself, and stays if no other is better', async () => {
    const { pipeline } = world()
    const first = await pipeline(samples, { gate }).run()
    expect(first.status).toBe('released')
    const two = pipeline(samples, { gate, candidates: { other: { trainer: wrongOn('fig') } } })
    const result = await two.run()
    expect(result).toMatchObject({ status: 'up-to-date', release: { version: '0.1.0' } })
    expect(table(result)).toEqual(['trainer up-to-date chosen', 'other inconclusive'])
    expect((await two.history()).length).toBe(1)
    expect(await two.run()).toMatchObject({ status: 'up-to-date' })
  })

  it('a withdrawn one is not judged again', async () => {
    const { pipeline } = world()
    const one = pipeline(samples, { gate, trainer: wrongOn('fig') })
    await one.run()
    const second = await pipeline(samples, { gate }).run()
    await one.rollback({ ...approval, to: '0.1.0' })
    if (second.status !== 'released') throw new Error(second.status)
    await one.rollback({ ...approval, to: second.release.version })
    const result = await pipeline(samples, {
      gate,
      trainer: wrongOn('fig'),
      candidates: { third: { trainer: wrongOn('apple') } },
    }).run()
    expect(table(result)).toEqual(['trainer withdrawn', 'third fail chosen'])
    expect(result.candidates![0]!.reason).toContain('withdrawn (tried by hand)')
  })
})

describe('what was done for several candidates is not done again', () => {
  it('after a change of the gate, and after an abort between two trainings', async () => {
    const { pipeline } = world()
    const [first, second, third] = [wrongOn(), wrongOn('apple'), wrongOn('pear')]
    const changes: Changes = { gate, trainer: first, candidates: { a: { trainer: second }, b: { trainer: third } } }
    const aborted = pipeline(samples, changes)
    const controller = new AbortController()
    aborted.on('stage-end', ({ stage, candidate }) => {
      if (stage === 'train' && candidate === 'a') controller.abort(new Error('enough'))
    })
    await expect(aborted.run({ signal: controller.signal })).rejects.toThrow('enough')
    expect(await pipeline(samples, changes).plan()).toMatchObject({ outcome: 'judge' })
    const { stages, summary } = await pipeline(samples, changes).plan()
    expect(summary).toContain('train and judge 3 candidates')
    const train = stages.find(({ stage }) => stage === 'train')!
    expect(train.action).toBe('run')
    expect(train.reason).toMatch(
      /^trainer: trained in the run .*; a: trained in the run .*; b: no earlier run is known$/,
    )
    await pipeline(samples, changes).run()
    expect([first, second, third].map((one) => one.fits())).toEqual([1, 1, 1])
    const other = pipeline(samples, {
      ...changes,
      gate: qualityGate([atLeast(accuracy(), 0.2), noRegression(accuracy(), { margin: 0.05 })]),
    })
    expect((await other.plan()).summary).toContain('judge the 3 models that are trained already')
    const again = await other.run()
    expect([first, second, third].map((one) => one.fits())).toEqual([1, 1, 1])
    expect(table(again)).toEqual(['trainer up-to-date chosen', 'a fail', 'b fail'])
  })

  it('a release is reproduced as the candidate that it was', async () => {
    const { pipeline } = world()
    const changes: Changes = { gate, trainer: wrongOn('apple'), candidates: { good: { trainer: wrongOn(), seed: 5 } } }
    await pipeline(samples, changes).run()
    expect(await pipeline(samples, changes).reproduce()).toMatchObject({ status: 'reproduced' })
    // The same trainer with another seed is not how it was made.
    const other: Changes = { ...changes, candidates: { good: { trainer: wrongOn(), seed: 6 } } }
    expect(await pipeline(samples, other).reproduce()).toMatchObject({
      status: 'not-reproduced',
      difference: { path: 'seed', before: 5, after: 6 },
    })
  })
})

describe('a run that ends between two verdicts', () => {
  it('leaves one verdict for each that was judged, and the next run adds the others', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate }).run()
    const changes: Changes = {
      trainer: wrongOn('apple', 'pear'),
      candidates: { a: { trainer: wrongOn('pear') }, b: { trainer: wrongOn('plum') } },
    }
    let asked = 0
    const failing: typeof gate = {
      ...gate,
      decide(evidence, context) {
        asked += 1
        if (asked === 2) throw new Error('the power is gone')
        return gate.decide(evidence, context)
      },
    }
    await expect(pipeline(samples, { ...changes, gate: failing }).run()).rejects.toThrow('the power is gone')
    const [ended] = await pipeline(samples, changes).runs()
    expect(ended!.candidate?.name).toBe('a')
    expect(ended).not.toHaveProperty('verdict')
    const next = pipeline(samples, { ...changes, gate })
    const result = await next.run()
    expect(verdicts(await next.ledger()).slice(1)).toEqual(['trainer of 3: fail', 'a of 3: fail', 'b of 3: fail'])
    expect((await next.runs())[0]!.stages.filter(({ name, cached }) => name === 'train' && cached)).toHaveLength(3)
    expect('verdict' in result && result.verdict.reuse!.evaluationCount).toBeLessThanOrEqual(4)
  })
})

describe('stages of the host and several candidates', () => {
  it('one that writes the candidate runs for each, one that observes runs for the chosen one', async () => {
    const { pipeline } = world()
    const ran: string[] = []
    const stage = (name: string, parts: Pick<Stage, 'reads' | 'writes'>): Stage => ({
      ...{ contract: 1, name, version: '1', describe: () => null },
      ...parts,
      async run(input) {
        const made = input.candidate?.value.trainer.describe as { readonly setting: string } | undefined
        ran.push(`${name} ${made?.setting}`)
        return { value: `${name} ${made?.setting}`, ...(parts.writes && { files: input.candidate!.files }) }
      },
    })
    const result = await pipeline(samples, {
      gate,
      trainer: wrongOn('apple'),
      candidates: { good: { trainer: wrongOn('fig') }, bad: { trainer: wrongOn('pear') } },
      stages: [
        stage('look', { reads: ['dataset'] }),
        stage('sign', { reads: ['candidate'], writes: 'candidate' }),
        stage('note', { reads: ['candidate'] }),
        stage('tell', { reads: ['candidate', 'evaluations', 'verdict', 'release'] }),
      ],
    }).run()
    expect(result.status).toBe('released')
    expect(ran).toEqual(['look undefined', 'sign apple', 'sign fig', 'sign pear', 'note fig', 'tell fig'])
    if (result.status === 'released') expect(result.release.record.stages).toMatchObject({ sign: 'sign fig' })
  })
})

describe('several candidates on two machines', () => {
  it('the machine that releases judges the chosen one at the same level, and counts all', async () => {
    const { onGpu, onHosted, folder } = await twoMachines()
    const changes: Changes = { gate, trainer: wrongOn('apple'), candidates: { good: { trainer: wrongOn() } } }
    const run = await onGpu(samples, changes).run({ until: 'verdict' })
    expect(run.status).toBe('awaiting-release')
    expect(table(run)).toEqual(['trainer pass', 'good pass chosen'])
    const directory = `${folder}/run`
    await onGpu(samples, changes).exportRun(run.runId, { directory })
    const hosted = onHosted(samples, changes)
    const released = await hosted.release({ directory })
    expect(released.status).toBe('released')
    expect(table(released)).toEqual(['trainer elsewhere', 'good pass chosen'])
    expect((await hosted.ledger())[0]).toMatchObject({ candidate: 'good', candidates: 2, unlisted: 1 })
    if (!('verdict' in released)) throw new Error(released.status)
    expect(ofKind('bound', released.verdict.findings[0]).alpha).toBe(0.025)
    const next = await hosted.run()
    expect(next.status).toBe('up-to-date')
    // Two of before: the next is the third.
    const third = await onHosted(samples, { gate, trainer: wrongOn('fig') }).run()
    expect('verdict' in third && third.verdict.reuse).toMatchObject({ evaluationCount: 3 })
  })

  it('counts the others of each run, also if it chooses the same candidate again', async () => {
    const { onGpu, onHosted, folder } = await twoMachines()
    await onHosted(samples, { gate, trainer: wrongOn('apple', 'fig') }).run()
    const use = async (directory: string, word: string, whole: boolean) => {
      const candidates = {
        other: { trainer: wrongOn('apple', word) },
        ...(whole && { more: { trainer: wrongOn('apple', 'plum', word) } }),
      }
      const changes: Changes = { gate: strict, trainer: wrongOn('apple'), candidates }
      const { runId } = await onGpu(samples, changes).run({ until: 'verdict' })
      await onGpu(samples, changes).exportRun(runId, { directory: `${folder}/${directory}` })
      const result = await onHosted(samples, changes).release({ directory: `${folder}/${directory}` })
      expect(result).toMatchObject({ status: 'held' })
      return 'verdict' in result ? result.verdict.reuse : undefined
    }
    // One use before, then a run of two candidates, and one of three that chooses the same one.
    expect(await use('first', 'pear', false)).toMatchObject({
      evaluationCount: 3,
      falsePassChance: expect.closeTo(0.1),
    })
    const [second, again] = [await use('second', 'car', true), await use('third', 'car', true)]
    expect(second).toMatchObject({ evaluationCount: 5, falsePassChance: expect.closeTo(0.1 + 2 * (0.05 / 3)) })
    expect(again).toEqual(second)
  })
})

describe('a record of a run that was changed', () => {
  it.each([['bad'], ['trainer'], [undefined]])('to name the candidate %s is refused', async (name) => {
    const { pipeline, store } = world()
    const two = pipeline(samples, { gate, trainer: wrongOn('apple'), candidates: { good: { trainer: wrongOn() } } })
    const { runId } = await two.run({ until: 'verdict' })
    const { candidate, ...record } = (await two.runRecord(runId))!
    const changed = { ...record, candidate: { ...candidate!, name } }
    await store.runs.write(runId, JSON.parse(JSON.stringify(changed)))
    await expect(two.release({ runId })).rejects.toMatchObject({ code: 'artifact-corrupt' })
    expect(await two.history()).toEqual([])
  })
})

describe('candidates that cannot be', () => {
  it.each([
    [{ 'No name': { seed: 1 } }, /a name has 1 to 40/],
    [{ '': { seed: 1 } }, /a name has 1 to 40/],
    [{ trainer: { seed: 1 } }, /"trainer"/],
    [{ a: {} }, /it is trained as "trainer" is/],
    [{ a: { seed: 1 }, b: { seed: 1 } }, /it is trained as "a" is/],
    [{ a: { seed: 0.5 } }, /whole number/],
    [{ a: { seed: Number.NaN } }, /whole number/],
    [
      Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`c${index}`, { seed: index + 1 }])),
      /100 is the most/,
    ],
  ] as const)('%j', (candidates, message) => {
    expect(() => world().pipeline(samples, { candidates })).toThrow(message)
  })

  it('the same trainer without a version and with the same seed is refused, and another one is not', () => {
    const unversioned = () => ({ ...wrongOn(), version: undefined })
    const [trainer, other] = [unversioned(), unversioned()]
    expect(() => world().pipeline(samples, { trainer, candidates: { a: {} } })).toThrow(/it is trained as "trainer"/)
    const twice = { a: { trainer: other }, b: { trainer: other } }
    expect(() => world().pipeline(samples, { trainer, candidates: twice })).toThrow(/it is trained as "a"/)
    expect(() => world().pipeline(samples, { trainer, candidates: { a: { trainer: other } } })).not.toThrow()
  })

  it('none further changes nothing', async () => {
    const keyOf = async (changes: Changes) => {
      const one = world().pipeline(samples, changes)
      await one.run()
      const [record] = await one.runs()
      return [record!.sourceKey, record!.source, Object.keys(record!)]
    }
    expect(await keyOf({ candidates: {} })).toEqual(await keyOf({}))
    expect((await keyOf({ candidates: { a: { seed: 1 } } }))[0]).not.toBe((await keyOf({}))[0])
  })
})

it('a value that is not a number is worse than any number, whichever is declared first', () => {
  const of = (value: number | null | undefined) => ({
    noted: { metrics: value === undefined ? {} : { accuracy: value } },
  })
  for (const none of [Number.NaN, null, undefined, Number.POSITIVE_INFINITY]) {
    expect(isBetter(of(0.1), of(none), gate)).toBe(true)
    expect(isBetter(of(none), of(0.1), gate)).toBe(false)
    expect(isBetter(of(none), of(none), gate)).toBe(false)
  }
})
