import { SheikhError } from '../core/index.js'
import type { DriftOptions } from './drift.js'

/** The options with their defaults, and the level of this look. @throws `invalid-options`. */
export function checkedOptions(options: DriftOptions) {
  const { level = 0.05, minimumEffect = 0.1, minimumItems = 100, maximumItems = 5000, look, seed = 0 } = options
  const check = (isValid: boolean, name: string, wanted: string) => {
    if (isValid) return
    const value = String(options[name as keyof DriftOptions])
    throw new SheikhError('invalid-options', `Cannot look for drift: "${name}" is ${value}. Give ${wanted}.`)
  }
  const isCount = (value: number, least: number) => Number.isSafeInteger(value) && value >= least
  check(level > 0 && level < 1, 'level', 'a number between 0 and 1, such as 0.05')
  check(minimumEffect >= 0 && minimumEffect <= 1, 'minimumEffect', 'a number from 0 to 1, such as 0.1')
  // A quarter of each side is what the classifier of words is tested with, at least.
  check(isCount(minimumItems, 8), 'minimumItems', 'a whole number of at least 8')
  check(isCount(maximumItems, minimumItems), 'maximumItems', 'a whole number of at least "minimumItems"')
  check(look === undefined || isCount(look, 1), 'look', 'a whole number of at least 1')
  return {
    ...{ look, minimumEffect, minimumItems, maximumItems, seed, includeText: options.includeText ?? false },
    level: look === undefined ? level : levelOfLook(level, look),
  }
}

/**
 * The level of look `look`, from 1, of a sequence without an end: `level` × 6 / (π² k²). The levels of all looks add up to `level`
 * (Euler's sum of 1 / k²), so that the chance of any false alarm is at most `level`, by the union bound.
 */
export const levelOfLook = (level: number, look: number): number => (level * 6) / (Math.PI * look) ** 2
