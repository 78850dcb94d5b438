import { type Digest, isSheikhError, SheikhError } from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import type { Release } from '../releaser/index.js'
import { knownDevelopmentRows, knownRows } from './known-rows.js'
import type { FoundBase, ReleaseUse } from './named-base.js'
import type { Session } from './session.js'

type SnapshotRows = Pick<DatasetSnapshot<unknown, unknown>, 'heldOut' | 'trainingRows' | 'developmentRows'>

/**
 * A base may be older than a row's place in the evaluation set: what it learned of that row would be taken for skill.
 *
 * @param use of a release that is part of the model as it is. @default training starts from it
 * @throws `dataset-invalid` where the base knows a row that is pinned or set aside now; where nobody can tell, it is a warning.
 */
export async function checkUnseen(
  session: Session,
  { heldOut, trainingRows, developmentRows }: SnapshotRows,
  history: readonly Release[],
  { release, named }: FoundBase,
  use?: ReleaseUse,
): Promise<void> {
  const { version } = named
  try {
    const known = await knownRows(session, history, release)
    const ids = heldOut.filter(({ digest }) => known.has(digest)).map(({ id }) => id)
    if (ids.length === 0) {
      if (use !== undefined) warnOfDevelopment(session, { known, developmentRows, version })
      const chosenBy = await knownDevelopmentRows(session, history, release)
      const judged = heldOut.filter(({ digest }) => chosenBy.has(digest)).length
      if (judged > 0)
        session.warn(
          `The release ${version} was chosen by ${judged} ${judged === 1 ? 'row' : 'rows'} that models are judged on now, or that were set aside: ${judged === 1 ? 'it was a development row' : 'they were development rows'}, which decide when a training stops. Its result may be slightly too good. To be sure, ${use?.otherwise ?? 'train from scratch'}.`,
          { version },
        )
      // Rows that were all given another group, slice or id look new, and their texts are not.
      if (!trainingRows.some(({ digest }) => known.has(digest)))
        session.warn(
          `None of the rows of now is one that ${version} was trained on, to the letter: nothing shows that it never saw those that models are judged on. Where only ids, groups or slices have changed, ${use?.otherwise ?? 'train from scratch'}.`,
          { version },
        )
      return
    }
    throw new SheikhError(
      'dataset-invalid',
      `Cannot ${use?.act ?? 'start from'} ${version}: it was trained on ${ids.length} ${ids.length === 1 ? 'row' : 'rows'} that models are judged on now, or that were set aside (${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''}). ${use === undefined ? 'Train from scratch' : 'Leave it out'}, or name a release that was made since they were pinned.`,
      { facts: { version, ids: ids.slice(0, 100) } },
    )
  } catch (error) {
    if (!isSheikhError(error, 'not-found') || named.replayShare < 1) throw error
    session.warn(`Nothing shows that ${version} never saw the rows that models are judged on. ${error.message}`, {
      version,
    })
  }
}

/** Early stopping never saw the release, but what chooses by these rows takes what it learned of them for skill. */
function warnOfDevelopment(
  session: Session,
  {
    known,
    developmentRows,
    version,
  }: Pick<SnapshotRows, 'developmentRows'> & { readonly known: ReadonlySet<Digest>; readonly version: string },
): void {
  const count = developmentRows.filter(({ digest }) => known.has(digest)).length
  if (count > 0)
    session.warn(
      `The release ${version} was trained on ${count} of ${developmentRows.length} development rows. A trainer that chooses by these rows, such as an ensemble with "joinBy", overestimates the release.`,
      { version },
    )
}
