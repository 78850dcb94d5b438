import { isSheikhError, SheikhError } from '../core/index.js'
import { readBundle } from '../releaser/index.js'
import type { ApproveOptions } from './options.js'
import { recover } from './recovery.js'
import type { RunRecord, RunResult } from './run-result.js'
import type { Session } from './session.js'
import { releaseStage } from './stages/release.js'

/** Releases what a run left open. Void once something newer was committed or released. */
export async function approve(
  session: Session,
  awaitingRunId: string,
  { by, reason }: ApproveOptions,
): Promise<RunResult> {
  const { store, releaser } = session.options
  if (by.trim() === '' || reason.trim() === '')
    throw new SheikhError('invalid-options', 'Cannot approve: an approval needs a name and a reason. Give both.')
  const history = await recover(session)
  const awaiting = (await store.runs.read(awaitingRunId)) as unknown as RunRecord | undefined
  const verdict = awaiting?.verdict
  if (awaiting?.status !== 'awaiting-approval' || verdict === undefined || awaiting.bundle === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot approve the run ${awaitingRunId}: ${awaiting === undefined ? 'it is not in the store' : `it is ${awaiting.status}`}. "sheikh status" lists the runs that await approval.`,
      { facts: { runId: awaitingRunId } },
    )
  // A crash after the promotion and before the record: the release is there, and must not be made twice.
  const made = history.find(
    ({ record }) => (record.approval as { runId?: string } | undefined)?.runId === awaitingRunId,
  )
  if (made === undefined) await checkStillOpen(session, awaiting)
  await session.update({ ...carried(awaiting), verdict })
  const approval = session.hide({ runId: awaitingRunId, by, reason })
  const approved = (await session.ledger.read(session.context)).some(
    (entry) => entry.type === 'approval' && entry.runId === awaitingRunId,
  )
  if (!approved) await session.ledger.append({ type: 'approval', ...approval }, session.context)

  const release = made ?? (await releaseKept())
  await store.runs.write(awaitingRunId, { ...awaiting, status: 'released', version: release.version } as never)
  return { runId: session.runId, status: 'released', release, verdict }

  async function releaseKept() {
    const directory = await session.folder('bundle')
    try {
      await store.objects.getDirectory(awaiting!.bundle!, directory, session.context)
    } catch (error) {
      if (!isSheikhError(error, 'not-found') && !isSheikhError(error, 'artifact-corrupt')) throw error
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot approve the run ${awaitingRunId}: its bundle is no longer whole in the store. Run again.`,
        { cause: error },
      )
    }
    const record = {
      metrics: awaiting!.metrics,
      evaluationDigest: awaiting!.dataset?.evaluationDigest,
      verdict,
      candidate: awaiting!.candidate?.record,
      dataset: awaiting!.dataset,
      approval,
    }
    return releaseStage(session, {
      bundle: await readBundle(directory, session.context),
      history,
      sourceKey: awaiting!.sourceKey,
      record: record as never,
    })
  }

  async function checkStillOpen(current: Session, open: RunRecord): Promise<void> {
    const provenance = await current.options.provenance?.(current.context)
    const released = await releaser.current(current.channel, current.context)
    const fact =
      provenance?.commit !== open.commit
        ? `the repository is at the commit ${provenance?.commit ?? 'none'}, the run was of ${open.commit ?? 'none'}`
        : released?.version !== open.baseline
          ? `the released version is ${released?.version ?? 'none'}, the run was compared with ${open.baseline ?? 'none'}`
          : undefined
    if (fact === undefined) return
    throw new SheikhError(
      'release-conflict',
      `Cannot approve the run ${open.runId}: ${fact}. Run again, and approve that.`,
      {
        facts: { runId: open.runId },
      },
    )
  }
}

const carried = ({ commit, dirty, sourceKey, dataset, candidate, bundle, baseline, best, metrics }: RunRecord) => ({
  commit,
  dirty,
  sourceKey,
  dataset,
  candidate,
  bundle,
  baseline,
  best,
  metrics,
})
