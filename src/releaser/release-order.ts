import type { Release } from './releaser.js'
import { compareVersions } from './version.js'

/** Sorts newest first. Each version is higher than all before it, so SemVer precedence is the publication order. Timestamps are not: clocks jump. */
export const byVersion = (left: Pick<Release, 'version'>, right: Pick<Release, 'version'>): number =>
  compareVersions(right.version, left.version)
