import { type CallContext, type Random, SheikhError, seededRandom } from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import { wilson } from '../statistics/index.js'
import type { FindingStatus } from './finding.js'
import { exactCounts, statusJudge } from './judge.js'
import { checkComparable, type Judged, type Pairing, pairGroups, ratioOf, sumOf } from './paired-groups.js'

export interface SelfTestOptions {
  /** Evaluations of two models on the same items. The simulated models are derived from their answers. */
  readonly candidate: Evaluation
  readonly baseline: Evaluation
  /** @default the first metric that both have scores for */
  readonly metric?: string | undefined
  /** @default 0.02 */
  readonly margin?: number | undefined
  /** True losses to simulate, in the metric's unit. @default 0, ½, 1, 1½, 2 and 3 margins */
  readonly drops?: readonly number[] | undefined
  /**
   * Comparisons per drop. @default 10,000 for binary metrics on independent items, 200 for ratios, which are resampled,
   * otherwise 1,000
   */
  readonly simulations?: number | undefined
  /** @default 0 */
  readonly seed?: number | string | undefined
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

/** A share of the simulations, 0..1, with its 95 % Wilson interval. */
export interface Rate {
  readonly rate: number
  readonly lower: number
  readonly upper: number
}

export interface SelfTestPoint {
  /** The true loss of the simulated candidate. */
  readonly drop: number
  readonly pass: Rate
  readonly fail: Rate
  readonly inconclusive: Rate
}

export interface SelfTest {
  readonly metric: string
  readonly kind: Evaluation['metrics'][number]['kind']
  readonly items: number
  /** Number of independent groups. Equals the number of items if items are not grouped. */
  readonly groups: number
  readonly margin: number
  readonly simulations: number
  /** The share of items on which the models differ, 0..1. */
  readonly discordance: number
  /** How often a model of the same quality fails. */
  readonly falseFail: Rate
  /** How often a model that is worse by the margin passes. */
  readonly falsePass: Rate
  /** The power curve, by increasing drop. */
  readonly points: readonly SelfTestPoint[]
  /**
   * Only for means: error rates if few groups contain the whole change. `falsePass`: how often a model passes that
   * loses the margin because some groups drop to the worst score. `falseFail`: how often a model of equal quality fails
   * that is worse by the margin on most groups and better on those where the other model drops. Absent if the scores
   * cannot lose the margin in this way.
   */
  readonly rare?: { readonly falsePass: Rate; readonly falseFail: Rate } | undefined
}

/**
 * Measures the error rates of the gate's comparison on your own evaluation, with two models of the same quality and
 * with simulated losses.
 *
 * Each simulation draws as many groups with replacement, and swaps the two models' answers on each with chance ½.
 * Neither model is then better, and they differ as much as the real ones. A drop makes all correct answers of the
 * candidate in randomly chosen groups wrong (binary metrics), or lowers every score (means, ratios).
 *
 * @throws `baseline-mismatch`, `evaluation-invalid`, `invalid-options` for drops that are larger than the scores allow.
 */
export async function selfTest(options: SelfTestOptions, context: CallContext): Promise<SelfTest> {
  const { candidate, baseline, margin = 0.02, seed = 0, onProgress } = options
  const metric = metricOf(options)
  checkComparable(candidate, baseline)
  const pairing = pairGroups(candidate, baseline, metric).over()
  const simulations = options.simulations ?? defaultSimulations(pairing)
  const drops = [...new Set(options.drops ?? [0, 0.5, 1, 1.5, 2, 3].map((share) => share * margin))]
  check({ pairing, margin, simulations, drops })
  // Both error rates are always measured.
  const asked = [...new Set([0, margin, ...drops])].sort((one, other) => one - other)
  const collapse = collapseOf(pairing, margin)
  const rounds = asked.length + (collapse === undefined ? 0 : 2)
  let done = 0
  const judge = statusJudge(margin)
  const run = async (name: string | number, plant: (drawn: Pairing, random: Random) => Pairing) => {
    const random = seededRandom(`self-test ${seed} ${name}`)
    const counts: Record<FindingStatus, number> = { pass: 0, fail: 0, inconclusive: 0, 'not-applicable': 0 }
    for (let simulation = 0; simulation < simulations; simulation += 1) {
      if (simulation % 50 === 0) {
        context.signal.throwIfAborted()
        onProgress?.(done * simulations + simulation, rounds * simulations)
        // Gives other tasks a turn on the event loop.
        await new Promise((resolve) => setImmediate(resolve))
      }
      counts[judge(plant(drawGroups(pairing, random), random))] += 1
    }
    done += 1
    const rate = (count: number): Rate => ({
      rate: count / simulations,
      ...wilson({ successes: count, trials: simulations }),
    })
    const { pass, fail } = counts
    return { pass: rate(pass), fail: rate(fail), inconclusive: rate(simulations - pass - fail) }
  }
  const points: SelfTestPoint[] = []
  const lose = pairing.kind === 'binary' ? loseAnswers(pairing) : lowerScores
  for (const drop of asked) points.push({ drop, ...(await run(drop, (drawn, random) => lose(drawn, drop, random))) })
  const rare = collapse && {
    falsePass: (await run('rare loss', (drawn, random) => collapse(drawn, 'candidate', random))).pass,
    falseFail: (await run('rare gain', (drawn, random) => lowerScores(collapse(drawn, 'reference', random), margin)))
      .fail,
  }
  const { items, lost, won } = pairing
  return {
    metric: metric.name,
    kind: metric.kind,
    items,
    groups: pairing.candidate.length,
    margin,
    simulations,
    discordance: (lost.items.length + won) / items,
    falseFail: points.find(({ drop }) => drop === 0)!.fail,
    falsePass: points.find(({ drop }) => drop === margin)!.pass,
    points,
    ...(rare !== undefined && { rare }),
  }
}

const defaultSimulations = (pairing: Pairing) =>
  exactCounts(pairing) !== undefined ? 10_000 : pairing.kind === 'ratio' ? 200 : 1000

function metricOf({ candidate, baseline, metric: name }: SelfTestOptions): Judged {
  const both = candidate.metrics.filter((metric) => baseline.metrics.some((other) => other.name === metric.name))
  const found =
    name === undefined ? both.find(({ kind }) => kind !== 'aggregate') : both.find((metric) => metric.name === name)
  if (found !== undefined && found.kind !== 'aggregate') return found
  throw new SheikhError(
    'evaluation-invalid',
    `Cannot test the gate: ${name === undefined ? 'no metric except aggregates was scored for both models' : `"${name}" was not scored for both models, or is an aggregate`}. Score both.`,
  )
}

function check(parts: { pairing: Pairing; margin: number; simulations: number; drops: readonly number[] }): void {
  const { pairing, margin, simulations, drops } = parts
  const invalid = (fact: string) => new SheikhError('invalid-options', `Cannot test the gate: ${fact}.`)
  if (!(Number.isSafeInteger(simulations) && simulations >= 100))
    throw invalid(`the number of simulations is ${simulations}. Give an integer of at least 100`)
  if (!(margin > 0 && Number.isFinite(margin))) throw invalid(`the margin is ${margin}. Give one above 0`)
  if (pairing.unanswered > 0)
    throw invalid(`${pairing.unanswered} items have no answer from at least one model. Evaluate again`)
  const most = pairing.kind === 'binary' ? shareRight(pairing) : Number.POSITIVE_INFINITY
  const odd = drops.find((drop) => !(drop >= 0 && drop <= most && Number.isFinite(drop)))
  if (odd !== undefined || (pairing.kind === 'binary' && margin > most))
    throw invalid(
      `a drop of ${odd ?? margin} is negative or larger than possible. The models are right on ${(100 * most).toFixed(1)} %`,
    )
}

/** The share of correct answers of both models together, which limits the drop. */
const shareRight = ({ candidate, reference, sizes }: Pairing) =>
  (ratioOf(candidate, sizes) + ratioOf(reference, sizes)) / 2

/** Draws groups with replacement, and swaps the models at random. */
function drawGroups(pairing: Pairing, random: Random): Pairing {
  const { kind, candidate, reference, candidateWeight, referenceWeight } = pairing
  const n = candidate.length
  const drawn = () => new Float64Array(n)
  const [ours, theirs, sizes] = [drawn(), drawn(), drawn()]
  const [ourWeight, theirWeight] = kind === 'ratio' ? [drawn(), drawn()] : [sizes, sizes]
  for (let at = 0; at < n; at += 1) {
    const group = random.below(n)
    const swap = random.uint32() >= 0x80000000
    ours[at] = (swap ? reference : candidate)[group]!
    theirs[at] = (swap ? candidate : reference)[group]!
    ourWeight[at] = (swap ? referenceWeight : candidateWeight)[group]!
    theirWeight[at] = (swap ? candidateWeight : referenceWeight)[group]!
    sizes[at] = pairing.sizes[group]!
  }
  const weights = { candidateWeight: ourWeight, referenceWeight: theirWeight }
  return { ...pairing, candidate: ours, reference: theirs, sizes, ...weights, items: sumOf(sizes) }
}

/** Makes correct answers wrong at random, by group: correlated losses are harder to detect. */
function loseAnswers(pairing: Pairing): (drawn: Pairing, drop: number, random: Random) => Pairing {
  const share = shareRight(pairing)
  return (drawn, drop, random) => {
    const loss = drop / share
    return { ...drawn, candidate: drawn.candidate.map((sum) => (loss > 0 && random.uniform() < loss ? 0 : sum)) }
  }
}

/** Lowers every score by the same amount. */
const lowerScores = (drawn: Pairing, drop: number): Pairing => ({
  ...drawn,
  candidate: drawn.candidate.map((sum, group) => sum - drawn.sign * drop * drawn.candidateWeight[group]!),
})

/** Drops random groups of one model to the worst score, so that it loses the margin on average. */
function collapseOf(pairing: Pairing, margin: number) {
  const { kind, sign, range, extent, candidate, reference, sizes } = pairing
  if (kind !== 'mean') return undefined
  const [lowest, highest] = range?.every(Number.isFinite) ? range : extent
  const worst = sign > 0 ? lowest : highest
  const share = margin / (sign * ((ratioOf(candidate, sizes) + ratioOf(reference, sizes)) / 2 - worst))
  if (!(share > 0 && share < 1)) return undefined
  return (drawn: Pairing, side: 'candidate' | 'reference', random: Random): Pairing => ({
    ...drawn,
    [side]: drawn[side].map((sum, group) => (random.uniform() < share ? worst * drawn.sizes[group]! : sum)),
  })
}
