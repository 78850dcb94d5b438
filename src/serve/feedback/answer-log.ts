import { type CallContext, type Json, messageOf } from '../../core/index.js'
import { checkEntries, type ExperimentPlace, type LoggedPrediction } from '../../feedback/index.js'
import type { Prediction } from '../../model/index.js'
import type { Release } from '../../releaser/index.js'
import type { Timer } from '../batcher.js'
import type { RequestFacts } from '../protocol.js'
import type { FeedbackLimits, ServeFeedback } from './feedback-options.js'

/** What became of an answer: written, not written because it may not or cannot be. */
export type LogOutcome = 'kept' | 'no-consent' | 'dropped'

export interface Answered {
  /** The id of the request. */
  readonly id: string
  readonly request: RequestFacts
  readonly inputs: readonly Json[]
  readonly predictions: readonly Prediction[]
  readonly release: Release
}

/** Keeps answers without delaying them: they wait in memory and are written together. */
export interface AnswerLog {
  /** Called before the answer is sent, so that every id that a client has is known. Never throws. */
  remember(answered: Answered): void
  /** An answer that waits or is written. @throws as the store. */
  prediction(id: string, context: CallContext): Promise<LoggedPrediction | undefined>
  /** Writes what waits. @throws as the store. */
  flush(): Promise<void>
  /** Writes what waits. An error is logged, with the number of answers that are lost. */
  close(): Promise<void>
  readonly waiting: number
}

/** The live test that an answer of a release belongs to, and the unit that got it. */
export type PlaceOf = (request: RequestFacts, release: Release) => ExperimentPlace | undefined

export interface AnswerLogSettings {
  readonly options: Pick<ServeFeedback, 'store' | 'consent' | 'redact'>
  readonly limits: Pick<FeedbackLimits, 'flushMs' | 'maximumWaiting'>
  /** @param version of the release that answered. */
  readonly onOutcome: (outcome: LogOutcome, count: number, version: string) => void
  /** @default no live test */
  readonly placeOf?: PlaceOf | undefined
  readonly context: CallContext
  readonly timer: Timer
}

// An append is one write, and its entries are in memory twice.
const maximumPerAppend = 500
// Inputs may be as large as a body, so the number of answers alone does not limit the memory.
const maximumWaitingCharacters = 64 * 2 ** 20
/** How long a store that failed is left alone. */
const pauseMs = 5000

export function createAnswerLog({ options, limits, onOutcome, placeOf, context, timer }: AnswerLogSettings): AnswerLog {
  const { store, consent, redact } = options
  /** By id, in the order of the answers. An answer is here until it is written. */
  const waiting = new Map<string, { readonly entry: LoggedPrediction; readonly characters: number }>()
  let waitingCharacters = 0
  let cancelTimer: (() => void) | undefined
  let writing: Promise<void> | undefined
  const warned = new Set<string>()

  /** One problem is logged once until it is over. */
  function warnOnce(problem: string, error: unknown): void {
    if (!warned.has(problem)) context.log.warn(`${problem}: ${messageOf(error)}`)
    warned.add(problem)
  }

  function countAll(outcome: LogOutcome, answers: readonly { readonly entry: LoggedPrediction }[]): void {
    const counts = new Map<string, number>()
    for (const { entry } of answers) counts.set(entry.release.version, (counts.get(entry.release.version) ?? 0) + 1)
    for (const [version, count] of counts) onOutcome(outcome, count, version)
  }

  function schedule(afterMs: number): void {
    cancelTimer ??= timer.after(afterMs, () => {
      cancelTimer = undefined
      void flush().catch(() => {})
    })
  }

  async function writeAll(): Promise<void> {
    cancelTimer?.()
    cancelTimer = undefined
    try {
      while (waiting.size > 0) {
        const batch = [...waiting.values()].slice(0, maximumPerAppend)
        await store.append(
          batch.map(({ entry }) => entry),
          context,
        )
        for (const { entry, characters } of batch) {
          waiting.delete(entry.id)
          waitingCharacters -= characters
        }
        countAll('kept', batch)
        warned.delete(cannotWrite)
      }
    } catch (error) {
      warnOnce(cannotWrite, error)
      schedule(pauseMs)
      throw error
    }
  }

  function flush(): Promise<void> {
    writing ??= writeAll().finally(() => {
      writing = undefined
      // An answer that came after the last batch was written.
      if (waiting.size > 0) schedule(limits.flushMs)
    })
    return writing
  }

  function isAllowed(request: RequestFacts): boolean {
    try {
      return consent === undefined || consent(request) === true
    } catch (error) {
      warnOnce('Cannot keep answers: the function "consent" failed', error)
      return false
    }
  }

  function entriesOf({ id, request, inputs, predictions, release }: Answered): readonly LoggedPrediction[] {
    const { version, bundle } = release
    const experiment = placeOf?.(request, release)
    const entries = predictions.map((answer, index): LoggedPrediction => {
      const prediction =
        answer.kind === 'text' && redact !== undefined ? { ...answer, text: redactedText(redact, answer.text) } : answer
      const input = redact === undefined ? inputs[index]! : redacted(redact(inputs[index]!, 'input'))
      const timeMs = context.clock.nowMs()
      const entry = { id: `${id}/${index}`, timeMs, release: { version, bundle }, input, prediction }
      return { kind: 'prediction', ...entry, ...(experiment !== undefined && { experiment }) }
    })
    checkEntries(entries)
    return entries
  }

  return {
    remember(answered) {
      const count = answered.predictions.length
      if (!isAllowed(answered.request)) {
        onOutcome('no-consent', count, answered.release.version)
        return
      }
      try {
        const entries = entriesOf(answered)
        const sizes = entries.map(({ input }) => charactersOf(input))
        const added = sizes.reduce((sum, size) => sum + size, 0)
        if (
          waiting.size + count > limits.maximumWaiting ||
          (waiting.size > 0 && waitingCharacters + added > maximumWaitingCharacters)
        )
          throw new Error(`${waiting.size} answers wait to be written`)
        for (const [index, entry] of entries.entries()) waiting.set(entry.id, { entry, characters: sizes[index]! })
        waitingCharacters += added
      } catch (error) {
        onOutcome('dropped', count, answered.release.version)
        warnOnce('Cannot keep answers for feedback', error)
      }
      if (waiting.size > 0 && writing === undefined) schedule(limits.flushMs)
    },
    prediction: async (id, within) => waiting.get(id)?.entry ?? (await store.prediction(id, within)),
    flush,
    async close() {
      // Twice, because a write that has begun does not contain the last answers.
      await flush().catch(() => {})
      if (waiting.size > 0) await flush().catch(() => {})
      cancelTimer?.()
      if (waiting.size > 0) {
        countAll('dropped', [...waiting.values()])
        context.log.warn(`${waiting.size} answers were not kept for feedback, because the store failed.`)
      }
    },
    get waiting() {
      return waiting.size
    },
  }
}

/** @throws if the result is no text. */
export function redactedText(redact: NonNullable<ServeFeedback['redact']>, text: string): string {
  const kept = redact(text, 'text')
  if (typeof kept === 'string') return kept
  throw new Error('the function "redact" returned no text for a text')
}

/** @throws if it is a promise, which would pass for an empty object. */
function redacted(value: Json): Json {
  if (value instanceof Promise) throw new Error('the function "redact" returned a promise')
  return value
}

const cannotWrite = 'Cannot write answers for feedback'

const charactersOf = (input: Json) => (typeof input === 'string' ? input : JSON.stringify(input)).length
