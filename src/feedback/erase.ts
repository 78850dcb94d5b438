import { type CallContext, SheikhError } from '../core/index.js'
import type { FeedbackEntry, FeedbackStore } from './feedback.js'

/** Whose entries are to be erased. */
export interface EraseSelection {
  /** Ids of answers, or of requests with all their answers. Feedback about the answers is erased with them. @default none */
  readonly predictions?: readonly string[] | undefined
  /** Sources of feedback, as pseudonyms. The answers stay. @default none */
  readonly sources?: readonly string[] | undefined
}

/** What an erasing would erase. */
export interface ErasePlan {
  /** In the order in which they were added. */
  readonly entries: readonly { readonly id: string; readonly kind: FeedbackEntry['kind'] }[]
  /** Ids and sources of the selection of which the store has nothing. */
  readonly unknown: readonly string[]
}

/**
 * Finds the entries of a selection. Reads the whole store, and changes nothing.
 *
 * @throws `invalid-options` if the selection is empty; as `FeedbackStore.read`.
 */
export async function planErase(
  store: FeedbackStore,
  { predictions = [], sources = [] }: EraseSelection,
  context: CallContext,
): Promise<ErasePlan> {
  if (predictions.length + sources.length === 0)
    throw new SheikhError(
      'invalid-options',
      'Cannot erase feedback: nothing is named. Name answers by their ids, or sources by their pseudonyms.',
    )
  const wanted = new Set(predictions.filter((name) => name !== ''))
  const from = new Set(sources)
  const found = new Set<string>()
  /** The name in the selection that an answer has. */
  const nameOf = (id: string) => [id, id.slice(0, Math.max(0, id.lastIndexOf('/')))].find((name) => wanted.has(name))
  const entries: { id: string; kind: FeedbackEntry['kind'] }[] = []
  for await (const entry of store.read({}, context)) {
    const isFeedback = entry.kind === 'feedback'
    const names = [
      entry.kind === 'prediction' ? nameOf(entry.id) : undefined,
      isFeedback ? nameOf(entry.prediction) : undefined,
      isFeedback && from.has(entry.source) ? entry.source : undefined,
    ].filter((name) => name !== undefined)
    if (names.length === 0) continue
    for (const name of names) found.add(name)
    entries.push({ id: entry.id, kind: entry.kind })
  }
  return { entries, unknown: [...new Set([...predictions, ...sources])].filter((name) => !found.has(name)) }
}

/**
 * Erases answers with the feedback about them, or the feedback of sources, and returns what was erased. What the bytes
 * become is said by each store. Samples that were made of the entries stay in the dataset.
 *
 * @throws as `planErase` and `FeedbackStore.erase`.
 */
export async function eraseFeedback(
  store: FeedbackStore,
  selection: EraseSelection,
  context: CallContext,
): Promise<ErasePlan> {
  const plan = await planErase(store, selection, context)
  await store.erase(
    plan.entries.map(({ id }) => id),
    context,
  )
  return plan
}
