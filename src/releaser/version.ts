// By function: the package as a whole takes fifteen milliseconds to load.
import compare from 'semver/functions/compare.js'
import inc from 'semver/functions/inc.js'
import parse from 'semver/functions/parse.js'
import rcompare from 'semver/functions/rcompare.js'
import { SheikhError } from '../core/index.js'
import type { Version } from './releaser.js'

export function isVersion(value: unknown): value is Version {
  // Exactly as SemVer writes it: `parse` alone would also take "v1.0.0" and spaces around it.
  return typeof value === 'string' && value.length <= 256 && parse(value)?.format() === withoutBuild(value)
}

/** @throws `invalid-options` where `value` is not a SemVer 2.0.0 version. */
export function parseVersion(value: unknown): Version {
  if (isVersion(value)) return value
  throw new SheikhError(
    'invalid-options',
    `Cannot use ${JSON.stringify(value)} as a version: write it as SemVer, like 1.4.2.`,
  )
}

/**
 * The version after the highest ever used, withdrawn ones too: a version is used once.
 *
 * @returns `0.1.0` where there is none.
 */
export function nextVersion(existing: readonly Version[], level: 'patch' | 'minor' | 'major' = 'patch'): Version {
  const highest = [...existing].sort(rcompare)[0]
  if (highest === undefined) return '0.1.0'
  // Past the greatest whole number there is none.
  return parseVersion(inc(highest, level))
}

/** By SemVer's precedence: negative where `left` comes first. */
export const compareVersions = (left: Version, right: Version): number => compare(left, right)

const withoutBuild = (value: string) => value.replace(/\+[0-9A-Za-z.-]+$/, '')
