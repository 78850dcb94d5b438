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

export type VersionLevel = 'patch' | 'minor' | 'major'

export interface NextVersion {
  /** @default 'patch' */
  readonly level?: VersionLevel | undefined
  /** A name like `rc`: `1.3.0-rc.0`, then `1.3.0-rc.1`; the next without one is `1.3.0`. @default none */
  readonly prerelease?: string | undefined
  /** In place of a level. */
  readonly version?: Version | undefined
}

/**
 * The version after the highest ever used, withdrawn ones too: a version is used once.
 *
 * @returns `0.1.0` where there is none.
 * @throws `invalid-options` where `version` is not above all that were used.
 */
export function nextVersion(
  existing: readonly Version[],
  { level = 'patch', prerelease, version }: NextVersion = {},
): Version {
  const highest = [...existing].sort(rcompare)[0]
  if (version !== undefined) {
    if (highest === undefined || compare(parseVersion(version), highest) > 0) return parseVersion(version)
    throw new SheikhError(
      'invalid-options',
      `Cannot release ${version}: ${highest} was used already, and versions only grow. Choose a higher one.`,
      { facts: { version, highest } },
    )
  }
  if (prerelease === undefined) return highest === undefined ? '0.1.0' : parseVersion(inc(highest, level))
  if (!/^[a-z][0-9a-z-]{0,31}$/i.test(prerelease))
    throw new SheikhError(
      'invalid-options',
      `Cannot name a pre-release ${JSON.stringify(prerelease)}: write it like "rc", in letters, digits and "-".`,
    )
  if (highest === undefined) return `0.1.0-${prerelease}.0`
  const stable = parseVersion(inc(highest, level))
  if (!highest.startsWith(`${stable}-`)) return `${stable}-${prerelease}.0`
  const next = parseVersion(inc(highest, 'prerelease', prerelease))
  // Names sort by the alphabet: "alpha" after "rc" would be below what was used.
  return compare(next, highest) > 0 ? next : `${inc(stable, level)}-${prerelease}.0`
}

/** By SemVer's precedence: negative where `left` comes first. */
export const compareVersions = (left: Version, right: Version): number => compare(left, right)

const withoutBuild = (value: string) => value.replace(/\+[0-9A-Za-z.-]+$/, '')
