import type { Metric } from '../evaluation.js'

/** The share of items predicted as `label` that have this label: TP / (TP + FP). */
export function precision(label: string): Metric {
  return ratio('precision', label, (hit, said) => [hit ? 1 : 0, said ? 1 : 0])
}

/** The share of items with `label` that are predicted as it: TP / (TP + FN). */
export function recall(label: string): Metric {
  return ratio('recall', label, (hit, _said, has) => [hit ? 1 : 0, has ? 1 : 0])
}

/** The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). */
export function f1(label: string): Metric {
  return ratio('f1', label, (hit, said, has) => [hit ? 2 : 0, Number(said) + Number(has)])
}

/**
 * The unweighted mean of `precision` over the labels: scikit-learn's `average='macro'`, with 0 for a label that was
 * never predicted.
 */
export const macroPrecision = (): Metric => macro('precision', ({ hits, said }) => [hits, said])

/** The unweighted mean of `recall` over the labels: scikit-learn's `average='macro'`. */
export const macroRecall = (): Metric => macro('recall', ({ hits, has }) => [hits, has])

/** The unweighted mean of `f1` over the labels: scikit-learn's `average='macro'`. */
export const macroF1 = (): Metric => macro('f1', ({ hits, said, has }) => [2 * hits, said + has])

interface Counts {
  hits: number
  said: number
  has: number
}

/** The mean over all labels that are a target or a prediction. */
function macro(name: string, parts: (counts: Counts) => readonly [number, number]): Metric {
  return {
    contract: 1,
    name: `macro-${name}`,
    version: '1',
    direction: 'higher-is-better',
    kind: 'aggregate',
    range: [0, 1],
    needs: 'label',
    describe: () => null,
    score: ({ target }, prediction) => (prediction.kind === 'label' && prediction.label === target ? 1 : 0),
    aggregate(items) {
      const byLabel = new Map<unknown, Counts>()
      const of = (label: unknown) => {
        const counts = byLabel.get(label) ?? { hits: 0, said: 0, has: 0 }
        byLabel.set(label, counts)
        return counts
      }
      for (const { row, prediction } of items) {
        const label = prediction.kind === 'label' ? prediction.label : undefined
        of(label).said += 1
        of(row.target).has += 1
        if (label === row.target) of(label).hits += 1
      }
      const values = [...byLabel.values()].map((counts) => {
        const [over, under] = parts(counts)
        return under === 0 ? 0 : over / under
      })
      return values.reduce((sum, value) => sum + value, 0) / values.length
    },
  }
}

/** Each is a ratio of per-item sums, so that it can be resampled by item. */
function ratio(
  name: string,
  label: string,
  parts: (hit: boolean, said: boolean, has: boolean) => readonly [number, number],
): Metric {
  const of = (row: Parameters<Metric['score']>[0], prediction: Parameters<Metric['score']>[1]) => {
    const said = prediction.kind === 'label' && prediction.label === label
    const has = row.target === label
    return parts(said && has, said, has)
  }
  return {
    contract: 1,
    name: `${name}(${label})`,
    version: '1',
    direction: 'higher-is-better',
    kind: 'ratio',
    needs: 'label',
    describe: () => ({ label }),
    score: (row, prediction) => of(row, prediction)[0],
    weight: (row, prediction) => of(row, prediction)[1],
  }
}
