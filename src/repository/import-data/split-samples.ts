import { canonicalJson } from '../../core/index.js'
import { type DescribedRow, groupKeyOf, isSelected, rankOf, TextIndex } from '../../dataset/index.js'
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
  const equal = new Unions(rows.length)
  joinEqual(equal, rows.map(groupKeyOf))
  joinEqual(
    equal,
    inputs.map((input) => (typeof input === 'string' ? input.trim() : canonicalJson(input))),
  )
  const similar = similarOf(inputs, equal)
  const largest = Math.max(largestCount, rows.length * largestShare)
  const kinds = [...similar.members().values()].filter((members) => members.length > largest)
  const templated = new Set(kinds.flat())
  for (const index of rows.keys()) if (!templated.has(index)) equal.join(index, similar.rootOf(index))

  const clusters = [...equal.members().values()].map((members) => ({
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
    evaluation.push(...members.map((index) => rows[index]!.id))
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
            `${number(stayed)} groups of samples stay in the training data, because they have the only samples of a label.`,
          ]),
    ],
  }
}

function similarOf(inputs: readonly unknown[], equal: Unions): Unions {
  const similar = new Unions(inputs.length)
  const index = new TextIndex(inputs.slice(0, 1000))
  for (const [at, input] of inputs.entries()) {
    // Equal ones were joined already; one of each is enough to find the similar ones.
    if (equal.rootOf(at) !== at) continue
    for (const other of index.find(input)) similar.join(at, Number(other))
    index.add(String(at), input)
  }
  return similar
}

function joinEqual(unions: Unions, keys: readonly string[]): void {
  const first = new Map<string, number>()
  for (const [index, key] of keys.entries()) {
    const other = first.get(key)
    if (other === undefined) first.set(key, index)
    else unions.join(index, other)
  }
}

/** Disjoint sets of indices. */
class Unions {
  readonly #parents: number[]

  constructor(size: number) {
    this.#parents = Array.from({ length: size }, (_, index) => index)
  }

  rootOf(index: number): number {
    let root = index
    while (this.#parents[root] !== root) {
      this.#parents[root] = this.#parents[this.#parents[root]!]!
      root = this.#parents[root]!
    }
    return root
  }

  join(one: number, other: number): void {
    const [left, right] = [this.rootOf(one), this.rootOf(other)]
    this.#parents[Math.max(left, right)] = Math.min(left, right)
  }

  members(): ReadonlyMap<number, readonly number[]> {
    const found = new Map<number, number[]>()
    for (const index of this.#parents.keys()) {
      const root = this.rootOf(index)
      const list = found.get(root)
      if (list === undefined) found.set(root, [index])
      else list.push(index)
    }
    return found
  }
}
