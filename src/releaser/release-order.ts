import type { Release } from './releaser.js'
import { compareVersions } from './version.js'

/** Newest first. A version is above all before it, so its precedence is the order of publication: clocks jump, this does not. */
export const byVersion = (left: Pick<Release, 'version'>, right: Pick<Release, 'version'>): number =>
  compareVersions(right.version, left.version)
