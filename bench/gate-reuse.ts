import { seededRandom } from '../src/core/index.js'
import { decideBinary } from '../src/gate/judge-binary.js'
import { binomialPmf } from '../src/statistics/index.js'

export interface ReuseSimulation {
  /** Shares of simulations, 0..1, in which any of the candidates passed. */
  readonly limited: number
  readonly unlimited: number
}

/**
 * One evaluation set, candidates one after the other, each truly worse than the best by exactly the margin: how often any of
 * them is let through, at 5 % over all of them and at 5 % each.
 */
export function simulateReuse(options: {
  readonly simulations: number
  readonly candidates: number
  readonly items: number
  readonly discordance: number
  readonly margin: number
}): ReuseSimulation {
  const { simulations, candidates, items, discordance, margin } = options
  const random = seededRandom('reuse')
  const differing = sampler(items, discordance)
  const lostOf = new Map<number, () => number>()
  const passes = [0.05 / candidates, 0.05].map((level) => passesAt(items, margin, level))
  const counts = [0, 0]
  for (let simulation = 0; simulation < simulations; simulation += 1) {
    const passed = [false, false]
    for (let candidate = 0; candidate < candidates; candidate += 1) {
      const total = differing()
      let lost = lostOf.get(total)
      if (lost === undefined) {
        lost = sampler(total, (discordance + margin) / (2 * discordance))
        lostOf.set(total, lost)
      }
      const b = lost()
      for (const [index, isPass] of passes.entries()) passed[index] ||= isPass(b, total - b)
    }
    for (const [index, any] of passed.entries()) if (any) counts[index]! += 1
  }
  return { limited: counts[0]! / simulations, unlimited: counts[1]! / simulations }

  /** Draws from the binomial distribution, by its quantiles. */
  function sampler(trials: number, chance: number): () => number {
    const cumulative = new Float64Array(trials + 1)
    let sum = 0
    for (let k = 0; k <= trials; k += 1) {
      sum += binomialPmf(k, trials, chance)
      cumulative[k] = sum
    }
    return () => {
      const draw = random.uniform()
      const at = cumulative.findIndex((value) => draw < value)
      return at < 0 ? trials : at
    }
  }
}

/** The gate's own decision, each different outcome once. */
function passesAt(n: number, margin: number, level: number): (b: number, c: number) => boolean {
  const known = new Map<string, boolean>()
  return (b, c) => {
    const key = `${b} ${c}`
    let isPass = known.get(key)
    if (isPass === undefined) {
      isPass = decideBinary({ n, b, c }, margin, level).status === 'pass'
      known.set(key, isPass)
    }
    return isPass
  }
}
