import type { CallContext } from '../core/index.js'
import { type Evaluation, evaluate, type Metric, rememberingModel } from '../evaluation/index.js'
import { type Evidence, improves } from '../gate/index.js'
import type { Rows } from '../model/index.js'
import type { AskedMember, JoinMembers } from './join-members.js'
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
 * @returns `joined` in the order in which they joined, which decides between equal votes.
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
  const alone: (AskedMember<I> & { readonly evaluation: Evaluation })[] = []
  for (const member of members) {
    await using model = await rememberingModel(member.load, undefined)
    const evaluation = await evaluate({ model, rows, metrics: [metric] }, context)
    alone.push({ member, evaluation, answers: model.answers() })
  }
  const together = async (some: typeof alone) => {
    await using model = await join(some)
    return evaluate({ model, rows, metrics: [metric] }, context)
  }
  const sign = metric.direction === 'higher-is-better' ? -1 : 1
  const valueAlone = ({ evaluation }: (typeof alone)[number]) => evaluation.metrics[0]!.value
  // A member without a value, such as one that answers no row, is the last.
  const rank = (one: (typeof alone)[number]) => {
    const value = valueAlone(one)
    return value === null ? Number.POSITIVE_INFINITY : sign * value
  }
  const [best, ...others] = [...alone].sort((one, other) => rank(one) - rank(other) || 0)
  const tests: MemberTest[] = [
    { name: best!.member.name, value: valueAlone(best!), joined: true, reason: 'It is the best member alone.' },
  ]
  let chosen = [best!]
  let current = await together(chosen)
  const check = improves(metric)
  const count = Math.ceil(others.length / atOnce)
  for (let start = 0; start < others.length; start += atOnce) {
    const some = others.slice(start, start + atOnce)
    const tried = await together([...chosen, ...some])
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
