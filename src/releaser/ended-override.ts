import type { Release } from './releaser.js'

/** The override of a release, if its time is over. */
export function endedOverride(
  { record }: Pick<Release, 'record'>,
  nowMs: number,
): { readonly by: string; readonly untilMs: number } | undefined {
  const { by, untilMs } = (record.override ?? {}) as { readonly by?: unknown; readonly untilMs?: unknown }
  if (typeof by !== 'string' || typeof untilMs !== 'number' || untilMs > nowMs) return undefined
  return { by, untilMs }
}
