import type { LabelledRow } from './row-labels.js'

/** Rows that have another label than in the release, by id. JSON. */
export interface LabelMoves {
  /** Training rows with a label that have one in the release too. */
  readonly compared: number
  /** Of these, the rows with another label. */
  readonly rows: number
  /** The most frequent first, at most 100. */
  readonly moves: readonly LabelMove[]
}

export interface LabelMove {
  /** The label in the release. */
  readonly before: string
  readonly after: string
  readonly rows: number
}

/** Of a released label, or of several with equal shares the first. */
export interface RelabelledShare {
  readonly label: string
  /** The share of the compared rows with this label that have another one now, 0..1. */
  readonly share: number
}

const mostMoves = 100

/**
 * Compares labels row by row. Unlike numbers of rows per label, this shows rows that moved between labels in equal numbers both ways.
 *
 * @returns with the indices of the rows that have another label, and the label that lost the largest share of its rows.
 */
export function relabelledRows(
  released: Iterable<LabelledRow>,
  /** The place and the label of a training row. */
  rowOf: (id: string) => { readonly place: number; readonly label: string | undefined } | undefined,
): LabelMoves & { readonly members: readonly number[]; readonly worst: RelabelledShare | undefined } {
  const moves = new Map<string, Map<string, number>>()
  const compared = new Map<string, number>()
  const members: number[] = []
  for (const { id, label: before } of released) {
    const row = rowOf(id)
    if (row?.label === undefined || before === undefined) continue
    const { place, label: after } = row
    compared.set(before, (compared.get(before) ?? 0) + 1)
    if (before === after) continue
    members.push(place)
    const to = moves.get(before) ?? new Map<string, number>()
    moves.set(before, to.set(after, (to.get(after) ?? 0) + 1))
  }
  const all = [...moves].flatMap(([before, to]) => [...to].map(([after, count]) => ({ before, after, rows: count })))
  const byLabel = [...moves].map(([label, to]) => ({ label, share: sum(to.values()) / compared.get(label)! }))
  const inOrder = byLabel.sort((one, other) => other.share - one.share || (one.label < other.label ? -1 : 1))
  return {
    compared: sum(compared.values()),
    rows: members.length,
    moves: all.sort(byFrequency).slice(0, mostMoves),
    members,
    worst: inOrder[0],
  }
}

const byFrequency = (one: LabelMove, other: LabelMove) =>
  other.rows - one.rows ||
  (one.before === other.before ? (one.after < other.after ? -1 : 1) : one.before < other.before ? -1 : 1)

const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0)

/** Moves that a sentence names. */
const mostNamed = 3

/** `"a" → "b" (20), "b" → "a" (17)`. */
export function movesText({ moves }: Pick<LabelMoves, 'moves'>): string {
  const named = moves.slice(0, mostNamed).map(({ before, after, rows }) => `"${before}" → "${after}" (${rows})`)
  const more = moves.length - named.length
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
