// What the gate's decisions are worth: error rates by exact enumeration over every outcome, and by simulation.
import { execFileSync } from 'node:child_process'
import { callContext, seededRandom } from '../src/core/index.js'
import { accuracy } from '../src/evaluation/index.js'
import { noRegression, qualityGate } from '../src/gate/index.js'
import { bcaBootstrap, mcnemar, planNonInferiority } from '../src/statistics/index.js'
import { evaluationOf, evidenceOf } from '../src/testing/evidence.js'
import { interopPython } from '../test/interop/python.js'
import { type BenchRow, interleaved, median, peakMemoryMb } from './bench.js'
import { limitOf, type Rates, simulateFamilies } from './gate-groups.js'
import { simulateMajority } from './gate-majority.js'
import { simulateReuse } from './gate-reuse.js'

const margin = 0.02
const simulations = 20_000
const slicesAtOnce = 20
/** Per setting. */
const groupSimulations = 1000

/** What `--rows` takes. A loaded machine disturbs `speed` alone; `simulations` give the same numbers everywhere. */
export const parts = {
  simulations: async (): Promise<readonly BenchRow[]> => [
    falsePasses(),
    falseFails(),
    table(),
    familyWise(),
    reuse(),
    await majority(),
    ...groupsAndScores(),
  ],
  speed: async (): Promise<readonly BenchRow[]> => [await decisions(), ...(await bootstrap()), bigMcnemar()],
}

const row = (parts: Pick<BenchRow, 'work' | 'ours' | 'peer' | 'peerName' | 'unit' | 'goal' | 'met'>): BenchRow => ({
  ...parts,
  ratio: parts.peer / parts.ours,
  peakMemoryMb: peakMemoryMb(),
})

/** A candidate that is worse by exactly the margin. */
function falsePasses(): BenchRow {
  let worst = 0
  let alone = 0
  for (const n of [149, 200, 300, 500, 1000])
    for (const discordance of [0.02, 0.021, 0.03, 0.05, 0.1, 0.2, 0.35, 0.5]) {
      const options = { n, discordance, trueDifference: -margin, margin }
      worst = Math.max(worst, planNonInferiority(options).pass)
      alone = Math.max(alone, planNonInferiority({ ...options, engine: 'score' }).pass)
    }
  return row({
    work: 'false pass at the margin, worst of 40 settings, exact',
    ours: 100 * worst,
    peer: 100 * alone,
    peerName: 'the score test alone',
    unit: '%',
    goal: 'at most 5 %',
    met: worst <= 0.05,
  })
}

/** A candidate of the same quality. */
function falseFails(): BenchRow {
  let worst = 0
  let naive = 0
  for (const n of [20, 67, 68, 100, 149, 300, 500, 1000])
    for (const discordance of [0.02, 0.05, 0.1, 0.2, 0.35, 0.5]) {
      worst = Math.max(worst, planNonInferiority({ n, discordance, margin }).fail)
      naive = Math.max(naive, naiveFail(n, discordance))
    }
  return row({
    work: 'false fail at no change, worst of 48 settings, exact',
    ours: 100 * worst,
    peer: 100 * naive,
    peerName: '"at least as good as the baseline"',
    unit: '%',
    goal: 'at most 5.1 %',
    met: worst <= 0.051,
  })
}

/** The chance that c < b where both are as likely: half of what is no tie. */
function naiveFail(n: number, discordance: number): number {
  let tie = 0
  for (let total = 0; total <= n; total += 2) tie += binomial(total, n, discordance) * binomial(total / 2, total, 0.5)
  return (1 - tie) / 2
}

function binomial(k: number, n: number, p: number): number {
  let logarithm = k * Math.log(p) + (n - k) * Math.log(1 - p)
  for (let index = 1; index <= k; index += 1) logarithm += Math.log((n - k + index) / index)
  return Math.exp(logarithm)
}

/** The cells of the table that this project was specified by: pass, fail and inconclusive, at a discordance of 10 %. */
function table(): BenchRow {
  const cells: readonly (readonly [change: number, n: number, pass: string, fail: string, open: string])[] = [
    [0, 100, '14.7', '4.2', '81.0'],
    [0, 500, '39.8', '4.9', '55.3'],
    [0, 2000, '87.8', '5.0', '7.2'],
    [-0.02, 500, '4.9', '40.7', '54.4'],
    [-0.05, 100, '0.5', '45.3', '54.3'],
    [-0.05, 500, '0.0', '97.8', '2.2'],
  ]
  let differ = 0
  for (const [trueDifference, n, ...wanted] of cells) {
    const { pass, fail, inconclusive } = planNonInferiority({
      n,
      discordance: 0.1,
      trueDifference,
      margin,
      engine: 'score',
    })
    const found = [pass, fail, inconclusive].map((chance) => (100 * chance).toFixed(1))
    differ += found.filter((digits, index) => digits !== wanted[index]).length
  }
  const alike = 3 * cells.length - differ
  return {
    ...row({
      work: 'power table of the specification: cells that agree to the printed digit',
      ours: alike,
      peer: 3 * cells.length,
      peerName: 'all of them',
      unit: 'cells',
      goal: 'all',
      met: differ === 0,
    }),
    ratio: alike / (3 * cells.length),
  }
}

/** Twenty slices of 100 items each, discordance 10 %, no change: how often any of them fails a release. */
function familyWise(): BenchRow {
  const random = seededRandom('family-wise')
  let holm = 0
  let naive = 0
  for (let simulation = 0; simulation < simulations; simulation += 1) {
    let smallest = 1
    for (let slice = 0; slice < slicesAtOnce; slice += 1) {
      let [b, c] = [0, 0]
      for (let item = 0; item < 100; item += 1) {
        const draw = random.uniform()
        if (draw < 0.05) b += 1
        else if (draw < 0.1) c += 1
      }
      if (b > c) smallest = Math.min(smallest, mcnemar({ b, c }).midP)
    }
    // Holm's first step decides whether there is any failure at all.
    if (smallest * slicesAtOnce <= 0.05) holm += 1
    if (smallest <= 0.05) naive += 1
  }
  return row({
    work: `any false fail over ${slicesAtOnce} slices, ${simulations.toLocaleString('en')} simulations`,
    ours: (100 * holm) / simulations,
    peer: (100 * naive) / simulations,
    peerName: 'no correction',
    unit: '%',
    goal: 'at most 5 %',
    met: holm / simulations <= 0.05,
  })
}

/** Fifty releases on one set of 725 items, discordance 4 %, each worse than the best by the margin. */
function reuse(): BenchRow {
  const { limited, unlimited } = simulateReuse({ simulations, candidates: 50, items: 725, discordance: 0.04, margin })
  return row({
    work: `any of 50 bad candidates let through by one set, ${simulations.toLocaleString('en')} simulations`,
    ours: 100 * limited,
    peer: 100 * unlimited,
    peerName: '5 % for each',
    unit: '%',
    goal: 'at most 5 %',
    met: limited <= 0.05,
  })
}

/** A model that is exactly as good as always giving the most frequent label. */
async function majority(): Promise<BenchRow> {
  const { settings, ours, setting, boundAlone } = await simulateMajority(groupSimulations)
  const limit = limitOf(settings, groupSimulations)
  return row({
    work: `no better than the most frequent label: false pass, worst of ${settings} settings (${setting})`,
    ours: 100 * ours,
    peer: 100 * boundAlone,
    peerName: 'the lower bound alone',
    unit: '%',
    goal: `5 % and simulation error: at most ${(100 * limit).toFixed(1)} %`,
    met: ours <= limit,
  })
}

/** Groups and skewed scores, beside the usual tests: both errors in the worst setting of each family, and all rates in its last. */
function groupsAndScores(): readonly BenchRow[] {
  const rowOf = (work: string, rates: Rates, goal: string, met: boolean): BenchRow => ({
    ...row({
      work: `${work} (${rates.setting})`,
      ours: 100 * rates.ours,
      peer: 100 * rates.robust,
      peerName: `cluster-robust t-test by group; paired z-test by item: ${(100 * rates.usual).toFixed(1)} %`,
      unit: '%',
      goal,
      met,
    }),
    ratio: rates.robust / Math.max(rates.ours, 1 / groupSimulations),
  })
  const errorOf = (work: string, rates: Rates, settings: number) => {
    const limit = limitOf(settings, groupSimulations)
    const goal = `5 % and simulation error: at most ${(100 * limit).toFixed(1)} %`
    return rowOf(settings === 1 ? work : `${work}, worst of ${settings} settings`, rates, goal, rates.ours <= limit)
  }
  return simulateFamilies(groupSimulations).flatMap(({ family, settings, falsePass, falseFail, last }) => [
    errorOf(`${family}: false pass at the margin`, falsePass, settings),
    errorOf(`${family}: false fail at no change`, falseFail, settings),
    {
      ...rowOf(`${family}: an equal model passes`, last.power, 'none: the price of the error rates above', true),
      ratio: last.power.ours / last.power.robust,
    },
    errorOf(`${family}: false pass at the margin`, last.falsePass, 1),
    errorOf(`${family}: false fail at no change`, last.falseFail, 1),
  ])
}

async function decisions(): Promise<BenchRow> {
  const items = 1_000_000
  const slices = { kind: Array.from({ length: items }, (_, index) => `s${index % slicesAtOnce}`) }
  const answers = (model: string, wrong: number) =>
    evaluationOf({
      model,
      scores: Array.from({ length: items }, (_, index) => ((index * 7919) % 1009 < wrong ? 0 : 1)),
      slices,
    })
  const evidence = evidenceOf(answers('new', 52), answers('old', 50))
  const gate = qualityGate([noRegression(accuracy())])
  const times: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const startedMs = performance.now()
    await gate.decide(evidence, callContext())
    times.push(performance.now() - startedMs)
  }
  const ours = median(times)
  return row({
    work: `one million right or wrong items × ${slicesAtOnce} slices`,
    ours,
    peer: 2000,
    peerName: 'the limit',
    unit: 'ms',
    goal: 'under 2 s',
    met: ours < 2000,
  })
}

/** Needs SciPy: that of `npm run setup:interop`, of the python3 on the path, or of the one that PYTHON names. */
async function bootstrap(): Promise<readonly BenchRow[]> {
  const values = Array.from({ length: 10_000 }, (_, index) => Math.sin(index * 7.7))
  const time = async () => {
    const startedMs = performance.now()
    bcaBootstrap({ columns: [values] })
    return performance.now() - startedMs
  }
  const python = process.env['PYTHON'] ?? interopPython() ?? 'python3'
  const program = `
import time, numpy as np
from scipy import stats
values = np.sin(np.arange(10000) * 7.7)
started = time.perf_counter()
stats.bootstrap((values,), np.mean, n_resamples=10000, method="BCa", batch=500, random_state=np.random.default_rng(0))
print((time.perf_counter() - started) * 1000)
`
  const scipy = async () =>
    Number(execFileSync(python, ['-c', program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    await scipy()
  } catch {
    console.log(`Skipped: BCa beside SciPy, since "${python}" has no SciPy. Make one that has: npm run setup:interop`)
    return []
  }
  const { ours, peer } = await interleaved(5, time, scipy)
  return [
    row({
      work: 'BCa interval, 10,000 items × 10,000 resamples',
      ours,
      peer,
      peerName: 'scipy.stats.bootstrap',
      unit: 'ms',
      goal: 'under 1 s, and 5 times SciPy',
      met: ours < 1000 && peer / ours >= 5,
    }),
  ]
}

function bigMcnemar(): BenchRow {
  const times: number[] = []
  for (let round = 0; round < 21; round += 1) {
    const startedMs = performance.now()
    const { exact } = mcnemar({ b: 500_500 + round, c: 499_500 })
    if (!(exact > 0 && exact < 1)) throw new Error(`McNemar at a million pairs gave ${exact}.`)
    times.push(performance.now() - startedMs)
  }
  const ours = median(times)
  return row({
    work: 'exact McNemar at a million discordant pairs',
    ours,
    peer: 10,
    peerName: 'the limit',
    unit: 'ms',
    goal: 'under 10 ms',
    met: ours < 10,
  })
}
