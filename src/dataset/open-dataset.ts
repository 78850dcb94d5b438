// Finds the summary of samples that did not change, at the least price, so that a run with nothing to do reads none.
import { SheikhError } from '../core/index.js'
import { type DatasetState, type LoadedOptions, readQuarantine, readState } from './dataset-state.js'
import type { DatasetContext, DatasetSnapshot, DatasetSummary, OpenedDataset, PinnedSet } from './dataset-types.js'
import { type askContent, knownSummary, type NamedContent } from './known-summary.js'
import { refusePinned } from './quarantine.js'
import { readPinnedSet } from './split.js'

/** A state with the evaluation set that splits its rows. */
export interface PinnedState extends DatasetState {
  readonly pinned: PinnedSet
}

export interface OpenDatasetParts {
  /** The name of the content, which Git finds while other work is done. */
  readonly asked: ReturnType<typeof askContent>
  readonly load: () => Promise<LoadedOptions>
  readonly snapshotOf: (state: PinnedState) => Promise<DatasetSnapshot<unknown, unknown>>
}

/** How long a dataset waits for the name of its content before it lists its files: `git status` of 30,000 files. */
const patienceMs = 50

/** As `Dataset.open`. */
export async function openDataset(
  parts: OpenDatasetParts,
  context: DatasetContext,
): Promise<OpenedDataset<unknown, unknown>> {
  // Ended with this call in any case.
  const settled = parts.asked.catch(() => {})
  try {
    return await openAsked(parts, context)
  } finally {
    await settled
  }
}

async function openAsked(
  { asked, load, snapshotOf }: OpenDatasetParts,
  context: DatasetContext,
): Promise<OpenedDataset<unknown, unknown>> {
  const loaded = await load()
  const { options, key } = loaded
  const pinned = await readPinnedSet(options.evaluation, context)
  const quarantined = await readQuarantine(options, context)
  const list = (context: DatasetContext) => readState({ ...loaded, pinned }, quarantined, context)
  // While Git compares many files, they are listed already, in case that one has changed.
  const unneeded = new AbortController()
  const early = { ...context, signal: AbortSignal.any([context.signal, unneeded.signal]) }
  const listing = (await isPending(asked, patienceMs)) ? list(early) : undefined
  const ended = listing?.catch(() => {})
  let content: NamedContent | undefined
  let same: DatasetSummary | undefined
  try {
    content = key === undefined ? undefined : (await asked)?.({ options, pinned, quarantined, key })
    same = await content?.find()
    if (same !== undefined) unneeded.abort()
  } catch (error) {
    unneeded.abort()
    throw error
  } finally {
    if (unneeded.signal.aborted) await ended
  }
  if (same !== undefined) {
    refusePinned(quarantined, pinned)
    return { summary: same, snapshot: once(async () => checkSame(same, await snapshotOf(await list(context)))) }
  }
  const state = await (listing ?? list(context))
  refusePinned(quarantined, pinned)
  const known = key === undefined ? undefined : knownSummary({ ...state, key }, context)
  const summary = await known?.find()
  if (summary !== undefined) {
    await content?.keep(summary, state.listed)
    return { summary, snapshot: once(async () => checkSame(summary, await snapshotOf(state))) }
  }
  const snapshot = await snapshotOf(state)
  const files = await state.named?.save()
  await known?.keep(snapshot.summary, files)
  await content?.keep(snapshot.summary, state.listed)
  return { summary: snapshot.summary, snapshot: async () => snapshot }
}

/** Several stages of a run ask for the rows. A failure is forgotten. */
function once<V>(read: () => Promise<V>): () => Promise<V> {
  let reading: Promise<V> | undefined
  return () => {
    reading ??= read().catch((error: unknown) => {
      reading = undefined
      throw error
    })
    return reading
  }
}

async function isPending(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), ms)
  })
  const settled = work.then(
    () => false,
    () => false,
  )
  try {
    return await Promise.race([settled, late])
  } finally {
    clearTimeout(timer)
  }
}

/** @throws `dataset-changed` if these are not the rows that the summary describes. */
function checkSame(summary: DatasetSummary, snapshot: DatasetSnapshot<unknown, unknown>) {
  const digests = ['fingerprint', 'trainingDigest', 'evaluationDigest', 'developmentDigest'] as const
  if (digests.every((name) => snapshot.summary[name] === summary[name])) return snapshot
  throw new SheikhError(
    'dataset-changed',
    'Cannot continue: samples changed during the run. Run again while nothing writes to the samples.',
  )
}
