// How often the gate errs on groups and on skewed scores, by simulation, beside a cluster-robust t-test and the paired z-test by item.
import { type Random, seededRandom } from '../src/core/index.js'
import { statusJudge } from '../src/gate/judge.js'
import { normalCdf, normalQuantile, regularizedBeta } from '../src/statistics/index.js'
import type { Drawn } from './gate-drawn.js'
import { groupedSettings, largeGroupSettings, margin, rareGroupSettings, type Setting } from './gate-settings-groups.js'
import { boundedSettings, unboundedSettings } from './gate-settings-scores.js'

/** The rates of one family of settings: the worst of each error, and all three rates of the family's last setting. */
export interface FamilyRates {
  readonly family: string
  readonly settings: number
  readonly falsePass: Rates
  readonly falseFail: Rates
  readonly last: {
    /** How often an equal model passes. */
    readonly power: Rates
    readonly falsePass: Rates
    readonly falseFail: Rates
  }
}

/** Of one setting, or the worst of all: each test then in its own worst setting. */
export interface Rates {
  /** 0..1. */
  readonly ours: number
  /** Of the cluster-robust t-test by group, the usual test for data in groups. */
  readonly robust: number
  /** Of the paired z-test by item, which knows nothing of groups or skewness. */
  readonly usual: number
  /** The setting, or that in which ours is worst. */
  readonly setting: string
}

/** 5 % and simulation error: a limit that the largest of so many rates passes once in a hundred benches. */
export const limitOf = (settings: number, simulations: number) =>
  0.05 + normalQuantile(1 - 0.01 / settings) * Math.sqrt((0.05 * 0.95) / simulations)

export function simulateFamilies(simulations: number): readonly FamilyRates[] {
  const families: readonly (readonly [string, readonly Setting[]])[] = [
    ['right or wrong, equal groups', groupedSettings({ 'of 2': () => 2, 'of 20': () => 20, 'of 5': () => 5 })],
    [
      'right or wrong, unequal groups',
      groupedSettings({ 'one in ten of 40': oneInTen, 'geometric, mean 5': geometric }),
    ],
    ['right or wrong, the change in large groups alone', largeGroupSettings()],
    ['right or wrong, a rare group is lost', rareGroupSettings(() => 20)],
    ['scores in a range', boundedSettings()],
    ['scores without a range', unboundedSettings()],
  ]
  return families.map(([family, settings]) => ratesOf(family, settings, simulations))
}

function ratesOf(family: string, settings: readonly Setting[], simulations: number): FamilyRates {
  const judge = statusJudge(margin)
  let falsePass: Rates = { ours: 0, robust: 0, usual: 0, setting: '' }
  let falseFail = falsePass
  let last = { power: falsePass, falsePass, falseFail }
  for (const { name, draw } of settings) {
    const random = seededRandom(`${family} ${name}`)
    const count = { falsePass: 0, falseFail: 0, power: 0 }
    const robust = { falsePass: 0, falseFail: 0, power: 0 }
    const usual = { falsePass: 0, falseFail: 0, power: 0 }
    for (let simulation = 0; simulation < simulations; simulation += 1) {
      const worse = draw(random, -margin)
      if (judge(worse) === 'pass') count.falsePass += 1
      if (robustTest(worse, -margin) > 0.95) robust.falsePass += 1
      if (zTest(worse, -margin) > 0.95) usual.falsePass += 1
      const same = draw(random, 0)
      const status = judge(same)
      if (status === 'fail') count.falseFail += 1
      if (status === 'pass') count.power += 1
      if (robustTest(same, 0) < 0.05) robust.falseFail += 1
      if (robustTest(same, -margin) > 0.95) robust.power += 1
      if (zTest(same, 0) < 0.05) usual.falseFail += 1
      if (zTest(same, -margin) > 0.95) usual.power += 1
    }
    const worst = (found: Rates, error: keyof typeof count): Rates => ({
      ...(count[error] > found.ours * simulations || found.setting === ''
        ? { ours: count[error] / simulations, setting: name }
        : found),
      robust: Math.max(found.robust, robust[error] / simulations),
      usual: Math.max(found.usual, usual[error] / simulations),
    })
    falsePass = worst(falsePass, 'falsePass')
    falseFail = worst(falseFail, 'falseFail')
    const rates = (event: keyof typeof count): Rates => ({
      ours: count[event] / simulations,
      robust: robust[event] / simulations,
      usual: usual[event] / simulations,
      setting: name,
    })
    last = { power: rates('power'), falsePass: rates('falsePass'), falseFail: rates('falseFail') }
  }
  return { family, settings: settings.length, falsePass, falseFail, last }
}

/** The confidence that the mean difference lies above `value`, every item taken for independent. */
function zTest({ items, sum, squares }: Drawn, value: number): number {
  const mean = sum / items
  const variance = (squares / items - mean ** 2) / (items - 1)
  return variance > 0 ? normalCdf((mean - value) / Math.sqrt(variance)) : mean > value ? 1 : 0
}

/**
 * The confidence that the ratio of sums lies above `value`: the cluster-robust variance with its small-sample factor, and
 * Student's t with one degree of freedom less than there are groups.
 */
function robustTest({ sign, candidate, reference, sizes, items }: Drawn, value: number): number {
  const groups = sizes.length
  const sums = candidate.map((sum, group) => sign * (sum - reference[group]!))
  const estimate = sums.reduce((total, sum) => total + sum, 0) / items
  let squares = 0
  for (let group = 0; group < groups; group += 1) squares += (sums[group]! - estimate * sizes[group]!) ** 2
  if (!(squares > 0)) return estimate > value ? 1 : 0
  const t = (estimate - value) / (Math.sqrt((squares * groups) / (groups - 1)) / items)
  const freedom = groups - 1
  const tail = regularizedBeta(freedom / (freedom + t ** 2), freedom / 2, 0.5) / 2
  return t > 0 ? 1 - tail : tail
}

const oneInTen = (random: Random) => (random.uniform() < 0.1 ? 40 : 2)
const geometric = (random: Random) => 1 + Math.floor(Math.log(1 - random.uniform()) / Math.log(0.8))
