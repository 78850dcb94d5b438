import { SheikhError } from '../core/index.js'
import type { DatasetSummary } from './dataset-types.js'
import { someOf } from './issues.js'

type Labels = DatasetSummary['labels']
type Counts = Readonly<Record<string, number>>

/**
 * Rejects labels that are certainly mistakes: empty labels, and labels that look identical because they differ only in
 * surrounding white space or Unicode form. Free text, in which few targets occur twice, does not count as labels.
 *
 * @throws `dataset-invalid` naming the labels.
 */
export function checkLabels(labels: Labels): void {
  if (labels === undefined || !isCategorical(labels)) return
  const all = Object.keys({ ...labels.training, ...labels.evaluation })
  const empty = all.filter((label) => label.trim() === '')
  if (empty.length > 0)
    throw refused(
      `${countOf(labels, empty)} rows have an empty label`,
      'Fill in the labels, or remove these rows. In JSON, use null for a row without a target',
      empty,
    )
  const [alike] = groupsOf(all, (label) => label.trim().normalize('NFC'))
  if (alike !== undefined)
    throw refused(
      `the labels ${someOf(alike)} differ only in surrounding white space or Unicode form`,
      'Use one spelling',
      alike,
    )
}

/** Warnings about labels that differ only in case, and labels of the evaluation set that no training row has. */
export function labelWarnings(labels: Labels): DatasetSummary['warnings'] {
  if (labels === undefined || !isCategorical(labels)) return []
  const all = Object.keys({ ...labels.training, ...labels.evaluation })
  const unknown = Object.keys(labels.evaluation).filter((label) => !Object.hasOwn(labels.training, label))
  return [
    ...groupsOf(all, (label) => label.normalize('NFKC').toLowerCase()).map((alike) => ({
      code: 'similar-labels',
      message: `The labels ${someOf(alike)} differ only in case or Unicode form. A model learns them as different labels.`,
      ids: [],
    })),
    ...(unknown.length === 0
      ? []
      : [
          {
            code: 'unknown-labels',
            message: `No training row has the ${unknown.length === 1 ? 'label' : 'labels'} ${someOf(unknown)}, which ${countOf(labels, unknown)} rows of the evaluation set have.`,
            ids: [],
          },
        ]),
  ]
}

/** Whether targets are labels, by how many of them differ. Labels repeat; free text rarely does. */
export const areLabels = (different: number, rows: number) => 2 * different <= rows

/** Whether the targets that a summary counts are labels, and no free text. */
export function isCategorical({ training, evaluation }: NonNullable<Labels>): boolean {
  const rows = [...Object.values(training), ...Object.values(evaluation)].reduce((sum, count) => sum + count, 0)
  return areLabels(Object.keys({ ...training, ...evaluation }).length, rows)
}

/** Groups labels with the same key. */
function groupsOf(labels: readonly string[], keyOf: (label: string) => string): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>()
  for (const label of labels) groups.set(keyOf(label), [...(groups.get(keyOf(label)) ?? []), label])
  return [...groups.values()].filter((group) => group.length > 1)
}

function countOf({ training, evaluation }: NonNullable<Labels>, names: readonly string[]): number {
  const count = (counts: Counts, name: string) => (Object.hasOwn(counts, name) ? counts[name]! : 0)
  return names.reduce((sum, name) => sum + count(training, name) + count(evaluation, name), 0)
}

const refused = (fact: string, remedy: string, labels: readonly string[]) =>
  new SheikhError('dataset-invalid', `Cannot use the labels: ${fact}. ${remedy}.`, { facts: { labels } })
