import { SheikhError } from '../core/index.js'
import type { DatasetSnapshot, RowIdentity } from '../dataset/index.js'
import type { Rows } from '../model/index.js'
import type { Release } from '../releaser/index.js'
import type { BaseRecord } from '../trainer/index.js'
import { knownRows, takesPart } from './known-rows.js'
import type { FoundBase } from './named-base.js'
import type { Session } from './session.js'

/** The rows that take part in a training. */
export interface TrainingPart {
  readonly training: Rows<unknown, unknown>
  /** Who they are, in the same order. */
  readonly rows: readonly RowIdentity[]
  /** What of the base goes into the record. */
  readonly base?: BaseRecord | undefined
}

/**
 * All rows, or those that are new to the base and the share of the others that is asked for.
 *
 * @throws `not-found` where nobody knows what the base was trained on; `dataset-invalid` where no row is left.
 */
export async function trainingPart(
  session: Session,
  { training, trainingRows, filterTraining }: DatasetSnapshot<unknown, unknown>,
  history: readonly Release[],
  base: FoundBase | undefined,
  seed: number,
): Promise<TrainingPart> {
  if (base === undefined || base.named.replayShare === 1) return { training, rows: trainingRows, base: base?.named }
  const { release, named } = base
  const known = await knownRows(session, history, release)
  const rows = trainingRows.filter((row) => takesPart(row, known, named, seed))
  if (rows.length === 0)
    throw new SheikhError(
      'dataset-invalid',
      `Cannot train from ${named.version}: no row is new to it, and of those that it knows a share of ${named.replayShare} is none. Add samples, or raise the replay share.`,
      { facts: { version: named.version, rows: trainingRows.length } },
    )
  const ids = new Set(rows.map(({ id }) => id))
  const countKnown = (among: readonly RowIdentity[]) => among.filter(({ digest }) => known.has(digest)).length
  return {
    training: filterTraining(({ id }) => ids.has(id)),
    rows,
    base: { ...named, replayed: { rows: countKnown(rows), of: countKnown(trainingRows) } },
  }
}
