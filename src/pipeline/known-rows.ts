// What a model knows, by the digests of the rows: those of its own training, and of what it started from. A list is believed
// only where its Merkle root is the one that the release's record has, wherever the list comes from.
import { type Digest, hexOf, isDigest, isSheikhError, merkleRoot, messageOf, SheikhError } from '../core/index.js'
import { groupKeyOf as groupOf, isSelected, type RowIdentity } from '../dataset/index.js'
import type { Release } from '../releaser/index.js'
import type { BaseRecord, CandidateRecord, NamedRelease } from '../trainer/index.js'
import { stageKeyOf } from './keys.js'
import { candidateRecordOf, partsOf } from './lookup.js'
import { ancestorsOf } from './named-base.js'
import type { Session } from './session.js'
import { findKept, keep } from './stage-cache.js'

const digestBytes = 32

const listKey = (root: Digest) => stageKeyOf({ kind: 'training-rows', training: root })

/** Keeps who was trained on, under their root. */
export async function keepRows(session: Session, rows: readonly Pick<RowIdentity, 'digest'>[]): Promise<void> {
  const { store } = session.options
  const digests = rows.map(({ digest }) => digest)
  const root = merkleRoot(digests)
  if ((await keptRows(session, root)) !== undefined) return
  const key = listKey(root)
  const bytes = Buffer.alloc(digests.length * digestBytes)
  for (const [index, digest] of digests.entries()) bytes.write(hexOf(digest), index * digestBytes, 'hex')
  // The list first: a key that names nothing would be of no use.
  const list = await store.objects.put(bytes, session.context)
  await keep(session, key, list)
}

/** @returns `undefined` where the store does not hold them, or not whole: they can be found out again. */
function keptRows(session: Session, root: Digest): Promise<readonly Digest[] | undefined> {
  return findKept(session, listKey(root), {
    async open({ value }) {
      if (!isDigest(value)) return undefined
      const bytes = Buffer.from(await session.options.store.objects.get(value, session.context))
      const digests = Array.from(
        { length: Math.floor(bytes.length / digestBytes) },
        (_, index): Digest => `sha256:${bytes.toString('hex', index * digestBytes, (index + 1) * digestBytes)}`,
      )
      return merkleRoot(digests) === root ? digests : undefined
    },
  })
}

/**
 * The digests of all rows that a release was trained on, and that whatever it was made of was: its base, and the releases that its trainer named.
 *
 * @throws `not-found` where that cannot be shown.
 */
export async function knownRows(
  session: Session,
  history: readonly Release[],
  release: Release,
): Promise<ReadonlySet<Digest>> {
  const rows = new Set<Digest>()
  await addKnownRows(session, history, release, { rows, seen: new Set() })
  return rows
}

/** The development rows of a release and of what it was made of, as far as the store holds them. */
export async function knownDevelopmentRows(
  session: Session,
  history: readonly Release[],
  release: Release,
): Promise<ReadonlySet<Digest>> {
  const rows = new Set<Digest>()
  for (const one of [release, ...ancestorsOf(history, release)]) {
    const { developmentDigest } = candidateRecordOf(one, history) ?? {}
    const kept = developmentDigest === undefined ? undefined : await keptRows(session, developmentDigest)
    for (const row of kept ?? []) rows.add(row)
  }
  return rows
}

/** @param known.seen the versions whose rows are in it: releases may have parts in common, generation after generation. */
async function addKnownRows(
  session: Session,
  history: readonly Release[],
  release: Release,
  known: { readonly rows: Set<Digest>; readonly seen: Set<string> },
): Promise<void> {
  if (known.seen.has(release.version)) return
  known.seen.add(release.version)
  session.context.signal.throwIfAborted()
  const made = candidateRecordOf(release, history)
  if (made === undefined)
    throw unknown(release, release.record.importedFrom === undefined ? 'its record does not say' : 'it was imported')
  // A part is older than what was made of it, so that a record which names itself ends too.
  const older = history.slice(history.findIndex(({ version }) => version === release.version) + 1)
  for (const part of partsOf(made)) await addKnownRows(session, older, earlierPart(release, older, part), known)
  const rows = (await keptRows(session, made.trainingDigest)) ?? (await rowsOfCommits(session, history, release, made))
  for (const row of rows) known.rows.add(row)
}

/** The release that another was made of; its files may be gone, its record never is. */
function earlierPart(release: Release, older: readonly Release[], part: NamedRelease): Release {
  const found = older.find(({ version }) => version === part.version)
  if (found?.bundle === part.digest) return found
  throw unknown(release, `the release ${part.version}, which it was made of, is not in the registry as it was`)
}

/** The rows of the commits that it was made of, where their root is the one that was recorded. */
async function rowsOfCommits(
  session: Session,
  history: readonly Release[],
  release: Release,
  made: CandidateRecord,
): Promise<readonly Digest[]> {
  const { rowsAtCommit } = session.options
  const commits = history.flatMap(({ record: { candidate, commit, restoredFrom } }) =>
    restoredFrom === undefined && commit !== undefined && candidate?.trainingDigest === made.trainingDigest
      ? [commit]
      : [],
  )
  let fact = `the store does not hold them, and ${rowsAtCommit === undefined ? 'nothing gives those of a commit' : 'no commit is recorded'}`
  let cause: unknown
  const before = rowsAtCommit === undefined ? new Set<Digest>() : await replayedFrom(session, history, release, made)
  for (const commit of rowsAtCommit === undefined ? [] : new Set(commits)) {
    try {
      const there = await rowsAtCommit!(commit, session.context)
      const rows = there.filter((row) => takesPart(row, before, made.base, made.seed))
      const root = merkleRoot(rows.map(({ digest }) => digest))
      if (root === made.trainingDigest) {
        await keepRows(session, rows)
        return rows.map(({ digest }) => digest)
      }
      fact = `the store does not hold them, and those of the commit ${commit} are others`
    } catch (error) {
      session.context.signal.throwIfAborted()
      if (isSheikhError(error) && error.retryable) throw error
      fact = `the store does not hold them, and the commit ${commit} does not give them (${messageOf(error).replace(/\.$/, '')})`
      cause = error
    }
  }
  throw unknown(release, fact, cause)
}

/** The rows that the base of a release knows, if only a share of them was trained on again. */
async function replayedFrom(
  session: Session,
  history: readonly Release[],
  release: Release,
  { base }: CandidateRecord,
): Promise<ReadonlySet<Digest>> {
  if (base === undefined || base.replayShare === 1) return new Set()
  const older = history.slice(history.findIndex(({ version }) => version === release.version) + 1)
  return knownRows(session, older, earlierPart(release, older, base))
}

/** Whether a row is trained on: one that the base does not know always, another by the hash of its group. */
export function takesPart(
  row: RowIdentity,
  known: ReadonlySet<Digest>,
  base: Pick<BaseRecord, 'version' | 'replayShare'> | undefined,
  seed: number,
): boolean {
  if (base === undefined || base.replayShare === 1 || !known.has(row.digest)) return true
  // By the version, so that another base has other rows replayed; by nothing of the other rows.
  return isSelected(groupOf(row), { salt: `${base.version}/${seed}`, purpose: 'replay', share: base.replayShare })
}

const unknown = ({ version }: Release, fact: string, cause?: unknown) =>
  new SheikhError(
    'not-found',
    `Cannot tell which rows ${version} was trained on: ${fact}. Have all of them take part (a replay share of 1), or bring the store of the run that trained it.`,
    { facts: { version }, ...(cause !== undefined && { cause }) },
  )
