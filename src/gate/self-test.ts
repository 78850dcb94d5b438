import { type CallContext, type Random, SheikhError, seededRandom } from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import { wilson } from '../statistics/index.js'
import { alpha } from './answer.js'
import type { FindingStatus } from './gate.js'
import { judgeNoRegression } from './judge.js'
import { decideBinary } from './judge-binary.js'
import { checkComparable, countDiscordant, type Judged, mean, type Pairing, pairGroups } from './paired-groups.js'

export interface SelfTestOptions {
  /** Two models on the same items: how they answer decides what the simulated ones do. */
  readonly candidate: Evaluation
  readonly baseline: Evaluation
  /** @default the first that both were scored by */
  readonly metric?: string | undefined
  /** @default 0.02 */
  readonly margin?: number | undefined
  /** True losses that are planted, in the metric's unit. @default 0, ½, 1, 1½, 2 and 3 margins */
  readonly drops?: readonly number[] | undefined
  /** Comparisons a drop. @default 10,000 of right or wrong answers, else 200: each of those resamples 10,000 times */
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
  readonly groups: number
  readonly margin: number
  readonly simulations: number
  /** The share of groups on which the models differ, 0..1. */
  readonly discordance: number
  /** How often two models of the same quality end in a fail. */
  readonly falseFail: Rate
  /** How often a model that is worse by the margin passes. */
  readonly falsePass: Rate
  /** By growing drop: the power curve. */
  readonly points: readonly SelfTestPoint[]
}

/**
 * What the gate's comparison does on the host's own evaluation: with two models of the same quality, and with losses that
 * are planted.
 *
 * Each simulation draws as many groups with replacement, and swaps the two models' answers on each with chance ½: neither is
 * better then, and they differ as the real ones do. A drop turns right answers of the candidate wrong at random (binary), or
 * lowers every score (means, ratios).
 *
 * @throws `baseline-mismatch`, `evaluation-invalid`, `invalid-options` for drops that answers cannot lose.
 */
export async function selfTest(options: SelfTestOptions, context: CallContext): Promise<SelfTest> {
  const { candidate, baseline, margin = 0.02, seed = 0, onProgress } = options
  const metric = metricOf(options)
  checkComparable(candidate, baseline)
  const pairing = pairGroups(candidate, baseline, metric).over()
  const simulations = options.simulations ?? (metric.kind === 'binary' ? 10_000 : 200)
  const drops = [...new Set(options.drops ?? [0, 0.5, 1, 1.5, 2, 3].map((share) => share * margin))]
  check({ pairing, margin, simulations, drops })
  // Both errors are measured, whatever is asked for.
  const asked = [...new Set([0, margin, ...drops])].sort((one, other) => one - other)
  const judge = judgeOf(margin)
  const points: SelfTestPoint[] = []
  for (const drop of asked) {
    const random = seededRandom(`self-test ${seed} ${drop}`)
    const counts: Record<FindingStatus, number> = { pass: 0, fail: 0, inconclusive: 0, 'not-applicable': 0 }
    for (let simulation = 0; simulation < simulations; simulation += 1) {
      if (simulation % 50 === 0) {
        context.signal.throwIfAborted()
        onProgress?.(points.length * simulations + simulation, asked.length * simulations)
        // So that whoever listens gets a turn.
        await new Promise((resolve) => setImmediate(resolve))
      }
      counts[judge(simulated(pairing, drop, random))] += 1
    }
    const rate = (count: number): Rate => ({
      rate: count / simulations,
      ...wilson({ successes: count, trials: simulations }),
    })
    const { pass, fail } = counts
    points.push({ drop, pass: rate(pass), fail: rate(fail), inconclusive: rate(simulations - pass - fail) })
  }
  const { b, c, n } = countDiscordant(pairing, 'no-harm')
  return {
    metric: metric.name,
    kind: metric.kind,
    groups: n,
    margin,
    simulations,
    discordance: (b + c) / n,
    falseFail: points.find(({ drop }) => drop === 0)!.fail,
    falsePass: points.find(({ drop }) => drop === margin)!.pass,
    points,
  }
}

function metricOf({ candidate, baseline, metric: name }: SelfTestOptions): Judged {
  const both = candidate.metrics.filter((metric) => baseline.metrics.some((other) => other.name === metric.name))
  const found =
    name === undefined ? both.find(({ kind }) => kind !== 'aggregate') : both.find((metric) => metric.name === name)
  if (found !== undefined && found.kind !== 'aggregate') return found
  throw new SheikhError(
    'evaluation-invalid',
    `Cannot test the gate: ${name === undefined ? 'there is no metric that both models were scored by, and that is no aggregate' : `"${name}" was not scored for both models, or is an aggregate`}. Score both.`,
  )
}

function check(parts: { pairing: Pairing; margin: number; simulations: number; drops: readonly number[] }): void {
  const { pairing, margin, simulations, drops } = parts
  const invalid = (fact: string) => new SheikhError('invalid-options', `Cannot test the gate: ${fact}.`)
  if (!(Number.isSafeInteger(simulations) && simulations >= 100))
    throw invalid(`${simulations} simulations are too few or no number. Ask for 100 at least`)
  if (!(margin > 0 && Number.isFinite(margin))) throw invalid(`the margin is ${margin}. Give one above 0`)
  if (pairing.unanswered > 0) throw invalid(`${pairing.unanswered} items were not answered by both models. Ask again`)
  const most = pairing.kind === 'binary' ? shareRight(pairing) : Number.POSITIVE_INFINITY
  const odd = drops.find((drop) => !(drop >= 0 && drop <= most && Number.isFinite(drop)))
  if (odd !== undefined || (pairing.kind === 'binary' && margin > most))
    throw invalid(
      `a drop of ${odd ?? margin} is more than there is to lose, or none. The models are right on ${(100 * most).toFixed(1)} %`,
    )
}

/** Of both models together: what a drop takes from. */
const shareRight = ({ candidate, opponent }: Pairing) => (mean(candidate) + mean(opponent)) / 2

/** Groups drawn with replacement, the models swapped at random, and the candidate made worse. */
function simulated(pairing: Pairing, drop: number, random: Random): Pairing {
  const { kind, sign, candidate, opponent, candidateWeight, opponentWeight } = pairing
  const n = candidate.length
  const drawn = () => new Float64Array(n)
  const [ours, theirs, ourWeights, theirWeights] = [drawn(), drawn(), drawn(), drawn()]
  const loss = kind === 'binary' ? drop / shareRight(pairing) : drop
  for (let at = 0; at < n; at += 1) {
    const group = random.below(n)
    const swap = random.uint32() >= 0x80000000
    const [one, other] = swap ? [opponent, candidate] : [candidate, opponent]
    const [oneWeight, otherWeight] = swap ? [opponentWeight, candidateWeight] : [candidateWeight, opponentWeight]
    ourWeights[at] = oneWeight?.[group] ?? 1
    theirWeights[at] = otherWeight?.[group] ?? 1
    theirs[at] = other[group]!
    const score = one[group]!
    // A share of right answers lost at random, or every score lower.
    ours[at] =
      kind === 'binary' ? (loss > 0 && random.uniform() < loss ? 0 : score) : score - sign * loss * ourWeights[at]!
  }
  const weighed = kind === 'ratio' && { candidateWeight: ourWeights, opponentWeight: theirWeights }
  return { ...pairing, candidate: ours, opponent: theirs, items: n, ...weighed }
}

/** Right or wrong answers are judged by counts alone: each different outcome is judged once. */
function judgeOf(margin: number): (pairing: Pairing) => FindingStatus {
  const known = new Map<string, FindingStatus>()
  return (pairing) => {
    if (pairing.kind !== 'binary') return judgeNoRegression(pairing, margin).status
    const [claimed, harmed] = [countDiscordant(pairing, 'no-harm'), countDiscordant(pairing, 'harm')]
    const key = `${claimed.b} ${claimed.c} ${harmed.b} ${harmed.c}`
    let status = known.get(key)
    if (status === undefined) {
      status = decideBinary(claimed, harmed, margin, alpha).status
      known.set(key, status)
    }
    return status
  }
}
