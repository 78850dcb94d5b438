import type { Json } from '../core/index.js'

/** An input with its answer: of the training data the target, of live traffic what the model answered. */
export interface DriftItem {
  /** A text, a number, or an object whose fields are compared one by one. */
  readonly input: Json
  /** A label, a number or a text. Absent: only the input is compared. */
  readonly answer?: string | number | undefined
  /** The probability that the model gave its answer, from 0 to 1. */
  readonly confidence?: number | undefined
}

export type DriftItems = AsyncIterable<DriftItem> | Iterable<DriftItem>

export interface DriftOptions {
  /** What live traffic is compared with, such as the training data of the release. */
  readonly reference: DriftItems
  readonly live: DriftItems
  /** The chance of a false alarm, over all tests together. @default 0.05 */
  readonly level?: number | undefined
  /**
   * The smallest effect that counts, from 0 to 1: the share of items that would have to change at least. With enough items every
   * difference is significant; this decides which one matters. @default 0.1
   */
  readonly minimumEffect?: number | undefined
  /** Fewer items on a side are not compared. @default 100 */
  readonly minimumItems?: number | undefined
  /** At most this many items of a side are compared: a random sample. @default 5000 */
  readonly maximumItems?: number | undefined
  /**
   * Which look at live traffic this is, from 1. The level of look k is `level` × 6 / (π² k²), so that the chance of any false alarm
   * in all looks together stays below `level`, however many follow. Absent: a single look at the whole level.
   */
  readonly look?: number | undefined
  /** Adds words and categories of inputs to the report, which are text of users. @default false */
  readonly includeText?: boolean | undefined
  /** Decides samples and divisions. The same items and seed give the same report. @default 0 */
  readonly seed?: number | string | undefined
}

/** Whether live traffic differs from the reference. Plain JSON. */
export interface DriftReport {
  /** `found`: at least one test is significant, and its effect is at least `minimumEffect`. */
  readonly status: 'found' | 'none' | 'not-enough-data'
  /** One or two sentences for a person. */
  readonly summary: string
  readonly reference: ComparedItems
  readonly live: ComparedItems
  /** The level of this look. */
  readonly level: number
  readonly look?: number | undefined
  readonly minimumEffect: number
  /** The largest effect first. */
  readonly tests: readonly DriftTest[]
  /** Parts of inputs and answers that no test compares, with the reason. */
  readonly skipped: readonly { readonly part: string; readonly reason: string }[]
}

export interface ComparedItems {
  readonly items: number
  /** How many of them were compared. */
  readonly compared: number
}

/** One difference that was tested. */
export interface DriftTest {
  /** `answer`, `confidence`, `input`, or a field of the input: `input.amount`. */
  readonly part: string
  /**
   * `categories`: shares of values; χ². `numbers`: values; Kolmogorov–Smirnov. `words`: whether a classifier can tell texts of the
   * two sides apart; Fisher's exact test of held-out texts. `length`: characters of texts; `unseen-words`: shares of words that the
   * reference does not contain; both Kolmogorov–Smirnov.
   */
  readonly aspect: 'categories' | 'numbers' | 'words' | 'length' | 'unseen-words'
  /**
   * From 0 to 1, on the scale of the total variation distance. Categories: the distance of the samples. Numbers, lengths and unseen
   * words: the largest difference of the distribution functions. Words: twice the held-out accuracy, less 1; it estimates a lower
   * bound.
   */
  readonly effect: number
  readonly pValue: number
  /** The p-value, corrected for all tests of the report (Holm). */
  readonly adjusted: number
  /** Whether `adjusted` is at most the level and `effect` at least `minimumEffect`. */
  readonly isFound: boolean
  /** The categories whose shares changed most. Of inputs: only with `includeText`. */
  readonly changes?: readonly ShareChange[] | undefined
}

/** A category or a word, and the share of items that have it. */
export interface ShareChange {
  readonly value: string
  readonly reference: number
  readonly live: number
}
