import type { ReleaseOverride } from './release-record.js'
import type { Release } from './releaser.js'

/** The override of a release, if its time is over. */
export function endedOverride({ record }: Pick<Release, 'record'>, nowMs: number): ReleaseOverride | undefined {
  const { override } = record
  return override === undefined || override.untilMs > nowMs ? undefined : override
}
