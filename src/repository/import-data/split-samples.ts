import {
  type DescribedRow,
  equalityOf,
  Groups,
  groupKeyOf,
  groupTexts,
  isSelected,
  rankOf,
  textOf,
} from '../../dataset/index.js'
import { number } from './columns.js'

/** Larger groups of similar texts are texts of one kind, such as those of a template, and not copies. */
const largestShare = 0.05
const largestCount = 20

export interface SampleSplit {
  /** Ids of the evaluation set. */
  readonly evaluation: readonly string[]
  /** Rows that share the side of another row, by their group or their text. */
  readonly together: number
  readonly notes: readonly string[]
}

/**
 * Selects an evaluation set by hash. Rows of one group, and rows with equal or nearly equal inputs, are all in it or all outside
 * it. Each label keeps a training row.
 *
 * @param inputs of the rows, in the same order.
 * @param share of the rows to select, 0..1.
 */
export function splitSamples(
  rows: readonly DescribedRow[],
  inputs: readonly unknown[],
  { salt, share }: { readonly salt: string; readonly share: number },
): SampleSplit {
  const together = new Groups()
  const inputKeys = inputs.map(equalityOf)
  joinEqual(together, rows.map(groupKeyOf))
  joinEqual(together, inputKeys)
  const similar = groupTexts(inputs.map(textOf))
  const largest = Math.max(largestCount, rows.length * largestShare)
  const templated = new Set<number>()
  // Copies of one text are no kind of text.
  for (const members of similar.members(rows.length))
    if (new Set(members.map((index) => inputKeys[index])).size > largest)
      for (const index of members) templated.add(index)
  for (const index of rows.keys()) if (!templated.has(index)) together.join(index, similar.rootOf(index))

  const clusters = together.members(rows.length).map((members) => ({
    members,
    key: members.map((index) => groupKeyOf(rows[index]!)).sort()[0]!,
    labels: new Set(members.flatMap((index) => rows[index]!.label ?? [])),
  }))
  const ranked = clusters
    .map((cluster) => ({ ...cluster, rank: rankOf(cluster.key, { salt, purpose: 'evaluation' }) }))
    .sort((one, other) => (one.rank < other.rank ? -1 : one.rank > other.rank ? 1 : 0))
  const left = new Map<string, number>()
  for (const { labels } of ranked) for (const label of labels) left.set(label, (left.get(label) ?? 0) + 1)
  const evaluation: string[] = []
  let [others, stayed] = [ranked.length, 0]
  for (const { members, key, labels } of ranked) {
    const isWanted = isSelected(key, { salt, share }) || evaluation.length === 0
    if (!isWanted || others === 1) continue
    if ([...labels].some((label) => left.get(label) === 1)) {
      stayed += 1
      continue
    }
    for (const label of labels) left.set(label, left.get(label)! - 1)
    others -= 1
    for (const index of members) evaluation.push(rows[index]!.id)
  }
  return {
    evaluation: evaluation.sort(),
    together: clusters.reduce((sum, { members }) => sum + (members.length > 1 ? members.length : 0), 0),
    notes: [
      ...(templated.size === 0
        ? []
        : [
            `${number(templated.size)} inputs are similar to many others, as if made from a template. They are divided between training and evaluation; only equal ones stay together.`,
          ]),
      ...(stayed === 0
        ? []
        : [
            stayed === 1
              ? 'One sample, or one group of similar samples, stays in the training data, because no other one has its label.'
              : `${number(stayed)} samples, or groups of similar samples, stay in the training data, because no other ones have their labels.`,
          ]),
    ],
  }
}

function joinEqual(groups: Groups, keys: readonly string[]): void {
  const first = new Map<string, number>()
  for (const [index, key] of keys.entries()) {
    const other = first.get(key)
    if (other === undefined) first.set(key, index)
    else groups.join(index, other)
  }
}
