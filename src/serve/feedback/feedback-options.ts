import type { Json } from '../../core/index.js'
import type { FeedbackStore } from '../../feedback/index.js'
import { refused } from '../options.js'
import type { RequestFacts } from '../protocol.js'

/** Keeps answers and takes feedback about them at `POST /v1/feedback`. */
export interface ServeFeedback {
  /** Where answers and feedback are kept. */
  readonly store: FeedbackStore
  /**
   * Whether the answers to a request may be kept. An answer that is not kept gets no feedback. Answers are kept only if it
   * returns `true`; an error is logged and counts as `false`.
   *
   * @default all answers are kept
   */
  readonly consent?: ((request: RequestFacts) => boolean) | undefined
  /**
   * Removes what must not be kept from an input, or from a text: an answer, or feedback about it. If it throws, the answer
   * or the feedback is not kept.
   *
   * @default nothing is removed
   */
  readonly redact?: ((value: Json, part: 'input' | 'text') => Json) | undefined
  /**
   * Who sends feedback, such as the user of a session. Only a pseudonym is kept: a hash with the secret of the store.
   *
   * @default the token of the request, with the `source` that its body names
   */
  readonly source?: ((request: RequestFacts) => string | undefined) | undefined
  /** Maximum feedback per source and hour, refused feedback included. More is answered with 429. @default 100 */
  readonly maximumPerSource?: number | undefined
  /** Maximum feedback of all sources per hour, refused feedback included. More is answered with 429. @default 10000 */
  readonly maximumInTotal?: number | undefined
  /** How long an answer may wait until it is written with others, in milliseconds. A crash loses those that wait. @default 1000 */
  readonly flushMs?: number | undefined
  /** Maximum answers that wait to be written. More are not kept, and counted. @default 10000 */
  readonly maximumWaiting?: number | undefined
}

export interface FeedbackLimits {
  readonly maximumPerSource: number
  readonly maximumInTotal: number
  readonly flushMs: number
  readonly maximumWaiting: number
}

/** @throws `invalid-options`. */
export function feedbackLimitsOf(options: ServeFeedback): FeedbackLimits {
  const whole = (name: keyof FeedbackLimits, otherwise: number, least = 1) => {
    const value = options[name] ?? otherwise
    if (Number.isInteger(value) && value >= least && value <= 2 ** 31 - 1) return value
    throw refused(`"feedback.${name}" is ${value}`, `Choose a whole number from ${least}`)
  }
  return {
    maximumPerSource: whole('maximumPerSource', 100),
    maximumInTotal: whole('maximumInTotal', 10_000),
    flushMs: whole('flushMs', 1000, 0),
    maximumWaiting: whole('maximumWaiting', 10_000),
  }
}
