// How often a model that is as good as always giving the most frequent label passes `beatsMajority`, by simulation.
import { callContext, seededRandom } from '../src/core/index.js'
import { accuracy } from '../src/evaluation/index.js'
import { beatsMajority } from '../src/gate/index.js'
import { binomialLowerBound } from '../src/statistics/index.js'
import { evaluationOf, evidenceOf } from '../src/testing/evidence.js'

export interface MajorityRates {
  readonly settings: number
  /** The worst setting: 0..1. */
  readonly ours: number
  readonly setting: string
  /** The lower bound of the accuracy against the share of the label in the same sample, in its own worst setting. */
  readonly boundAlone: number
}

export async function simulateMajority(simulations: number): Promise<MajorityRates> {
  const check = beatsMajority(accuracy())
  const found = { settings: 0, ours: 0, setting: '', boundAlone: 0 }
  // On the majority's items the model is right as often as on the others, or as rarely as its accuracy allows.
  for (const items of [50, 200, 1000])
    for (const share of [0.55, 0.7, 0.9])
      for (const rightOnMajority of [share, Math.max(0, (2 * share - 1) / share)]) {
        const rightElsewhere = Math.min(1, (share - share * rightOnMajority) / (1 - share))
        const setting = `${items} items, ${(100 * share).toFixed(0)} % of one label, ${(100 * rightOnMajority).toFixed(0)} % of them right`
        const random = seededRandom(setting)
        let [passed, reached] = [0, 0]
        for (let simulation = 0; simulation < simulations; simulation += 1) {
          const targets = Array.from({ length: items }, () => (random.uniform() < share ? 'a' : 'b'))
          const scores = targets.map(
            (label) => +(random.uniform() < (label === 'a' ? rightOnMajority : rightElsewhere)),
          )
          const evidence = evidenceOf({ ...evaluationOf({ model: 'new', scores }), targets })
          const [finding] = await check.examine(evidence, callContext())
          if (finding?.kind !== 'bound') throw new Error(`The check found no bound: ${finding?.reason}`)
          if (finding.status === 'pass') passed += 1
          const right = scores.reduce((sum, score) => sum + score, 0)
          if (binomialLowerBound(right, items, 0.05) >= finding.threshold) reached += 1
        }
        found.settings += 1
        found.boundAlone = Math.max(found.boundAlone, reached / simulations)
        if (passed / simulations <= found.ours && found.setting !== '') continue
        found.ours = passed / simulations
        found.setting = setting
      }
  return found
}
