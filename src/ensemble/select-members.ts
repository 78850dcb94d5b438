import { type CallContext, isSheikhError, messageOf } from '../core/index.js'
import { type Evaluation, evaluate, type Metric, rememberingModel } from '../evaluation/index.js'
import { type Evidence, improves } from '../gate/index.js'
import type { Rows } from '../model/index.js'
import type { AskedMember, JoinMembers } from './join-members.js'
import { ofMember } from './member.js'
import type { TrainedMember } from './train-members.js'

/** Chance that a member without gain joins, over all that are tested. */
const level = 0.05

/** What a member was worth, for people and for the record. JSON. */
export interface MemberTest {
  readonly name: string
  /** The metric of the member alone, on the development rows. */
  readonly value: number | null
  /** Whether it is in the ensemble. */
  readonly joined: boolean
  /** Why, with the numbers. */
  readonly reason: string
}

/**
 * Chooses the members that the development rows show a gain for. The best one alone begins. The others are tested in the order of
 * their own values, each once: it joins if the ensemble with it is better by the gate's test (`improves`), at a level of 0.05
 * that is divided by the number of tests (Bonferroni). Voters are tested in twos: a second voter alone never decides.
 *
 * Members that answer more rows come first: the test is inconclusive if a row has no answer. A member whose predictions cannot be
 * evaluated, such as NaN, does not join.
 *
 * @returns `joined` in the order in which they joined, which decides between equal votes.
 * @throws `evaluation-invalid` if no member can be evaluated.
 */
export async function selectMembers<I>(
  {
    members,
    rows,
    metric,
    atOnce,
    join,
  }: {
    readonly members: readonly TrainedMember<I>[]
    readonly rows: Rows<I, unknown>
    readonly metric: Metric
    /** How many members are tested together. */
    readonly atOnce: number
    readonly join: JoinMembers<I>
  },
  context: CallContext,
): Promise<{ readonly joined: readonly TrainedMember<I>[]; readonly tests: readonly MemberTest[] }> {
  const tests: MemberTest[] = []
  const alone: (AskedMember<I> & { readonly evaluation: Evaluation })[] = []
  const exclude = (name: string, value: number | null, error: unknown) => {
    if (!isSheikhError(error, 'evaluation-invalid')) throw error
    const reason = messageOf(error)
    context.log.warn(`The member "${name}" does not join the ensemble: ${reason}`, { member: name })
    tests.push({ name, value, joined: false, reason })
  }
  let failure: unknown
  for (const member of members) {
    await using model = await rememberingModel(member.load, undefined)
    try {
      const evaluation = await evaluate({ model, rows, metrics: [metric] }, context)
      alone.push({ member, evaluation, answers: model.answers() })
    } catch (error) {
      exclude(member.name, null, error)
      failure ??= ofMember(error, member.name)
    }
  }
  if (alone.length === 0) throw failure
  const together = async (some: typeof alone) => {
    await using model = await join(some)
    return evaluate({ model, rows, metrics: [metric] }, context)
  }
  const sign = metric.direction === 'higher-is-better' ? -1 : 1
  const valueAlone = ({ evaluation }: (typeof alone)[number]) => evaluation.metrics[0]!.value
  const answered = ({ evaluation }: (typeof alone)[number]) => {
    let count = 0
    for (const outcome of evaluation.outcomes) if (outcome === 'ok') count += 1
    return count
  }
  const ranked = alone.map((one) => ({ one, count: answered(one), value: valueAlone(one) }))
  // A member without a value, such as one that answers no row, is the last.
  ranked.sort((left, right) => {
    if (left.value === null || right.value === null) return Number(left.value === null) - Number(right.value === null)
    return right.count - left.count || sign * (left.value - right.value)
  })
  const [best, ...others] = ranked.map(({ one }) => one)
  tests.unshift({
    ...{ name: best!.member.name, value: valueAlone(best!), joined: true },
    reason: 'It is the best member alone.',
  })
  let chosen = [best!]
  let current = await together(chosen)
  const check = improves(metric)
  const count = Math.ceil(others.length / atOnce)
  for (let start = 0; start < others.length; start += atOnce) {
    const some = others.slice(start, start + atOnce)
    let tried: Evaluation
    try {
      tried = await together([...chosen, ...some])
    } catch (error) {
      for (const one of some) exclude(one.member.name, valueAlone(one), error)
      continue
    }
    const { weights, record } = some[0]!.member
    const evidence: Evidence = {
      candidate: { weights, record, evaluation: tried },
      baseline: { version: 'the ensemble without it', bundle: weights.digest, evaluation: current },
      passAlpha: level / count,
    }
    const [finding] = await check.examine(evidence, context)
    const joined = finding!.status === 'pass'
    for (const one of some)
      tests.push({ name: one.member.name, value: valueAlone(one), joined, reason: finding!.reason })
    if (joined) [chosen, current] = [[...chosen, ...some], tried]
  }
  return { joined: chosen.map(({ member }) => member), tests }
}
