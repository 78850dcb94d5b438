// How often a live test that is read again and again stops an equal treatment, and how often it finds a worse one, by
// simulation. The same numbers on every machine.
import { seededRandom } from '../src/core/index.js'
import { tracked } from '../src/experiment/index.js'
import { judgeDivision, judgeMetrics } from '../src/experiment/judge.js'
import { planOf } from '../src/experiment/plan.js'
import { Tally } from '../src/experiment/tally.js'
import type { ExperimentPlace } from '../src/feedback/index.js'
import { meanDifferenceSequence, normalCdf, sampleRatioTest } from '../src/statistics/index.js'
import { type BenchRow, peakMemoryMb } from './bench.js'

const simulations = 1000
const units = 2000
/** Units between two looks. */
const step = 50

type Variant = ExperimentPlace['variant']
type Draw = (random: ReturnType<typeof seededRandom>, variant: Variant) => readonly number[]

interface Rates {
  readonly ours: number
  readonly peer: number
}

interface Setting {
  readonly kind: 'binary' | 'mean'
  readonly draw: Draw
  /** Whether the peer stops at this look. */
  readonly peer: (values: Readonly<Record<Variant, readonly number[]>>) => boolean
  readonly lost?: number
  readonly found?: 'worse' | 'mismatch'
}

/** The shares of simulations that stop at any look. */
function simulate(name: string, { kind, draw, peer, lost = 0, found = 'worse' }: Setting): Rates {
  const random = seededRandom(name)
  const metric = tracked('value', { kind })
  const plan = planOf({ name: 'bench', control: '1.0.0', treatment: '2.0.0', metric })
  const stopped = { ours: 0, peer: 0 }
  for (let simulation = 0; simulation < simulations; simulation += 1) {
    const tally = new Tally('bench', plan.metrics)
    const values: Record<Variant, number[]> = { control: [], treatment: [] }
    const does = { ours: false, peer: false }
    for (let unit = 1; unit <= units && !(does.ours && does.peer); unit += 1) {
      const variant = random.uniform() < 0.5 ? 'treatment' : 'control'
      if (variant === 'treatment' && random.uniform() < lost) continue
      const place = { name: 'bench', unit: String(unit), variant, step: 0 } as const
      tally.add({ kind: 'exposure', id: '', timeMs: 0, experiment: place })
      for (const value of draw(random, variant)) {
        tally.add({ kind: 'outcome', id: '', timeMs: 0, experiment: place, metric: 'value', value })
        values[variant].push(value)
      }
      if (unit % step !== 0) continue
      does.ours ||=
        found === 'mismatch'
          ? judgeDivision(plan, tally, 0).isMismatch
          : judgeMetrics(plan, tally, 0)[0]!.status === 'worse'
      does.peer ||= values.control.length > 1 && values.treatment.length > 1 && peer(values)
    }
    stopped.ours += +does.ours
    stopped.peer += +does.peer
  }
  return { ours: (100 * stopped.ours) / simulations, peer: (100 * stopped.peer) / simulations }
}

function summary(values: readonly number[]) {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  return { count, mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1) }
}

/** The two-sided z-test for one look, at 5 %, read at every look. */
const peeking: Setting['peer'] = (values) => {
  const [control, treatment] = [summary(values.control), summary(values.treatment)]
  const error = Math.sqrt(control.variance / control.count + treatment.variance / treatment.count)
  return error > 0 && treatment.mean < control.mean && normalCdf((treatment.mean - control.mean) / error) < 0.025
}
/** As gbstats 0.8 does sequential tests, on outcomes. */
const gbstats: Setting['peer'] = (values) =>
  meanDifferenceSequence({ control: summary(values.control), treatment: summary(values.treatment) }).upper < 0
const chiSquare: Setting['peer'] = ({ control, treatment }) =>
  sampleRatioTest({ counts: [control.length, treatment.length], shares: [1, 1] }).p < 0.001

const yes =
  (control: number, treatment: number): Draw =>
  (random, variant) => [+(random.uniform() < (variant === 'control' ? control : treatment))]
const skewed =
  (harm: number): Draw =>
  (random, variant) => [Math.exp(random.normal()) - (variant === 'treatment' ? harm : 0)]
/** 20 outcomes of a unit that mostly agree. */
const clustered: Draw = (random) => {
  const ofUnit = random.normal()
  return Array.from({ length: 20 }, () => ofUnit + random.normal())
}

const worst = (rates: readonly Rates[]): Rates => ({
  ours: Math.max(...rates.map(({ ours }) => ours)),
  peer: Math.max(...rates.map(({ peer }) => peer)),
})

const row = (work: string, { ours, peer }: Rates, peerName: string, goal: string, met: boolean): BenchRow => ({
  ...{ work, ours, peer, peerName, unit: '%', goal, met },
  // An alarm that never came counts as half of one: an infinite ratio is not JSON.
  ratio: peer / (ours === 0 ? 50 / simulations : ours),
  peakMemoryMb: peakMemoryMb(),
})

const alarm = (work: string, rates: Rates, peerName: string, limit = 5) =>
  row(work, rates, peerName, `at most ${limit} %`, rates.ours <= limit)
const power = (work: string, rates: Rates, peerName: string) => row(work, rates, peerName, 'reported', true)

export async function rows(): Promise<readonly BenchRow[]> {
  const equal = [0.05, 0.5, 0.9].map((share) =>
    simulate(`equal ${share}`, { kind: 'binary', draw: yes(share, share), peer: peeking }),
  )
  const none: Draw = () => [1]
  return [
    alarm('an equal treatment is stopped for harm, yes/no, worst of 3 rates', worst(equal), 'z-test at each look'),
    alarm(
      'an equal treatment is stopped for harm, log-normal numbers',
      simulate('equal numbers', { kind: 'mean', draw: skewed(0), peer: peeking }),
      'z-test at each look',
    ),
    alarm(
      'an equal treatment is stopped for harm, 20 outcomes per unit',
      simulate('clusters', { kind: 'mean', draw: clustered, peer: gbstats }),
      'sequential test by outcome',
    ),
    alarm(
      'a correct division counts as a mismatch',
      simulate('division', { kind: 'binary', draw: none, peer: chiSquare, found: 'mismatch' }),
      'χ² < 0.001 at each look',
      1,
    ),
    power(
      'harm of 10 points is found, 80 % against 70 %',
      simulate('harm 10', { kind: 'binary', draw: yes(0.8, 0.7), peer: gbstats }),
      'gbstats, asymptotic',
    ),
    power(
      'harm of 15 points is found, 80 % against 65 %',
      simulate('harm 15', { kind: 'binary', draw: yes(0.8, 0.65), peer: gbstats }),
      'gbstats, asymptotic',
    ),
    power(
      'harm of half a standard deviation is found, log-normal numbers',
      simulate('harm numbers', { kind: 'mean', draw: skewed(1.08), peer: gbstats }),
      'gbstats, asymptotic',
    ),
    power(
      'a loss of 20 % of the units of the treatment is found',
      simulate('loss', { kind: 'binary', draw: none, peer: chiSquare, lost: 0.2, found: 'mismatch' }),
      'χ² < 0.001 at each look',
    ),
  ]
}
