import { expect, it } from 'vitest'
import { tpeSampler } from '../../src/tune/index.js'
import { bestSoFar, branin, centres, hartmann6, median, slopes } from '../tune/functions.js'
import { askPython } from './python.js'

const seeds = 20

it('finds minima as low as those of Optuna: medians over 20 seeds of 100 trials', () => {
  const answer = askPython('tune.py', { seeds, trials: 100, slopes, centres }) as Record<string, number[]>
  for (const of of [branin, hartmann6]) {
    const ours = median(Array.from({ length: seeds }, (_, seed) => bestSoFar(of, tpeSampler(), seed)[99]!))
    const optuna = median(answer[of.name]!)
    console.log(`${of.name}: ${ours.toFixed(4)}, Optuna ${optuna.toFixed(4)}, minimum ${of.minimum}`)
    // At most 5 % worse.
    expect(ours).toBeLessThanOrEqual(optuna + 0.05 * Math.abs(optuna))
  }
})
