import { readFile, rm } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { type CallContext, isSheikhError, messageOf, nearestName, SheikhError } from '../../core/index.js'
import { digestSample, pinnedFile, sampleFiles, samplesOf } from '../../dataset/index.js'
import { type BatchRecord, formatBatchRecord, parseBatchRecord, type SampleOrigin } from '../../feedback/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { type Author, commit, knownAuthor, refuseUnfinished } from '../git/index.js'
import { evaluationPath, samplesPath } from '../layout.js'
import { recordPath, recordsAt } from './batch-files.js'
import type { FeedbackProject } from './propose-feedback.js'

export interface UndoFeedbackOptions {
  /** Recorded in the batch and in the commit. */
  readonly reason?: string | undefined
  /** @default the identity that Git knows */
  readonly author?: Author | undefined
}

export interface UndoneBatch {
  readonly batch: string
  /** The commit that removed the samples. */
  readonly commit: string
  /** Ids of the samples that were removed. */
  readonly removed: readonly string[]
  /** Samples that are not as the batch brought them: a person decides about them. */
  readonly kept: readonly KeptSample[]
}

export interface KeptSample {
  readonly id: string
  /** `missing`: no file has it. `moved`: another file has it. `pinned`: models are judged on it. */
  readonly reason: 'edited' | 'missing' | 'moved' | 'pinned'
  /** The file that has it, below the project's folder. */
  readonly path?: string | undefined
}

/**
 * Removes the samples of a merged batch by a commit on the current branch, also if other commits followed. Removes exactly the
 * samples that the batch brought: one that was edited since, moved into another file or pinned is kept and listed. Feedback of the
 * batch is not proposed again.
 *
 * @throws `not-found` if there is no such batch; `repository-dirty`; `invalid-options` if it was undone before; as `Repository.commit`.
 */
export async function undoFeedback(
  { git, surroundings: { root, project }, composition }: FeedbackProject,
  batch: string,
  { reason, author }: UndoFeedbackOptions,
  context: CallContext,
): Promise<UndoneBatch> {
  const person = author ?? (await knownAuthor(git))
  refuseUnfinished(git)
  const record = await readRecord()
  const paths = [record.path, recordPath(batch)].map((path) => posix.join(project, path))
  const { changed, deleted } = await git.changes(paths, context)
  if (changed.length + deleted.length > 0)
    throw new SheikhError(
      'repository-dirty',
      `Cannot undo the batch ${batch}: ${[...changed, ...deleted].join(', ')} differ from HEAD. Commit or restore them first.`,
      { facts: { paths: [...changed, ...deleted] } },
    )
  const set = await pinnedFile(join(root, evaluationPath)).read(context)
  const pinned = new Set<string>(set?.items.map(({ digest }) => digest))
  const { text, lines } = await readLines()
  const byDigest = new Map(record.samples.map((sample) => [sample.sampleDigest as string, sample]))
  const found = new Map<string, number>()
  const edited = new Set<string>()
  for (const { digest, id, line } of lines) {
    if (digest !== undefined && byDigest.has(digest)) found.set(digest, line)
    else if (id !== undefined) edited.add(id)
  }
  const removed = record.samples.filter(({ sampleDigest }) => found.has(sampleDigest) && !pinned.has(sampleDigest))
  const others = record.samples.filter(({ sampleDigest }) => !found.has(sampleDigest) || pinned.has(sampleDigest))
  const kept = await explain(others)

  const gone = new Set(removed.map(({ sampleDigest }) => found.get(sampleDigest)))
  const rest = text.split(/(?<=\n)/).filter((_, index) => !gone.has(index + 1))
  const left = rest.join('')
  if (removed.length > 0) {
    if (left.trim() === '') await rm(join(root, record.path))
    else await writeFileAtomic(join(root, record.path), left)
  }
  const undone = { atMs: context.clock.nowMs(), by: `${person.name} <${person.email}>`, ...(reason && { reason }) }
  await writeFileAtomic(join(root, recordPath(batch)), formatBatchRecord({ ...record, undone }))
  const message = `Undo the feedback batch ${batch}\n\nRemoves ${removed.length} of ${record.samples.length} samples.${reason ? `\n\nReason: ${reason}` : ''}\n`
  return {
    batch,
    commit: await commit(git, { message, author: person, paths }, context),
    removed: removed.map(({ id }) => id),
    kept,
  }

  async function readRecord(): Promise<BatchRecord> {
    const isName = /^[0-9a-f]{1,64}$/.test(batch)
    const content = isName ? await readFile(join(root, recordPath(batch)), 'utf8').catch(() => undefined) : undefined
    const known = content === undefined ? undefined : parseBatchRecord(content)
    if (known === undefined || known.batch !== batch || !isBelow(known.path)) throw await unknown(content !== undefined)
    if (known.undone === undefined) return known
    throw new SheikhError(
      'invalid-options',
      `Cannot undo the batch ${batch}: it was undone on ${new Date(known.undone.atMs).toISOString().slice(0, 10)} by ${known.undone.by}. Remove samples that were kept by hand.`,
    )
  }

  async function unknown(isDamaged: boolean): Promise<SheikhError> {
    if (isDamaged)
      return new SheikhError(
        'artifact-corrupt',
        `Cannot undo the batch ${batch}: "${recordPath(batch)}" is not the record of this batch. Restore the file from Git.`,
        { facts: { path: recordPath(batch) } },
      )
    const head = await git.head()
    const names = head === undefined ? [] : (await recordsAt(git, head.oid, project)).map((one) => one.batch)
    const nearest = nearestName(batch, names)
    return new SheikhError(
      'not-found',
      `Cannot undo the batch ${JSON.stringify(batch)}: the branch has no such batch. ${nearest === undefined ? 'Batches have a record in dataset/feedback.' : `Did you mean ${nearest}?`}`,
      { facts: { batch, known: names } },
    )
  }

  /** The samples in the file of the batch, as the dataset reads them. */
  async function readLines() {
    const text = await readFile(join(root, record.path), 'utf8').catch(() => '')
    const source = sampleFiles({ directory: join(root, dirname(record.path)), pattern: posix.basename(record.path) })
    const [entry] = text === '' ? [] : await source.list(context)
    const lines = (entry === undefined ? [] : await samplesOf(entry, context)).map(({ value, position }) => ({
      line: Number(/^line (\d+)$/.exec(position)?.[1]),
      digest: digestSample(value) as string | undefined,
      id: idOf(value, composition.configuration.dataset.projection.id ?? 'id'),
    }))
    return { text, lines }
  }

  async function explain(samples: readonly SampleOrigin[]): Promise<readonly KeptSample[]> {
    if (samples.length === 0) return []
    const directory = composition.configuration.dataset.samples?.directory ?? samplesPath
    // A dataset that cannot be read does not keep anybody from undoing the batch that may be the reason.
    const rows = await composition.dataset.contents(context).then(
      (contents) => contents.rows,
      (error: unknown) => {
        if (!isSheikhError(error, 'dataset-invalid')) throw error
        context.log.warn(`Samples of the batch in other files are not found: ${messageOf(error)}`)
        return []
      },
    )
    const places = new Map(rows.map(({ sampleDigest, path }) => [sampleDigest, posix.join(directory, path)]))
    return samples.map(({ id, sampleDigest }): KeptSample => {
      if (pinned.has(sampleDigest)) return { id, reason: 'pinned', path: places.get(sampleDigest) ?? record.path }
      if (edited.has(id)) return { id, reason: 'edited', path: record.path }
      const path = places.get(sampleDigest)
      return path === undefined ? { id, reason: 'missing' } : { id, reason: 'moved', path }
    })
  }
}

/** A record is a file that anybody may propose: it must not name a file outside the project. */
const isBelow = (path: string) => {
  const plain = posix.normalize(path)
  return !posix.isAbsolute(plain) && plain !== '..' && !plain.startsWith('../')
}

function idOf(sample: unknown, field: string): string | undefined {
  if (typeof sample !== 'object' || sample === null || !Object.hasOwn(sample, field)) return undefined
  const id = (sample as Readonly<Record<string, unknown>>)[field]
  return typeof id === 'string' ? id : undefined
}
