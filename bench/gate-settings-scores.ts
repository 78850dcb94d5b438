import type { Random } from '../src/core/index.js'
import { pairScores } from './gate-drawn.js'
import { margin, type Setting } from './gate-settings-groups.js'

const counts = [20, 30, 50, 100, 300]

/**
 * Scores between 0 and 1. The candidate loses the margin on few items alone; an equal candidate is worse by the margin on
 * all items but those on which the baseline collapses.
 */
export function boundedSettings(): readonly Setting[] {
  return [...collapses([0, 1]), ...smooth()]
}

function smooth(): readonly Setting[] {
  return [20, 50, 100, 300, 500].map((n) => ({
    name: `${n} scores with noise of 0.1`,
    draw: (random, change) => {
      const base = Float64Array.from({ length: n }, () => 0.3 + 0.4 * random.uniform())
      return pairScores(
        base.map((score) => score + change + 0.35 * (random.uniform() - 0.5)),
        base,
        [0, 1],
      )
    },
  }))
}

function collapses(range: readonly [number, number] | undefined): readonly Setting[] {
  return counts.flatMap((n) =>
    [0.0203, 0.05].map((rate) => ({
      name: `${n} scores of 0.98, ${100 * rate} % collapse`,
      draw: (random: Random, change: number) => {
        // Lost per collapse, so that the mean loss is the margin.
        const depth = margin / rate
        const base = Float64Array.from({ length: n }, () => 0.98 + random.uniform() / 100)
        const other = base.map((score) =>
          random.uniform() < rate ? score - depth : score + (random.uniform() - 0.5) / 250,
        )
        return change === 0
          ? pairScores(
              base.map((score) => score - margin),
              other,
              range,
            )
          : pairScores(other, base, range)
      },
    })),
  )
}

/** Losses per item, with the mean 1. */
const losses: Readonly<Record<string, (random: Random) => number>> = {
  'log-normal, s = 2': (random) => Math.exp(2 * random.normal() - 2),
  'log-normal, s = 1': (random) => Math.exp(random.normal() - 0.5),
  exponential: (random) => -Math.log(1 - random.uniform()),
  't with 2 degrees of freedom': (random) => 1 + (2 * random.normal()) / Math.sqrt(-Math.log(1 - random.uniform())),
  normal: (random) => 1 + 3 * random.normal(),
}

/** Scores whose differences have no bound; for an equal candidate the same losses are gains, and all items lose their mean. */
export function unboundedSettings(): readonly Setting[] {
  return [
    ...collapses(undefined),
    ...Object.entries(losses).flatMap(([name, loss]) =>
      counts.map((n) => ({
        name: `${n} scores, ${name}`,
        draw(random: Random, change: number) {
          const lost = Float64Array.from({ length: n }, () => margin * loss(random))
          const base = new Float64Array(n).fill(margin)
          return pairScores(
            lost.map((one) => (change === 0 ? one : margin - one)),
            base,
            undefined,
          )
        },
      })),
    ),
  ]
}
