import { type CallContext, callContext, seededRandom } from '../core/index.js'
import { holm } from '../statistics/index.js'
import { checkedOptions } from './check-options.js'
import { type Column, columnsOf } from './columns.js'
import { compareCategories, compareNumbers, type Measured } from './compare-columns.js'
import { compareTexts } from './compare-texts.js'
import type { ComparedItems, DriftItem, DriftItems, DriftOptions, DriftReport, DriftTest } from './drift.js'

/**
 * Compares live traffic with a reference: the shares of labels and categories, numbers, confidence, and texts by their words, their
 * length and the words that the reference lacks.
 *
 * The p-values of all tests are corrected together (Holm), and drift is found only where the effect also matters. The tests assume
 * independent items: many requests of one user raise the chance of a false alarm. Confidence is compared if both sides have it.
 * Source of the test of words: D. Lopez-Paz and M. Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017.
 *
 * @throws `invalid-options`.
 *
 * @example
 * ```ts
 * const report = await detectDrift({ reference: referenceItems(rows), live: liveItems(store, { fromMs }) })
 * if (report.status === 'found') console.log(report.summary)
 * ```
 */
export async function detectDrift(options: DriftOptions, context: CallContext = callContext()): Promise<DriftReport> {
  const { level, look, minimumEffect, minimumItems, maximumItems, includeText, seed } = checkedOptions(options)
  const [reference, live] = [
    await sampleOf(options.reference, maximumItems, `${seed} reference`, context),
    await sampleOf(options.live, maximumItems, `${seed} live`, context),
  ]
  const common = {
    ...{ reference: reference.counts, live: live.counts, level, minimumEffect },
    ...(look !== undefined && { look }),
  }
  const short = Math.min(reference.counts.compared, live.counts.compared) < minimumItems
  if (short) {
    const summary = `Not enough data: there are ${reference.counts.items} reference and ${live.counts.items} live items, but at least ${minimumItems} of each are needed.`
    return { status: 'not-enough-data', summary, ...common, tests: [], skipped: [] }
  }
  const { columns, skipped } = columnsOf(reference.items, live.items)
  // Without a test, silence is not a pass.
  if (columns.length === 0) {
    const summary = 'Not enough data: no part of the inputs and answers can be compared.'
    return { status: 'not-enough-data', summary, ...common, tests: [], skipped }
  }
  const measured: Measured[] = []
  for (const column of columns) {
    context.signal.throwIfAborted()
    measured.push(...compare(column, { seed: `${seed} ${column.part}`, includeText }))
  }
  const adjusted = holm(measured.map(({ pValue }) => pValue))
  const tests = measured
    .map((test, index): DriftTest => {
      const isFound = adjusted[index]! <= level && test.effect >= minimumEffect
      return { ...test, adjusted: adjusted[index]!, isFound }
    })
    .sort((one, other) => other.effect - one.effect)
  const isFound = tests.some((test) => test.isFound)
  return { status: isFound ? 'found' : 'none', summary: summaryOf(tests, minimumEffect), ...common, tests, skipped }
}

interface CompareOptions {
  readonly seed: string
  readonly includeText: boolean
}

function compare(column: Column, { seed, includeText }: CompareOptions): readonly Measured[] {
  if (column.kind === 'numbers') return [compareNumbers(column)]
  if (column.kind === 'categories') {
    // Labels of the training data are names that people gave. Other answers, and the values of an input, may be users' text.
    const known = new Set(column.reference)
    const isShown = includeText || (column.part === 'answer' && column.live.every((label) => known.has(label)))
    return [compareCategories(column, { seed, isShown })]
  }
  return compareTexts(column, { seed, includeText })
}

/** Reservoir sampling: J. S. Vitter, ACM Trans. Math. Softw. 11 (1985) 37–57, algorithm R. */
async function sampleOf(
  source: DriftItems,
  maximum: number,
  seed: string,
  { signal }: CallContext,
): Promise<{ readonly items: readonly DriftItem[]; readonly counts: ComparedItems }> {
  const random = seededRandom(seed)
  const kept: DriftItem[] = []
  let seen = 0
  for await (const item of source) {
    signal.throwIfAborted()
    seen += 1
    if (kept.length < maximum) kept.push(item)
    else {
      const place = random.below(seen)
      if (place < maximum) kept[place] = item
    }
  }
  return { items: kept, counts: { items: seen, compared: kept.length } }
}

export const nameOf = ({ part, aspect }: Pick<DriftTest, 'part' | 'aspect'>): string =>
  aspect === 'categories' || aspect === 'numbers' ? part : `${part} (${aspect.replace('-', ' ')})`

function summaryOf(tests: readonly DriftTest[], minimumEffect: number): string {
  const found = tests.filter((test) => test.isFound)
  const amount = ({ effect }: DriftTest) => effect.toFixed(2)
  if (found.length > 0)
    return `Drift found in ${found.length} of ${tests.length} tests: ${found.map((test) => `${nameOf(test)} ${amount(test)}`).join(', ')}.`
  const largest = tests[0]!
  const why =
    largest.effect < minimumEffect ? `below ${minimumEffect}` : `which ${tests.length} tests of equal data may show`
  return `No drift in ${tests.length} tests: the largest effect is ${amount(largest)} (${nameOf(largest)}), ${why}.`
}
