import { expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { bootstrapCorrected, type GroupScores } from '../../src/tune/corrected-estimate.js'
import { importanceOf } from '../../src/tune/importance.js'
import { categorical, float } from '../../src/tune/index.js'
import type { StoredTrial } from '../../src/tune/trial.js'

const random = seededRandom("winner's curse")
const coins = (rows: number, chance: number): GroupScores => ({
  scores: Float64Array.from({ length: rows }, () => (random.uniform() < chance ? 1 : 0)),
  weights: new Float64Array(rows).fill(1),
})
const meanOf = ({ scores }: GroupScores) => scores.reduce((sum, score) => sum + score, 0) / scores.length

it('corrects the best of many equal models to their common accuracy', () => {
  const naive: number[] = []
  const corrected: number[] = []
  for (let seed = 0; seed < 20; seed += 1) {
    const trials = Array.from({ length: 50 }, () => coins(100, 0.5))
    naive.push(Math.max(...trials.map(meanOf)))
    corrected.push(bootstrapCorrected(trials, 'higher-is-better', seed)!.value)
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  // The highest of 50 shares out of 100 is 0.61 on average.
  expect(mean(naive)).toBeGreaterThan(0.6)
  expect(Math.abs(mean(corrected) - 0.5)).toBeLessThan(0.02)
})

it('leaves a model alone that is clearly the best', () => {
  const trials = [...Array.from({ length: 20 }, () => coins(200, 0.3)), coins(200, 0.9)]
  const estimate = bootstrapCorrected(trials, 'higher-is-better', 0)!
  expect(estimate.value).toBeCloseTo(meanOf(trials.at(-1)!), 2)
  expect(estimate.interval[0]).toBeLessThan(0.9)
  expect(estimate).toMatchObject({ trials: 21, groups: 200 })
  // The other direction prefers the others.
  expect(bootstrapCorrected(trials, 'lower-is-better', 0)!.value).toBeLessThan(0.4)
})

it('has no estimate for one group or no trial, and survives a ratio without a denominator', () => {
  expect(bootstrapCorrected([], 'higher-is-better', 0)).toBeUndefined()
  expect(bootstrapCorrected([coins(1, 0.5)], 'higher-is-better', 0)).toBeUndefined()
  const empty = { scores: new Float64Array(5), weights: new Float64Array(5) }
  expect(bootstrapCorrected([empty], 'higher-is-better', 0)).toBeUndefined()
  const partly = { scores: Float64Array.of(1, 0, 1, 0, 0), weights: Float64Array.of(1, 1, 1, 0, 0) }
  expect(bootstrapCorrected([partly], 'higher-is-better', 0)!.value).toBeGreaterThan(0.4)
})

it('finds the parameter that decides', () => {
  const space = { decides: float(0, 1), matters: float(0, 1), ignored: float(0, 1), fixed: float(1, 1) }
  const trials = Array.from({ length: 200 }, (_, number): StoredTrial => {
    const parameters = { decides: random.uniform(), matters: random.uniform(), ignored: random.uniform(), fixed: 1 }
    const value = 10 * (parameters.decides - 0.3) ** 2 + (parameters.matters - 0.5) ** 2
    return { state: 'scored', number, parameters, value }
  })
  const importance = importanceOf(space, trials, 'lower-is-better')!
  expect(importance['decides']).toBeGreaterThan(0.6)
  expect(importance['ignored']).toBeLessThan(0.15)
  expect(importance['fixed']).toBe(0)
  expect(importanceOf(space, trials.slice(0, 9), 'lower-is-better')).toBeUndefined()
  // Also one of many choices.
  const choices = Array.from({ length: 60 }, (_, choice) => choice)
  const chosen = trials.map((trial) => ({
    ...trial,
    parameters: { choice: trial.number % 60, other: random.uniform() },
    value: trial.number % 60,
  }))
  expect(
    importanceOf({ choice: categorical(choices), other: float(0, 1) }, chosen as StoredTrial[], 'lower-is-better')![
      'choice'
    ],
  ).toBeGreaterThan(0.4)
  expect(importanceOf({ fixed: float(1, 1) }, trials, 'lower-is-better')).toBeUndefined()
})
