import type { CallContext, Digest } from '../core/index.js'
import type { Gate, Ledger } from '../gate/index.js'
import type { Release } from '../releaser/index.js'

/**
 * The release that this source key last led to: the current one if it did, else the newest. A release carries its own
 * key; further ones, found after training to give the same bundle, stand in the ledger.
 */
export async function findBySource(
  { ledger, context }: { readonly ledger: Ledger; readonly context: CallContext },
  history: readonly Release[],
  key: Digest,
  current: Release | undefined,
): Promise<Release | undefined> {
  const noted = new Set<string>()
  for (const entry of await ledger.read(context))
    if (entry.type === 'release' && entry.sourceKey === key) noted.add(entry.version)
  const matches = (release: Release) => release.intent.sourceKey === key || noted.has(release.version)
  if (current !== undefined && matches(current)) return current
  return history.find(matches)
}

/**
 * The best model ever released and not withdrawn, by the gate's primary metric; `undefined` where the gate names none, or
 * where the best is the baseline's own bundle (it is asked once).
 */
export function bestRelease(
  history: readonly Release[],
  gate: Gate,
  baseline: Release | undefined,
): Release | undefined {
  const metric = gate.metrics.find(({ name }) => name === gate.primaryMetric)
  if (metric === undefined) return undefined
  const sign = metric.direction === 'higher-is-better' ? 1 : -1
  let best: { release: Release; value: number } | undefined
  for (const release of history) {
    const value = release.record.metrics?.[metric.name]
    if (release.withdrawn !== undefined || typeof value !== 'number') continue
    if (best === undefined || sign * value > sign * best.value) best = { release, value }
  }
  return best === undefined || best.release.bundle === baseline?.bundle ? undefined : best.release
}
