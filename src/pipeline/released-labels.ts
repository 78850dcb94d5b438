// The labels of a release's rows, by id. A run keeps those of its dataset in the store. On another machine, the commit gives them.
import { type CallContext, type Digest, isDigest, isSheikhError, merkleRoot } from '../core/index.js'
import { isCategorical, type LabelledRow, packLabels, unpackLabels } from '../dataset/index.js'
import type { Release, Releaser } from '../releaser/index.js'
import type { Store } from '../store/index.js'
import { type Key, stageKeyOf } from './keys.js'
import { commitOfRelease } from './lookup.js'
import type { PipelineParts } from './options.js'
import { keptUnder } from './stage-cache.js'

export interface LabelSources extends Pick<PipelineParts, 'labelsAtCommit'> {
  readonly store: Pick<Store, 'keys' | 'objects'>
  /** The run that keeps labels. */
  readonly runId: string
}

const labelsKey = (fingerprint: Digest) => stageKeyOf({ kind: 'row-labels', fingerprint })

/** Keeps the labels of a dataset's rows under its fingerprint, unless they are free text. */
export async function keepLabels(
  { store, runId }: LabelSources,
  fingerprint: Digest,
  rows: Iterable<LabelledRow>,
  context: CallContext,
): Promise<void> {
  const key = labelsKey(fingerprint)
  const kept = await keptUnder(store, key)
  // The key may be older than a list that was lost or moved aside as damaged.
  if (isDigest(kept?.value) && (await store.objects.has(kept.value))) return
  const bytes = packLabels(rows)
  // The list first, because a key that names nothing would be useless.
  if (bytes !== undefined) await putKey({ store, runId }, key, await store.objects.put(bytes, context), context)
}

const putKey = ({ store, runId }: LabelSources, { digest, parts }: Key, list: Digest, context: CallContext) =>
  store.keys.put({ formatVersion: 1, key: digest, parts, value: list, runId, atMs: context.clock.nowMs() })

/** The rows of a release with their labels. `undefined` if neither the store nor the commit has them, or if they are free text. */
export async function releasedLabels(
  sources: LabelSources,
  release: Release,
  releaser: Releaser,
  context: CallContext,
): Promise<Iterable<LabelledRow> | undefined> {
  const { dataset } = release.record
  if (dataset?.labels === undefined || !isCategorical(dataset.labels)) return undefined
  const kept = await keptLabels(sources, dataset.fingerprint, context)
  if (kept !== undefined || sources.labelsAtCommit === undefined) return kept
  const commit = await commitOfRelease(release, releaser, context)
  if (commit === undefined) return undefined
  try {
    const rows = await sources.labelsAtCommit(commit, context)
    if (merkleRoot(rows.map(({ digest }) => digest)) !== dataset.fingerprint) return undefined
    await keepLabels(sources, dataset.fingerprint, rows, context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    context.log.info(`The commit ${commit} of the release does not give its rows: ${error.message}`)
  }
  return keptLabels(sources, dataset.fingerprint, context)
}

async function keptLabels({ store }: LabelSources, fingerprint: Digest, context: CallContext) {
  const kept = await keptUnder(store, labelsKey(fingerprint))
  if (!isDigest(kept?.value)) return undefined
  try {
    return unpackLabels(await store.objects.get(kept.value, context))
  } catch (error) {
    // A cache that was damaged or removed in part.
    if (isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'not-found')) return undefined
    throw error
  }
}
