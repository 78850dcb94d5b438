import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/store/memory/index.js'
import {
  categorical,
  float,
  int,
  readOptunaJournal,
  readStudy,
  type StudyRecord,
  type StudyTrial,
  type SuggestRequest,
  type Trial,
  toOptunaJournal,
  tpeSampler,
  tune,
} from '../../src/tune/index.js'
import { lineDataset, lineTrainer, space, squaredError } from './line-trainer.js'

const base = () => ({
  space,
  trainer: lineTrainer({}),
  dataset: lineDataset(),
  metric: squaredError,
  store: memoryStore(),
  trials: 8,
  sampler: tpeSampler({ startup: 5 }),
})

/** A study of 40 trials, as the store contains it. */
async function searched(): Promise<StudyRecord> {
  const options = { ...base(), trials: 40, seed: 9 }
  await tune(options)
  return readStudy(options.store)
}

const plain = (trials: readonly Trial<unknown>[]) => trials.map(({ runId: _, ...trial }) => trial)
const values = (trials: readonly Trial<unknown>[]) =>
  trials.flatMap((trial) => (trial.state === 'scored' ? [trial.value] : []))
const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!

/** Ends the search with what its sampler got. */
async function given(earlier: StudyRecord, options: object = {}) {
  const asked: SuggestRequest[] = []
  const warnings: string[] = []
  const sampler = {
    ...{ contract: 1 as const, name: 'asked', version: '1', describe: () => null },
    suggest(request: SuggestRequest) {
      asked.push(request)
      return undefined
    },
  }
  const log = { debug() {}, info() {}, warn: (text: string) => void warnings.push(text) }
  const searching = tune({ ...base(), ...options, sampler, earlier, log })
  await expect(searching).rejects.toMatchObject({ code: 'stage-failed' })
  return { trials: asked[0]!.trials, warnings }
}

const study = (trials: readonly Partial<StudyTrial>[]): StudyRecord => ({
  ...{ name: 'before', space },
  metric: { name: 'loss', direction: 'lower-is-better' },
  trials: trials.map(
    (trial, number) => ({ number, state: 'scored', value: 1, parameters: {}, ...trial }) as StudyTrial,
  ),
})

describe('a search that learns from an earlier study', () => {
  it('begins where the earlier one ended, and does not count its trials', async () => {
    const alone = await tune(base())
    const after = await tune({ ...base(), earlier: await searched() })
    expect(after.trials.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(median(values(after.trials))).toBeLessThan(median(values(alone.trials)) / 2)
  })

  it('learns the same from a journal of Optuna', async () => {
    const earlier = await searched()
    const journal = readOptunaJournal(toOptunaJournal(earlier))
    const one = await tune({ ...base(), earlier })
    expect(plain((await tune({ ...base(), earlier: journal })).trials)).toEqual(plain(one.trials))
  })

  it('is part of the study', async () => {
    const [options, earlier] = [base(), await searched()]
    const whole = await tune({ ...base(), trials: 10, earlier })
    await tune({ ...options, earlier })
    expect(plain((await tune({ ...options, trials: 10, earlier })).trials)).toEqual(plain(whole.trials))
    for (const other of [undefined, { ...earlier, trials: earlier.trials.slice(1) }])
      await expect(tune({ ...options, earlier: other })).rejects.toMatchObject({
        code: 'invalid-options',
        message: expect.stringContaining('its earlier study changed'),
      })
  })

  it('gives the sampler the results with a sign, and trials that have none as failed', async () => {
    const parameters = { slope: 1, bias: 0 }
    const rungs = [{ resource: 1, value: 3 }]
    const { trials, warnings } = await given(
      study([
        { parameters, value: 2 },
        { parameters: { ...parameters, more: 'x' }, state: 'failed', reason: 'no' } as Partial<StudyTrial>,
        { parameters, value: Number.POSITIVE_INFINITY },
        { parameters, state: 'pruned', value: 3, rungs },
        { parameters, state: 'pruned', value: 4 },
      ]),
    )
    expect(trials).toEqual([
      { number: -5, parameters, loss: 2 },
      { number: -4, parameters },
      { number: -3, parameters },
      { number: -2, parameters, loss: 3, prunedAt: 1 },
      { number: -1, parameters, loss: 4, prunedAt: 0 },
    ])
    expect(warnings).toEqual([])
  })

  it('leaves out trials outside of the space, and says how many', async () => {
    const wide = { rate: float(0.5, 2), layers: int(1, 3), kind: categorical(['a', 'b']) }
    const inside = { rate: 2, layers: 1, kind: 'b' }
    const outside = [
      { ...inside, rate: 2.1 },
      { ...inside, rate: '1' },
      { ...inside, rate: Number.NaN },
      { ...inside, layers: 1.5 },
      { ...inside, kind: 'c' },
      { rate: 1, layers: 1 },
      {},
    ]
    const earlier = study([...outside, inside].map((parameters) => ({ parameters })))
    const { trials, warnings } = await given(earlier, { space: wide })
    expect(trials.map(({ parameters }) => parameters)).toEqual([inside])
    expect(warnings).toEqual(['7 of 8 trials of the study "before" are outside of the space and are not used.'])
  })

  it.each([
    ['another direction', { metric: { name: 'accuracy', direction: 'higher-is-better' } }, 'higher values are better'],
    ['no trial in the space', { trials: [] }, 'none of its 0 trials'],
    [
      'trials that all failed',
      {
        trials: study([{ parameters: { slope: 1, bias: 0 }, state: 'failed', reason: 'no' } as Partial<StudyTrial>])
          .trials,
      },
      'each of its 1 trials in the space failed',
    ],
  ] as const)('refuses %s', async (_, change, fact) => {
    const earlier = { ...study([{ parameters: { slope: 1, bias: 0 } }]), ...change } as StudyRecord
    const options = { ...base(), earlier }
    await expect(tune(options)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining(fact),
    })
    // Nothing was begun.
    expect(await options.store.journals.read('tune-study')).toEqual([])
  })
})
