import { canonicalJson, type Digest, digestBytes, digestJson, merkleRoot } from '../../core/index.js'
import { type DatasetSnapshot, groupKeyOf, isSelected, type RowIdentity } from '../../dataset/index.js'
import type { Row, Rows } from '../../model/index.js'

type AnyRow = Row<unknown, unknown>
type AnyRows = Rows<unknown, unknown>

/** The rows that reviews judge by: a share of the training rows, by a hash of the group, so that new samples move none of them. */
export async function developmentRows(training: AnyRows, salt: string, share: number): Promise<readonly AnyRow[]> {
  const rows: AnyRow[] = []
  for await (const row of training) if (isSelected(groupKeyOf(row), { salt, purpose: 'review', share })) rows.push(row)
  return rows
}

/** Rows that are not trained on in a review. */
export interface Reserved {
  readonly ids: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  readonly texts: ReadonlySet<Digest>
}

/**
 * @param inputs of all reserved rows, as the state that is trained makes them.
 * @param rows of the state that is trained: a reserved row may be in another group there.
 */
export function reserve(
  reserved: readonly Pick<RowIdentity, 'id' | 'group'>[],
  inputs: Iterable<unknown>,
  rows: readonly Pick<RowIdentity, 'id' | 'group'>[],
): Reserved {
  const ids = new Set(reserved.map(({ id }) => id))
  const groups = new Set([...reserved, ...rows.filter(({ id }) => ids.has(id))].map(groupKeyOf))
  return { ids, groups, texts: new Set(Array.from(inputs, textKeyOf)) }
}

/** All rows that a state could be trained on, and those that no model may be trained on. */
export const rowsOf = ({ trainingRows, heldOut }: DatasetSnapshot<unknown, unknown>) => [...trainingRows, ...heldOut]

/** Rows without those that are reserved, their groups, and copies of their text; and the ids of these rows. */
export function withoutReserved(
  rows: AnyRows,
  { ids, groups, texts }: Reserved,
): Promise<{ readonly rows: AnyRows; readonly kept: ReadonlySet<string> }> {
  return rowsWhere(rows, (row) => !ids.has(row.id) && !groups.has(groupKeyOf(row)) && !texts.has(textKeyOf(row.input)))
}

/** Rows in memory, in the given order. */
export function rowsInMemory(rows: readonly AnyRow[]): AnyRows {
  return {
    size: rows.length,
    digest: merkleRoot(rows.map(digestJson)),
    async *[Symbol.asyncIterator]() {
      yield* rows
    },
  }
}

async function rowsWhere(rows: AnyRows, keep: (row: AnyRow) => boolean) {
  const kept = new Set<string>()
  const digests: Digest[] = []
  for await (const row of rows)
    if (keep(row)) {
      kept.add(row.id)
      digests.push(digestJson(row))
    }
  const selected: AnyRows = {
    size: kept.size,
    digest: merkleRoot(digests),
    async *[Symbol.asyncIterator]() {
      for await (const row of rows) if (kept.has(row.id)) yield row
    },
  }
  return { rows: selected, kept }
}

/** Training rows of a state, and which of them it was trained on. */
interface TrainedRows {
  readonly rows: readonly Pick<RowIdentity, 'id' | 'digest'>[]
  readonly kept: ReadonlySet<string>
}

/** Training rows that only one of the states has, or that differ; and how many of them one of the trainings read. */
export function changedRows(
  base: TrainedRows,
  head: TrainedRows,
): { readonly total: number; readonly trainedOn: number } {
  const [before, after] = [base, head].map(({ rows }) => new Map(rows.map(({ id, digest }) => [id, digest])))
  const changed = [...new Set([...before!.keys(), ...after!.keys()])].filter((id) => before!.get(id) !== after!.get(id))
  return { total: changed.length, trainedOn: changed.filter((id) => base.kept.has(id) || head.kept.has(id)).length }
}

/** Equal for inputs with the same letters and digits: case, white space and punctuation do not make another text. */
function textKeyOf(input: unknown): Digest {
  const text = typeof input === 'string' ? input : canonicalJson(input)
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{M}\p{N}]+/gu)
  return digestBytes(words?.join(' ') ?? text)
}
