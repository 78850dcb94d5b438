import type { Random } from '../src/core/index.js'
import { type Drawn, pairAnswers } from './gate-drawn.js'

export const margin = 0.02

/** Draws one comparison; `change` is the true difference by item, −`margin` or 0. */
export interface Setting {
  readonly name: string
  draw(random: Random, change: number): Drawn
}

type SizeOf = (random: Random) => number

/**
 * Groups of right or wrong answers whose items agree more or less: each item repeats what the group drew with chance √ρ, so that
 * two items of a group are correlated by ρ.
 */
export function groupedSettings(sizes: Readonly<Record<string, SizeOf>>): readonly Setting[] {
  const settings: Setting[] = []
  for (const [sizeName, sizeOf] of Object.entries(sizes))
    for (const correlation of [1, 0.7, 0, 0.3])
      for (const groups of [10, 40, 150, 400])
        for (const discordance of [0.3, 0.02, 0.1])
          settings.push({
            name: `${groups} groups ${sizeName}, correlation ${correlation}, discordance ${100 * discordance} %`,
            draw: (random, change) =>
              drawGroups(random, groups, sizeOf, (size) =>
                drawGroup(random, size, Math.sqrt(correlation), (discordance - change) / 2, discordance + change),
              ),
          })
  return settings
}

/** Most groups change nothing; the large ones carry all of it, as losses or as equally many wins. */
export function largeGroupSettings(): readonly Setting[] {
  const settings: Setting[] = []
  for (const large of [10, 20, 40])
    for (const shareOfItems of [0.3, 0.6])
      for (const correlation of [0, 0.3, 0.7]) {
        const small = 400
        // Small groups have two items.
        const size = Math.round((2 * small * shareOfItems) / (1 - shareOfItems) / large)
        const share = (large * size) / (large * size + 2 * small)
        settings.push({
          name: `${large} groups of ${size} and ${small} of 2, correlation ${correlation}`,
          draw(random, change) {
            let drawn = 0
            return drawGroups(
              random,
              large + small,
              () => (drawn++ < large ? size : 2),
              (items) =>
                items === 2 && size !== 2
                  ? [0, 0]
                  : drawGroup(random, items, Math.sqrt(correlation), (0.1 - change / share) / 2, 0.1 + change / share),
            )
          },
        })
      }
  return settings
}

/** Single answers change both ways, and a worse candidate loses a rare group, or much of it. */
export function rareGroupSettings(sizeOf: SizeOf): readonly Setting[] {
  return [60, 150, 400].flatMap((groups) =>
    [0.0203, 0.05].flatMap((rate) =>
      [0.3, 0.05].map((noise) => ({
        name: `${groups} groups, ${100 * rate} % lose, ${100 * noise} % of the answers change besides`,
        draw: (random: Random, change: number) =>
          drawGroups(random, groups, sizeOf, (size) => {
            const loss = random.uniform() < rate ? -change / rate : 0
            let [lost, won] = [0, 0]
            for (let item = 0; item < size; item += 1) {
              const isLost = random.uniform() < loss
              const at = random.uniform()
              if (isLost || at < noise / 2) lost += 1
              else if (at < noise) won += 1
            }
            return [lost, won]
          }),
      })),
    ),
  )
}

function drawGroups(
  random: Random,
  groups: number,
  sizeOf: SizeOf,
  draw: (size: number) => readonly [lost: number, won: number],
): Drawn {
  const [sizes, lost, won] = [new Float64Array(groups), new Float64Array(groups), new Float64Array(groups)]
  for (let group = 0; group < groups; group += 1) {
    const size = sizeOf(random)
    const [groupLost, groupWon] = draw(size)
    sizes[group] = size
    lost[group] = groupLost
    won[group] = groupWon
  }
  return pairAnswers(sizes, lost, won)
}

/** Items lost and won in one group, with the chance of a loss and twice the chance of a win. */
function drawGroup(
  random: Random,
  size: number,
  repeats: number,
  loss: number,
  twiceWin: number,
): readonly [lost: number, won: number] {
  const draw = () => {
    const at = random.uniform()
    return at < loss ? -1 : at < loss + Math.max(0, twiceWin / 2) ? 1 : 0
  }
  const shared = draw()
  let [lost, won] = [0, 0]
  for (let item = 0; item < size; item += 1) {
    const answer = random.uniform() < repeats ? shared : draw()
    if (answer < 0) lost += 1
    else if (answer > 0) won += 1
  }
  return [lost, won]
}
