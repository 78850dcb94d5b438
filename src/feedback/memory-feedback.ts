import type { FeedbackEntry, FeedbackStore } from './feedback.js'

/** Keeps feedback in memory, for tests and trials. */
export function memoryFeedback(): FeedbackStore {
  const entries = new Map<string, FeedbackEntry>()
  return {
    async append(added) {
      const before = entries.size
      for (const entry of added) if (!entries.has(entry.id)) entries.set(entry.id, entry)
      return entries.size - before
    },
    async *read({ fromMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY }) {
      for (const entry of [...entries.values()]) if (entry.timeMs >= fromMs && entry.timeMs < untilMs) yield entry
    },
    async prediction(id) {
      const entry = entries.get(id)
      return entry?.kind === 'prediction' ? entry : undefined
    },
    async erase(ids) {
      for (const id of ids) entries.delete(id)
    },
  }
}
