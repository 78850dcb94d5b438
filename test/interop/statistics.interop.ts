import { randomInt } from 'node:crypto'
import { expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import {
  bcaBootstrap,
  binomialCdf,
  binomialPmf,
  binomialUpperTail,
  chiSquareTail,
  clopperPearson,
  holm,
  homogeneity,
  hypergeometricUpperTail,
  kolmogorovSmirnov,
  mcnemar,
  normalCdf,
  normalQuantile,
  sampleRatioTest,
  tango,
  wilson,
} from '../../src/statistics/index.js'
import { askPython } from './python.js'

const seed = process.env['SEED'] ?? String(randomInt(2 ** 32))
console.log(`SEED=${seed}`)
const random = seededRandom(seed)

const count = 500
const cases = <C extends readonly unknown[]>(draw: () => C): readonly C[] => Array.from({ length: count }, draw)
/** SciPy's tails are nought, or lose digits, not far below. */
const smallest = 1e-250

/** From 1 on, small and large ones alike. */
const size = (most: number) => Math.ceil(most ** random.uniform())
const confidence = () => 1 - 10 ** (-0.3 - 4 * random.uniform())
/** Of chances, also those near nought. */
const chance = () => (random.below(2) === 0 ? random.uniform() : 10 ** (-20 * random.uniform()))

/** @param tolerance relative, and below `absoluteBelow` absolute in its units. */
function compare<C extends readonly unknown[]>(
  name: string,
  given: readonly Readonly<C>[],
  ours: (...parts: C) => readonly number[],
  tolerance: number,
  absoluteBelow = 1,
): void {
  const answers = askPython('statistics.py', [name, given]) as readonly (readonly number[])[]
  let worst = { error: 0, text: '' }
  for (const [index, parts] of given.entries())
    for (const [at, value] of ours(...parts).entries()) {
      const wanted = answers[index]![at]!
      const difference = Math.abs(value - wanted)
      // Not a number is the worst of all.
      const error = value === wanted ? 0 : difference / Math.max(absoluteBelow, Math.abs(wanted))
      if (!(error <= worst.error)) worst = { error, text: `${JSON.stringify(parts)}[${at}]: ${value}, not ${wanted}` }
    }
  console.log(`${name}: ${given.length} cases, worst error ${worst.error.toExponential(1)}`)
  expect(worst.error <= tolerance, worst.text).toBe(true)
}

it('Clopper-Pearson and Wilson intervals', () => {
  const draw = () => {
    const trials = size(1e6)
    const successes = random.below(4) === 0 ? random.below(2) * trials : random.below(trials + 1)
    return [successes, trials, confidence()] as const
  }
  const interval =
    (method: typeof wilson) =>
    (...[successes, trials, confidence]: ReturnType<typeof draw>) => {
      const { lower, upper } = method({ successes, trials, confidence })
      return [lower, upper]
    }
  compare('clopperPearson', cases(draw), interval(clopperPearson), 1e-11)
  compare('wilson', cases(draw), interval(wilson), 1e-11)
})

it('exact and mid-p McNemar', () => {
  const draw = () => [size(1e5) - 1, size(1e5)] as const
  const both = (b: number, c: number) => {
    const { exact, midP } = mcnemar({ b, c })
    return [exact, midP]
  }
  compare('mcnemar', cases(draw), both, 1e-8, smallest)
})

it('Tango score and limits', () => {
  const draw = () => {
    const [b, c] = [size(1000) - 1, size(1000)]
    return [b, c, b + c + size(1000), 0.001 + 0.5 * random.uniform(), 0.9 + 0.099 * random.uniform()] as const
  }
  const ours = (...[b, c, n, margin, confidence]: ReturnType<typeof draw>) => {
    const { z, lower, upper } = tango({ b, c, n, margin, confidence })
    return [z, lower, upper]
  }
  compare('tango', cases(draw), ours, 1e-9)
})

it("Holm's correction", () => {
  const draw = () => Array.from({ length: size(60) }, () => (random.below(5) === 0 ? 0.01 : chance()))
  compare('holm', cases(draw), (...family) => holm(family), 1e-14)
})

it('binomial tails', () => {
  const draw = () => {
    const n = size(1e5)
    const p = random.uniform()
    // Near the middle, where most of the chance is, or anywhere.
    const near = Math.round(n * p + 4 * random.normal() * Math.sqrt(n * p * (1 - p)))
    return [random.below(3) === 0 ? random.below(n + 1) : Math.min(n, Math.max(0, near)), n, p] as const
  }
  const ours = (k: number, n: number, p: number) => [
    binomialCdf(k, n, p),
    binomialUpperTail(k, n, p),
    binomialPmf(k, n, p),
  ]
  compare('binomial', cases(draw), ours, 1e-9, smallest)
})

it('normal quantiles', () => {
  const draw = () => [chance(), 12 * random.uniform() - 9] as const
  compare('normal', cases(draw), (p, z) => [normalQuantile(p), normalCdf(z)], 1e-13)
})

it('χ² tails and sample ratios', () => {
  const draw = () => [100 ** (2 * random.uniform() - 1), 1 + random.below(50)] as const
  compare('chiSquareTail', cases(draw), (x, degrees) => [chiSquareTail(x, degrees)], 1e-11, smallest)
  const divided = () => {
    const shares = Array.from({ length: 2 + random.below(4) }, () => 0.1 + random.uniform())
    return [shares.map((share) => Math.round(5000 * share + 100 * random.normal())), shares] as const
  }
  const given = cases(divided)
  const ratio = (counts: readonly number[], shares: readonly number[]) => sampleRatioTest({ counts, shares })
  compare('sampleRatioTail', given, (...parts) => [ratio(...parts).p], 1e-11, smallest)
  // A count near what is expected loses digits in the difference, in both programs.
  compare('sampleRatio', given, (...parts) => [ratio(...parts).chiSquare], 1e-11)
})

it('hypergeometric tails', () => {
  const draw = () => {
    const population = size(20_000)
    const [drawn, marked] = [random.below(population + 1), random.below(population + 1)]
    return [random.below(Math.min(drawn, marked) + 1), drawn, marked, population] as const
  }
  const ours = (...[successes, drawn, marked, population]: ReturnType<typeof draw>) => [
    hypergeometricUpperTail({ successes, drawn, marked, population }),
  ]
  compare('hypergeometric', cases(draw), ours, 1e-9)
})

it('Kolmogorov–Smirnov and homogeneity', () => {
  const values = (shift: number) => Array.from({ length: size(300) }, () => random.normal() + shift)
  const drawSamples = () => [values(0), values(random.uniform())] as const
  const both = (...[one, other]: ReturnType<typeof drawSamples>) => {
    const { statistic, pValue } = kolmogorovSmirnov(one, other)
    return [statistic, pValue]
  }
  compare('kolmogorovSmirnov', cases(drawSamples), both, 1e-9)
  const drawCounts = () => {
    const counts = (length: number) => Array.from({ length }, () => 10 + random.below(1000))
    const length = 2 + random.below(20)
    return [counts(length), counts(length)] as const
  }
  const chi = (...[one, other]: ReturnType<typeof drawCounts>) => {
    const { statistic, pValue } = homogeneity({ one, other, permutations: 99 })
    return [statistic, pValue]
  }
  // With an expected count below 5 ours is no χ².
  const large = cases(drawCounts).filter(
    ([one, other]) => homogeneity({ one, other, permutations: 99 }).method === 'chi-square',
  )
  compare('homogeneity', large, chi, 1e-9)
})

it('BCa intervals, within the chance of 10,000 resamples', () => {
  const shapes = [() => random.normal(), () => -Math.log(1 - random.uniform()), () => random.uniform() ** 3]
  const given = Array.from({ length: 12 }, (_, index) => {
    const values = Array.from({ length: 20 + random.below(300) }, shapes[index % shapes.length]!)
    return [values, 0.8 + 0.15 * random.uniform()] as const
  })
  const answers = askPython('statistics.py', ['bca', given]) as readonly [number, number, number, number][]
  for (const [index, [values, confidence]] of given.entries()) {
    const { lower, upper } = bcaBootstrap({ columns: [values], confidence, seed: `${seed} ${index}` })
    const [wantedLower, wantedUpper, lowerSpread, upperSpread] = answers[index]!
    // Seven standard deviations, themselves of twenty intervals: once in 10,000 runs by chance.
    expect(Math.abs(lower - wantedLower), `case ${index}`).toBeLessThan(7 * lowerSpread)
    expect(Math.abs(upper - wantedUpper), `case ${index}`).toBeLessThan(7 * upperSpread)
  }
})
