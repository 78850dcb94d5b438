import { randomBytes } from 'node:crypto'
import { checkEntries, isInRange } from './entry-shape.js'
import type { FeedbackEntry, FeedbackStore } from './feedback.js'

/** Keeps feedback in memory, for tests and trials. */
export function memoryFeedback(): FeedbackStore {
  const entries = new Map<string, FeedbackEntry>()
  const secret = randomBytes(32).toString('hex')
  return {
    async append(added, { signal }) {
      signal.throwIfAborted()
      checkEntries(added)
      const before = entries.size
      for (const entry of added) if (!entries.has(entry.id)) entries.set(entry.id, entry)
      return entries.size - before
    },
    async *read(range) {
      for (const entry of [...entries.values()]) if (isInRange(entry, range)) yield entry
    },
    async prediction(id) {
      const entry = entries.get(id)
      return entry?.kind === 'prediction' ? entry : undefined
    },
    async erase(ids) {
      for (const id of ids) entries.delete(id)
    },
    secret: async () => secret,
  }
}
