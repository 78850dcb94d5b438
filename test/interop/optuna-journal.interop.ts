// Studies as journal files of Optuna: what it reads of ours, and what we read of its.
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { memoryStore } from '../../src/store/memory/index.js'
import {
  asha,
  bestTrials,
  readOptunaJournal,
  readStudy,
  type StudyTrial,
  toOptunaJournal,
  tune,
} from '../../src/tune/index.js'
import { lineDataset, lineTrainer, space, squaredError } from '../tune/line-trainer.js'
import { askPython } from './python.js'

interface Said {
  readonly name: string
  readonly direction: 'MINIMIZE' | 'MAXIMIZE'
  readonly metric: readonly string[]
  readonly best: number
  readonly trials: readonly {
    readonly number: number
    readonly state: string
    readonly value: number | null
    readonly parameters: object
    readonly intermediate: Readonly<Record<string, number | null>>
    readonly seconds: number | null
    readonly attributes: object
  }[]
}

const folder = mkdtempSync(join(tmpdir(), 'sheikh-optuna-'))
afterAll(() => rmSync(folder, { recursive: true }))

const states = { scored: 'COMPLETE', pruned: 'PRUNED', failed: 'FAIL' } as const
const rungsOf = ({ rungs = [] }: StudyTrial) =>
  Object.fromEntries(rungs.map(({ resource, value }) => [String(resource), value ?? null]))

it('Optuna reads our study', async () => {
  const store = memoryStore()
  const trainer = ({ slope, bias, epochs }: { slope: number; bias: number; epochs: number }) => {
    if (slope > 3) throw new RangeError('too steep')
    return lineTrainer()({ slope, bias, epochs })
  }
  const pruner = asha({ resource: 'epochs', min: 1, max: 9 })
  await tune({ space, trainer, pruner, dataset: lineDataset(), metric: squaredError, store, trials: 30 })
  const study = await readStudy(store)
  const path = join(folder, 'ours.log')
  writeFileSync(path, toOptunaJournal(study))
  const said = askPython('optuna-journal.py', { read: path, study: 'study' }) as Said
  expect(said).toMatchObject({ direction: 'MINIMIZE', metric: ['squared-error'], best: bestTrials(study)[0]!.number })
  expect(new Set(study.trials.map(({ state }) => state))).toEqual(new Set(['scored', 'pruned', 'failed']))
  for (const [index, trial] of study.trials.entries()) {
    const { state, parameters, startedAtMs, endedAtMs } = trial
    expect(said.trials[index]).toMatchObject({
      ...{ state: states[state], value: state === 'failed' ? null : trial.value, parameters },
      // Of a failed trial, the last training has no value.
      intermediate: rungsOf({ ...trial, rungs: trial.rungs?.filter(({ value }) => value !== undefined) }),
      seconds: startedAtMs === undefined ? null : (endedAtMs! - startedAtMs) / 1000,
    })
  }
})

it('we read a study of Optuna', () => {
  const path = join(folder, 'theirs.log')
  const seed = Number(process.env['SEED'] ?? randomInt(2 ** 32))
  console.log(`SEED=${seed}`)
  const said = askPython('optuna-journal.py', { write: path, study: 'ours', seed }) as Said
  const study = readOptunaJournal(readFileSync(path, 'utf8'), 'ours')
  expect(study).toMatchObject({ name: 'ours', metric: { name: 'f1', direction: 'higher-is-better' } })
  expect(study.space).toEqual({
    rate: { kind: 'float', low: 1e-4, high: 0.1, log: true },
    share: { kind: 'float', low: 0, high: 1, step: 0.25, log: false },
    layers: { kind: 'int', low: 1, high: 9, step: 2, log: false },
    kind: { kind: 'categorical', values: ['adam', null, true, 3, 0.5] },
    momentum: { kind: 'float', low: 0, high: 1, log: false },
  })
  expect(bestTrials(study)[0]!.number).toBe(said.best)
  const finished = said.trials.filter(({ state }) => Object.values(states).includes(state as 'FAIL'))
  expect(finished).toHaveLength(40)
  for (const [index, { number, state, value, parameters, intermediate }] of finished.entries()) {
    const trial = study.trials[index]!
    expect(trial).toMatchObject({ number, parameters })
    expect(rungsOf(trial)).toEqual(intermediate)
    if (trial.state === 'scored') expect([state, value]).toEqual(['COMPLETE', trial.value])
    // Optuna prunes without a value, or with the last one.
    else if (trial.state === 'pruned') expect(state).toBe('PRUNED')
    else expect([state, value]).toEqual([state === 'PRUNED' ? 'PRUNED' : 'FAIL', null])
  }
})
