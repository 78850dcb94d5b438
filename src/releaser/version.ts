// Import single functions: loading the complete package takes 15 ms.
import compare from 'semver/functions/compare.js'
import inc from 'semver/functions/inc.js'
import parse from 'semver/functions/parse.js'
import rcompare from 'semver/functions/rcompare.js'
import { SheikhError } from '../core/index.js'
import type { Version } from './releaser.js'

export function isVersion(value: unknown): value is Version {
  // The canonical form only: `parse` alone would also accept "v1.0.0" and surrounding spaces.
  return typeof value === 'string' && value.length <= 256 && parse(value)?.format() === withoutBuild(value)
}

/** Returns `value` if it is a SemVer 2.0.0 version. @throws `invalid-options` otherwise. */
export function parseVersion(value: unknown): Version {
  if (isVersion(value)) return value
  throw new SheikhError(
    'invalid-options',
    `Cannot use ${JSON.stringify(value)} as a version: it is not SemVer. Write it like 1.4.2.`,
  )
}

export type VersionLevel = 'patch' | 'minor' | 'major'

export interface NextVersion {
  /** @default 'patch' */
  readonly level?: VersionLevel | undefined
  /** A pre-release name such as `rc`: gives `1.3.0-rc.0`, then `1.3.0-rc.1`; the next version without it is `1.3.0`. @default none */
  readonly prerelease?: string | undefined
  /** An explicit version instead of a level. */
  readonly version?: Version | undefined
}

/**
 * Returns the version after the highest one ever used, including withdrawn releases.
 *
 * @returns `0.1.0` if no version was used.
 * @throws `invalid-options` if `version` is not higher than all used versions.
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
      `Cannot release ${version}: the higher version ${highest} was already used. Choose a version above it.`,
      { facts: { version, highest } },
    )
  }
  if (prerelease === undefined) return highest === undefined ? '0.1.0' : parseVersion(inc(highest, level))
  if (!/^[a-z][0-9a-z-]{0,31}$/i.test(prerelease))
    throw new SheikhError(
      'invalid-options',
      `Cannot use the pre-release name ${JSON.stringify(prerelease)}: it must start with a letter and contain at most 32 letters, digits and "-". Write it like "rc".`,
    )
  if (highest === undefined) return `0.1.0-${prerelease}.0`
  const stable = parseVersion(inc(highest, level))
  if (!highest.startsWith(`${stable}-`)) return `${stable}-${prerelease}.0`
  const next = parseVersion(inc(highest, 'prerelease', prerelease))
  // Pre-release names sort alphabetically: "alpha" after "rc" would be lower than a used version.
  return compare(next, highest) > 0 ? next : `${inc(stable, level)}-${prerelease}.0`
}

/** Compares by SemVer precedence: negative if `left` is lower. */
export const compareVersions = (left: Version, right: Version): number => compare(left, right)

const withoutBuild = (value: string) => value.replace(/\+[0-9A-Za-z.-]+$/, '')
