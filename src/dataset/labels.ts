import { SheikhError } from '../core/index.js'
import type { DatasetSummary } from './dataset-types.js'
import { someOf } from './issues.js'

type Labels = DatasetSummary['labels']
type Counts = Readonly<Record<string, number>>

/**
 * Refuses labels that only a slip can have made: one that is empty, and two that differ in nothing a person sees, since only
 * the space around them or their Unicode form differs. Free text, in which few targets occur twice, is not taken for labels.
 *
 * @throws `dataset-invalid` that names the labels.
 */
export function checkLabels(labels: Labels): void {
  if (labels === undefined || !isCategorical(labels)) return
  const all = Object.keys({ ...labels.training, ...labels.evaluation })
  const empty = all.filter((label) => label.trim() === '')
  if (empty.length > 0)
    throw refused(
      `${countOf(labels, empty)} rows have an empty label`,
      'Write their labels, or remove these rows; in JSON, null is a row without a target',
      empty,
    )
  const [alike] = groupsOf(all, (label) => label.trim().normalize('NFC'))
  if (alike !== undefined)
    throw refused(
      `the labels ${someOf(alike)} differ only in the space around them or in their Unicode form`,
      'Write them alike',
      alike,
    )
}

/** What a person should look at: labels that differ only in case, and labels of the evaluation set that training lacks. */
export function labelWarnings(labels: Labels): DatasetSummary['warnings'] {
  if (labels === undefined || !isCategorical(labels)) return []
  const all = Object.keys({ ...labels.training, ...labels.evaluation })
  const unknown = Object.keys(labels.evaluation).filter((label) => !Object.hasOwn(labels.training, label))
  return [
    ...groupsOf(all, (label) => label.normalize('NFKC').toLowerCase()).map((alike) => ({
      code: 'similar-labels',
      message: `The labels ${someOf(alike)} differ only in case or in their Unicode form: a model learns them as different answers.`,
      ids: [],
    })),
    ...(unknown.length === 0
      ? []
      : [
          {
            code: 'unknown-labels',
            message: `No training row has the ${unknown.length === 1 ? 'label' : 'labels'} ${someOf(unknown)}, which the evaluation set asks for in ${countOf(labels, unknown)} rows.`,
            ids: [],
          },
        ]),
  ]
}

// Labels repeat; answers in free text seldom do.
function isCategorical({ training, evaluation }: NonNullable<Labels>): boolean {
  const rows = [...Object.values(training), ...Object.values(evaluation)].reduce((sum, count) => sum + count, 0)
  return 2 * Object.keys({ ...training, ...evaluation }).length <= rows
}

/** The groups of labels that have one key. */
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
