/** A candidate for a batch. */
export interface Supported {
  /** Who supports it: the pseudonyms of one or more sources. */
  readonly sources: readonly string[]
}

export interface SourceLimits {
  /** Number of samples that a source may give alone. */
  readonly perSource: number
  /** Share of the batch that a source may give alone, 0..1. */
  readonly share: number
  /** Sources without a limit. */
  readonly trusted: ReadonlySet<string>
}

/**
 * Limits what one source decides. A candidate counts for a source that supports it alone; candidates of several sources do not count.
 *
 * @param candidates the most important first: a source keeps its first ones.
 * @returns why a candidate is left out, in the given order; `undefined` if it stays.
 */
export function limitSources(
  candidates: readonly Supported[],
  { perSource, share, trusted }: SourceLimits,
): readonly ('source-limit' | 'source-share' | undefined)[] {
  const alone = candidates.map(({ sources: [only, ...others] }) =>
    others.length > 0 || only === undefined || trusted.has(only) ? undefined : only,
  )
  const counts = new Map<string, number>()
  for (const source of alone) if (source !== undefined) counts.set(source, (counts.get(source) ?? 0) + 1)
  const free = alone.filter((source) => source === undefined).length
  const total = (limit: number) => [...counts.values()].reduce((sum, count) => sum + Math.min(count, limit), free)
  // A lower limit makes a smaller batch, of which the share is smaller again: the largest limit that its own batch allows.
  let limit = perSource
  while (limit > 0 && limit > share * total(limit)) limit = Math.min(limit - 1, Math.floor(share * total(limit)))
  const seen = new Map<string, number>()
  return alone.map((source) => {
    if (source === undefined) return undefined
    const rank = (seen.get(source) ?? 0) + 1
    seen.set(source, rank)
    return rank <= limit ? undefined : rank > perSource ? 'source-limit' : 'source-share'
  })
}
