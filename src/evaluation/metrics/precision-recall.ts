import type { Metric } from '../evaluation.js'

/** Of the items answered with `label`, the share that has it: TP / (TP + FP). */
export function precision(label: string): Metric {
  return ratio('precision', label, (hit, said) => [hit ? 1 : 0, said ? 1 : 0])
}

/** Of the items that have `label`, the share answered with it: TP / (TP + FN). */
export function recall(label: string): Metric {
  return ratio('recall', label, (hit, _said, has) => [hit ? 1 : 0, has ? 1 : 0])
}

/** The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). */
export function f1(label: string): Metric {
  return ratio('f1', label, (hit, said, has) => [hit ? 2 : 0, Number(said) + Number(has)])
}

/** Each is a sum over a sum, item by item, so that it can be resampled by item. */
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
