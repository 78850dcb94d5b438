import { type Digest, isSheikhError, SheikhError } from '../../core/index.js'
import type {
  Bundle,
  PendingRelease,
  PostPublishActions,
  PrepareRequest,
  Release,
  ReleaseRecord,
} from '../../releaser/index.js'
import { finishRelease, publishPending } from '../finish-release.js'
import { anchorOf } from '../ledger-anchor.js'
import type { Session } from '../session.js'
import { changeSince, versionOf } from '../versioning.js'

export interface ReleaseRequest {
  readonly bundle: PrepareRequest['bundle']
  /** Fetches the bundle where `bundle` has no directory and the registry does not find it by its digest. */
  readonly openBundle?: (() => Promise<Bundle>) | undefined
  /**
   * Where the channel pointed when the release was decided on; `undefined`: nowhere. If it points elsewhere by the time of
   * the publication, the decision was about another release, and nothing is published.
   */
  readonly decidedAgainst: string | undefined
  readonly withdraws?: readonly string[]
  readonly reason?: string | undefined
  /** Who decided on the withdrawals. */
  readonly by?: string | undefined
  readonly sourceKey?: Digest | undefined
  readonly record: Partial<ReleaseRecord>
  readonly history: readonly Release[]
  readonly releaseAs?: string | undefined
}

/**
 * Prepare, verify, publish; then the actions after the publication. A crash before the publication leaves nothing published;
 * after it, the next run finishes the release.
 *
 * @throws `release-conflict` with `decidedAgainst` in its facts if another release was published since the decision.
 */
export function releaseStage(session: Session, request: ReleaseRequest): Promise<Release> {
  return session.stage('release', async () => {
    const { releaser } = session.options
    const { context, record } = session
    const postPublish: PostPublishActions = {
      ...(record.dirty ? {} : { channel: session.channel, replaces: request.decidedAgainst ?? null }),
      withdraws: request.withdraws ?? [],
      ...(request.reason !== undefined && { reason: request.reason }),
      ...(request.by !== undefined && { by: request.by }),
      ...(request.sourceKey !== undefined && { sourceKey: request.sourceKey }),
    }
    await session.lock.check()
    // A channel that is new moves its users from what was released last.
    const previous = (await releaser.current(session.channel, context)) ?? request.history[0]
    const prepare = async (bundle: PrepareRequest['bundle']) => releaser.prepare({ ...asked, bundle }, context)
    const entries = await session.ledger.read(context)
    // A registry that was lost does not free what was released there.
    const noted = entries.flatMap((entry) => (entry.type === 'release' ? [entry.version] : []))
    const used = [...request.history.map(({ version }) => version), ...noted]
    const { releaseAs } = request
    const { answers, ...told } = request.record
    const unsigned = {
      version: versionOf(session.options, changeSince(previous, request.record.source), { used, releaseAs }),
      postPublish,
      record: {
        // Registries are read by many: nothing secret goes there, whoever wrote it into a metric's or a person's name.
        ...session.hide({
          ...told,
          runId: session.runId,
          commit: record.commit,
          atMs: context.clock.nowMs(),
          ledger: anchorOf(entries),
        }),
        // Compressed: what looks like a secret there is none, and a changed character would spoil it.
        ...(answers !== undefined && { answers }),
      },
    }
    const asked = await attested(session, request.bundle, unsigned)
    const pending = await prepare(request.bundle).catch(async (error: unknown) => {
      if (request.openBundle === undefined || !isSheikhError(error, 'not-found')) throw error
      return prepare(await request.openBundle())
    })
    session.emit({ type: 'release-prepared', version: pending.version })
    await releaser.verify(pending, context)
    await session.lock.check()
    context.signal.throwIfAborted()
    await checkDecision(session, pending)
    const release = await publishPending(session, pending)
    // From here on only forward: an abort must not leave the channel behind.
    if (!(await finishRelease(session, release))) throw await overtaken(session, pending)
    await session.update({ version: release.version, restoredFrom: request.record.restoredFrom })
    return { value: release, cached: false }
  })
}

/** Leaves nothing behind for a release that was decided on when the channel pointed elsewhere. */
async function checkDecision(session: Session, pending: PendingRelease): Promise<void> {
  const { releaser } = session.options
  const { channel, replaces } = pending.postPublish
  if (channel === undefined || replaces === undefined) return
  const current = await releaser.current(channel, session.context)
  if ((current?.version ?? null) === replaces) return
  await releaser.discard(pending, session.context)
  throw await overtaken(session, pending)
}

async function overtaken(
  session: Session,
  { version, postPublish: { replaces } }: PendingRelease,
): Promise<SheikhError> {
  const { channel } = session
  const current = (await session.options.releaser.current(channel, session.context))?.version ?? null
  return new SheikhError(
    'release-conflict',
    `Cannot publish ${version}: it was decided on while "${channel}" pointed at ${replaces ?? 'nothing'}, and now it points at ${current ?? 'nothing'}. Run again, so that it is compared with that.`,
    { facts: { version, channel, decidedAgainst: replaces ?? null, current }, retryable: true },
  )
}

/** Whether a release was refused because another one was published since it was decided on. */
export const isOvertaken = (error: unknown): boolean =>
  isSheikhError(error, 'release-conflict') && 'decidedAgainst' in error.facts

/** With what is signed of it, if anything is. */
async function attested(
  { options: { attest }, context }: Session,
  { digest, manifest }: PrepareRequest['bundle'],
  asked: Omit<PrepareRequest, 'bundle'>,
): Promise<Omit<PrepareRequest, 'bundle'>> {
  if (attest === undefined) return asked
  const { attestation: _earlier, ...record } = asked.record
  const attestation = await attest({ formatVersion: 1, ...asked, record, bundle: digest, manifest }, context)
  return { ...asked, record: { ...record, attestation } }
}

/** The ledger's line for another source key that was found to lead to a release. */
export async function noteSource(session: Session, release: Release, sourceKey: Digest | undefined): Promise<void> {
  const { commit, dirty } = session.record
  await session.ledger.append(
    {
      type: 'release',
      runId: session.runId,
      version: release.version,
      bundle: release.bundle,
      ...(sourceKey && { sourceKey }),
      ...(commit !== undefined && !dirty && { commit }),
    },
    session.context,
  )
}
