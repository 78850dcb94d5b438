// The one road to readers. Automatic passes, approvals, overrides, restores, rollbacks and imports all publish here.
import { digestJson, isSheikhError, messageOf, SheikhError } from '../core/index.js'
import type { Release } from '../releaser/index.js'
import { findPrevious, readHistory } from './lookup.js'
import { readRun, writeRun } from './run-records.js'
import type { Session } from './session.js'
import { neededAfterRelease } from './stage.js'
import { HostStages } from './stages/host.js'
import { type ReleaseRequest, releaseStage } from './stages/release.js'

/**
 * Publishes a bundle and runs the host's stages that read the release.
 *
 * @param host the stages of the run that decided; absent: the decision was made earlier, and only the stages that need the
 *   release run, with what is known of it.
 * @throws `release-conflict` if the channel no longer points at `request.decidedAgainst`; nothing is published then. What a
 *   host's stage throws, after the release was taken back if `onFailure` is `rollback`.
 */
export async function publish(session: Session, request: ReleaseRequest, host?: HostStages): Promise<Release> {
  const release = await releaseStage(session, request)
  await follow(session, release, host)
  return release
}

/**
 * Runs the stages that a kill kept from the current release of this store. A stage that was cut off runs again: stages that
 * read the release run at least once.
 *
 * @returns whether there was such a release.
 */
export async function followKilled(session: Session): Promise<boolean> {
  const { options, context } = session
  if (neededAfterRelease(options.stages ?? []).length === 0) return false
  const release = await options.releaser.current(session.channel, context)
  if (release === undefined || release.withdrawn !== undefined) return false
  const { store } = options
  const killed = await readRun(store, release.record.runId)
  // This session holds the lock: a run that did not end was killed.
  if (killed?.status !== 'running' || killed.runId === session.runId || killed.finishedBy !== undefined) return false
  const done = () => writeRun(store, { ...killed, finishedBy: session.runId })
  try {
    await follow(session, release)
  } catch (error) {
    // An abort says nothing about the release: the next command runs them.
    context.signal.throwIfAborted()
    await done()
    throw error
  }
  await done()
  return true
}

async function follow(session: Session, release: Release, host?: HostStages): Promise<void> {
  try {
    await runReleaseStages(session, release, host)
  } catch (error) {
    session.context.signal.throwIfAborted()
    throw session.options.onFailure === 'rollback' ? await takeBack(session, release, error) : error
  }
}

/** What a release request needs to publish an earlier release's bundle again. */
export function requestAgain(
  session: Session,
  from: Release,
): Pick<ReleaseRequest, 'bundle' | 'openBundle' | 'record'> {
  const { runId: _run, commit: _commit, atMs: _at, ledger: _ledger, measured: _measured, ...inherited } = from.record
  return {
    bundle: { digest: from.bundle, manifest: from.manifest },
    openBundle: async () =>
      session.options.releaser.open(from.version, await session.folder('bundle'), session.context),
    record: { ...inherited, restoredFrom: from.version },
  }
}

async function runReleaseStages(session: Session, release: Release, host?: HostStages): Promise<void> {
  const stages = host ?? (await HostStages.ofRelease(session, release))
  await stages.add('release', { value: release }, digestJson(release))
  for (const { name, reads } of stages.waiting)
    session.warn(
      `The stage "${name}" did not run: it reads ${reads.map((artifact) => `"${artifact}"`).join(', ')}, and "${session.record.command}" does not make all of them.`,
      { stage: name },
    )
}

/** Leaves a release after a stage failed. @returns the stage's error, with what became of the release. */
async function takeBack(session: Session, release: Release, error: unknown): Promise<unknown> {
  const { code = 'stage-failed', facts } = isSheikhError(error) ? error : {}
  const told = (outcome: string, more: Readonly<Record<string, string>>) =>
    new SheikhError(code, `${messageOf(error)} ${outcome}`, { facts: { ...facts, ...more }, cause: error })
  const history = await readHistory(session)
  const target = findPrevious(history, release)
  if (target === undefined) return told(`${release.version} stays released: there is none to go back to.`, {})
  const goBack = () =>
    releaseStage(session, {
      ...requestAgain(session, target),
      history,
      decidedAgainst: release.version,
      withdraws: [release.version],
      reason: session.hide(messageOf(error)),
      sourceKey: target.postPublish.sourceKey,
    })
  const back = await goBack().catch((failure: unknown) => told(`Going back failed: ${messageOf(failure)}`, {}))
  if (back instanceof Error) return back
  const { version } = back
  return told(`${release.version} is withdrawn: ${version} is ${target.version} again.`, { version })
}
