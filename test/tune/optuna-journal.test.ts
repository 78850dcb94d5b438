import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSheikhError } from '../../src/core/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import {
  asha,
  categorical,
  float,
  int,
  readOptunaJournal,
  readStudy,
  type StudyRecord,
  type StudyTrial,
  toOptunaJournal,
  tune,
} from '../../src/tune/index.js'
import { lineDataset, space as lineSpace, lineTrainer, squaredError } from './line-trainer.js'

const space = {
  rate: float(1e-4, 0.1, { log: true }),
  share: float(0, 1, { step: 0.25 }),
  layers: int(1, 9),
  kind: categorical(['adam', 'sgd', true, null, 3]),
}
const parameters = fc.record({
  rate: fc.double({ min: 1e-4, max: 0.1, noNaN: true }),
  share: fc.constantFrom(0, 0.25, 0.5, 0.75, 1),
  layers: fc.integer({ min: 1, max: 9 }),
  kind: fc.constantFrom(...space.kind.values),
})
const value = fc.double({ noNaN: true, min: -1e300, max: 1e300 }).filter((drawn) => !Object.is(drawn, -0))
const times = fc.option(fc.record({ startedAtMs: fc.nat(2e12), endedAtMs: fc.nat(2e12) }), { nil: {} })
const rungs = fc
  .uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 4 })
  .chain((resources) =>
    fc.tuple(
      ...resources
        .sort((one, other) => one - other)
        .map((resource) => value.map((drawn) => ({ resource, value: drawn }))),
    ),
  )
const outcome = fc.oneof(
  fc.record({ state: fc.constant('scored' as const), value, runId: fc.string() }),
  fc.record({ state: fc.constant('scored' as const), value, duplicateOf: fc.nat(5) }),
  fc.record({ state: fc.constant('pruned' as const), value, rungs }),
  fc.record({ state: fc.constant('failed' as const), reason: fc.string() }),
)
const trials = fc
  .array(fc.tuple(parameters, outcome, times), { minLength: 1, maxLength: 8 })
  .map((drawn) =>
    drawn.map(([point, ended, at], number): StudyTrial => ({ number, parameters: point, ...ended, ...at })),
  )

const record = (some: readonly StudyTrial[]): StudyRecord => ({
  ...{ name: 'a "study"\u2028', metric: { name: 'log-loss', direction: 'lower-is-better' }, space },
  trials: some,
})

describe('journals of Optuna', () => {
  it('a study reads back as it was written', () => {
    fc.assert(
      fc.property(trials, (some) => {
        const { trials: read, name, metric } = readOptunaJournal(toOptunaJournal(record(some)))
        expect({ name, metric }).toEqual({ name: 'a "study"\u2028', metric: record([]).metric })
        expect(read).toEqual(some)
      }),
    )
  })

  it('the space reads back, where Optuna can say it', () => {
    const trial: StudyTrial = {
      number: 0,
      state: 'scored',
      value: 1,
      parameters: { rate: 0.01, share: 0.5, layers: 2, kind: null },
    }
    expect(readOptunaJournal(toOptunaJournal(record([trial]))).space).toEqual(space)
    // Optuna has no logarithm with steps, and ends a range at its last value.
    const steps = { a: float(0.1, 1, { log: true, step: 0.4 }), b: int(1, 10, { log: true, step: 2 }) }
    const stepped = { ...record([{ ...trial, parameters: { a: 0.5, b: 3 } }]), space: steps }
    expect(readOptunaJournal(toOptunaJournal(stepped)).space).toEqual({
      a: float(0.1, 0.9, { step: 0.4 }),
      b: int(1, 9, { step: 2 }),
    })
  })

  it('a study of the store is written with its rungs, times and unfinished trials', async () => {
    const store = memoryStore()
    const options = { space: lineSpace, trainer: lineTrainer(), dataset: lineDataset(), metric: squaredError, store }
    const pruner = asha({ resource: 'epochs', min: 1, max: 9 })
    const { trials: found, importance } = await tune({ ...options, pruner, trials: 20, name: 'lines' })
    const study = await readStudy(store, 'lines')
    expect(study).toMatchObject({
      name: 'lines',
      metric: { name: 'squared-error', direction: 'lower-is-better' },
      resource: 'epochs',
    })
    expect(study.space).toEqual(lineSpace)
    expect(study.trials.map(({ number, state }) => [number, state])).toEqual(
      found.map(({ number, state }) => [number, state]),
    )
    expect(study.trials.every(({ startedAtMs, endedAtMs }) => startedAtMs! <= endedAtMs!)).toBe(true)
    const { resource: _, ...asked } = study
    expect(readOptunaJournal(toOptunaJournal(study))).toEqual(asked)
    // A trial that was running when the process was killed.
    const { trials: others } = readOptunaJournal(toOptunaJournal({ ...study, trials: study.trials.slice(2) }))
    expect(others).toEqual(study.trials.slice(2))
    expect(importance === undefined || Object.keys(importance).length === 2).toBe(true)
  })

  it('reads what Optuna writes step by step, and leaves out what it does', () => {
    const distribution = (low: number, high: number, name = 'FloatDistribution') =>
      JSON.stringify({ name, attributes: { step: null, low, high, log: false } })
    const set = (trial_id: number, param_name: string, param_value_internal: number, distribution: string) => ({
      op_code: 5,
      trial_id,
      param_name,
      param_value_internal,
      distribution,
    })
    const lines = [
      { op_code: 0, study_name: 'other', directions: [1] },
      { op_code: 0, study_name: 'mine', directions: [2] },
      { op_code: 0, study_name: 'mine', directions: [1] },
      { op_code: 1, study_id: 0 },
      { op_code: 2, study_id: 1, user_attr: { note: 'x' } },
      { op_code: 3, study_id: 1, system_attr: { 'study:metric_names': ['f1'] } },
      { op_code: 4, study_id: 0, datetime_start: null },
      { op_code: 4, study_id: 1, datetime_start: '2026-01-02T03:04:05.000006+00:00' },
      { op_code: 4, study_id: 1, datetime_start: null },
      { op_code: 4, study_id: 1, datetime_start: null },
      { op_code: 5, trial_id: 7, param_name: 'x', param_value_internal: 1, distribution: distribution(0, 1) },
      set(0, 'x', 0.5, distribution(0, 1)),
      set(1, 'x', 2, distribution(-1, 3)),
      set(1, 'x', 1, distribution(0, 9, 'IntDistribution')),
      set(
        1,
        '__proto__',
        1,
        JSON.stringify({ name: 'CategoricalDistribution', attributes: { choices: [null, [1, 2]] } }),
      ),
      { op_code: 7, trial_id: 0, step: 3, intermediate_value: 'NaN here' },
      { op_code: 7, trial_id: 0, step: 1, intermediate_value: 0.25 },
      { op_code: 6, trial_id: 0, state: 1, values: [0.75], datetime_complete: '2026-01-02T03:04:06.000006+00:00' },
      { op_code: 6, trial_id: 0, state: 3, values: null, datetime_complete: '2026-01-02T03:04:07.000006+00:00' },
      { op_code: 6, trial_id: 1, state: 2, values: null },
      { op_code: 10, study_id: 1 },
    ]
    const text = lines
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('')
      .replace('"NaN here"', 'NaN')
    const at = Date.UTC(2026, 0, 2, 3, 4, 5)
    expect(readOptunaJournal(`${text}{"op_code": 6, "trial_`, 'mine')).toEqual({
      ...{ name: 'mine', metric: { name: 'f1', direction: 'higher-is-better' } },
      space: Object.fromEntries([
        ['x', { ...float(-1, 3) }],
        ['__proto__', categorical([null, '[1,2]'])],
      ]),
      trials: [
        {
          ...{ number: 0, parameters: { x: 0.5 }, state: 'scored', value: 0.75, startedAtMs: at, endedAtMs: at + 1000 },
          rungs: [{ resource: 1, value: 0.25 }, { resource: 3 }],
        },
        {
          ...{ number: 1, state: 'failed', reason: 'It was ended early, before its first value.' },
          parameters: Object.fromEntries([
            ['x', 2],
            ['__proto__', '[1,2]'],
          ]),
        },
      ],
    })
  })

  it.each([
    ['nothing', '', 'no study'],
    ['no JSON', 'optuna\n', 'line 1: it is no JSON object'],
    ['a list', '[1]\n', 'line 1'],
    [
      'several studies',
      '{"op_code":0,"study_name":"a","directions":[1]}\n{"op_code":0,"study_name":"b","directions":[1]}\n',
      '2 studies: "a", "b"',
    ],
    ['two objectives', '{"op_code":0,"study_name":"a","directions":[1,2]}\n', '2 objectives'],
    ['a study without a name', '{"op_code":0,"directions":[1]}\n', 'line 1'],
    [
      'a distribution of old',
      '{"op_code":0,"study_name":"a","directions":[1]}\n{"op_code":4,"study_id":0,"params":{"x":1},"distributions":{"x":"{\\"name\\":\\"UniformDistribution\\",\\"attributes\\":{}}"}}\n',
      'line 2: the distribution of "x" is UniformDistribution',
    ],
    [
      'a choice that there is not',
      '{"op_code":0,"study_name":"a","directions":[1]}\n{"op_code":4,"study_id":0,"params":{"x":2},"distributions":{"x":"{\\"name\\":\\"CategoricalDistribution\\",\\"attributes\\":{\\"choices\\":[1]}}"}}\n',
      'no choice 2',
    ],
    [
      'a step that is no integer',
      '{"op_code":0,"study_name":"a","directions":[1]}\n{"op_code":4,"study_id":0}\n{"op_code":7,"trial_id":0,"step":"a"}\n',
      'line 3',
    ],
    [
      'a list of attributes',
      '{"op_code":0,"study_name":"a","directions":[1]}\n{"op_code":4,"study_id":0,"user_attrs":[1]}\n',
      '"user_attrs"',
    ],
  ])('refuses %s', (_name, text, fact) => {
    expect(() => readOptunaJournal(text)).toThrow(fact)
  })

  it('a complete trial without a finite value has failed, whatever it reported before', () => {
    const text = [
      '{"op_code":0,"study_name":"a","directions":[1]}',
      '{"op_code":4,"study_id":0,"state":1,"value":Infinity,"intermediate_values":{"1":0.01}}',
      '{"op_code":4,"study_id":0,"state":1,"value":1e999}',
      '{"op_code":4,"study_id":0,"state":2,"value":null,"intermediate_values":{"1":0.5}}',
      '{"op_code":4,"study_id":0,"state":2,"value":null}\n',
    ].join('\n')
    const { trials: read } = readOptunaJournal(text)
    expect(read.map(({ state }) => state)).toEqual(['failed', 'failed', 'pruned', 'failed'])
  })

  it('a trial that was added whole keeps its parameters, although their range is another', () => {
    const range = (log: boolean) =>
      JSON.stringify({ name: 'FloatDistribution', attributes: { low: 0.1, high: 1, log } })
    const added = (log: boolean) => ({
      ...{ op_code: 4, study_id: 0, state: 1, value: 1, params: { x: 0.5 }, distributions: { x: range(log) } },
    })
    const lines = [{ op_code: 0, study_name: 'a', directions: [1] }, added(false), added(true)]
    const study = readOptunaJournal(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    expect(study.trials.map(({ parameters: { x } }) => x)).toEqual([0.5, 0.5])
    expect(study.space).toEqual({ x: { kind: 'float', low: 0.1, high: 1, log: false } })
  })

  it('is read in time that grows with its length, with a message that does not', () => {
    const lines = Array.from({ length: 30_000 }, (_, at) => `{"op_code":0,"study_name":"${at}","directions":[1]}\n`)
    expect(() => readOptunaJournal(lines.join(''))).toThrow(/30000 studies: "0", .*"9", …\./)
    const note = JSON.stringify('NaN "'.repeat(3_000_000))
    const long = `{"op_code":0,"study_name":"a","directions":[1]}\n{"op_code":2,"study_id":0,"user_attr":{"note":${note}}}\n`
    expect(readOptunaJournal(long).trials).toEqual([])
  })

  it('names of studies are checked', async () => {
    await expect(readStudy(memoryStore(), 'a/b')).rejects.toThrow('Cannot use "a/b" as the name of a study')
  })

  it('refuses any other lines with an error of its own', () => {
    const part = fc.oneof(fc.constantFrom(0, 1, 2, 'length', '__proto__', null, [], {}), fc.json(), fc.string())
    const line = fc.record(
      {
        ...{
          op_code: fc.integer({ min: 0, max: 10 }),
          study_id: part,
          trial_id: part,
          study_name: part,
          directions: part,
        },
        ...{
          state: part,
          value: part,
          values: part,
          params: part,
          distributions: part,
          user_attr: part,
          user_attrs: part,
        },
        ...{ step: part, intermediate_value: part, param_name: part, param_value_internal: part, distribution: part },
        ...{ system_attr: part, datetime_start: part, datetime_complete: part, intermediate_values: part },
      },
      { requiredKeys: ['op_code'] },
    )
    const begin = '{"op_code":0,"study_name":"a","directions":[1]}\n{"op_code":4,"study_id":0}\n'
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        try {
          JSON.stringify(readOptunaJournal(begin + lines.map((one) => `${JSON.stringify(one)}\n`).join(''), 'a'))
        } catch (error) {
          expect(isSheikhError(error, 'invalid-options'), String(error)).toBe(true)
        }
      }),
    )
  })

  it('a study that the store does not have is not found', async () => {
    await expect(readStudy(memoryStore(), 'none')).rejects.toMatchObject({ code: 'not-found' })
  })
})
