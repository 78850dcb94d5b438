import { type CallContext, isSheikhError, SheikhError } from '../core/index.js'
import type { Release, Version } from '../releaser/index.js'
import { bestRelease, readHistory } from './lookup.js'
import type { GcOptions, PipelineParts } from './options.js'
import { recover } from './recovery.js'
import type { Session } from './session.js'
import { variantsOf } from './variants.js'

/** What becomes of each release that still has its files. */
export interface GcPlan {
  readonly remove: readonly { readonly version: Version; readonly sizeBytes: number }[]
  readonly keep: readonly { readonly version: Version; readonly reason: string }[]
}

const dayMs = 86_400_000

/** Which releases' files would go. */
export async function planGc(options: PipelineParts, context: CallContext, asked: GcOptions): Promise<GcPlan> {
  checkRetention(asked)
  const history = await readHistory({ options, context })
  return decide(history, await protectedReleases(options, context, history), asked, context.clock.nowMs())
}

/** Removes the files of old releases; their records stay. */
export async function collectGarbage(session: Session, asked: GcOptions): Promise<GcPlan> {
  checkRetention(asked)
  await recover(session)
  const { remove, keep } = await planGc(session.options, session.context, asked)
  const removed: GcPlan['remove'][number][] = []
  const kept = [...keep]
  for (const one of remove) {
    await session.lock.check()
    try {
      await session.options.releaser.remove(one.version, session.context)
      removed.push(one)
      session.emit({ type: 'release-removed', version: one.version })
    } catch (error) {
      // A registry that cannot, or a channel that was pointed at it just now: the others go all the same.
      if (!isSheikhError(error, 'release-rejected') && !isSheikhError(error, 'release-conflict')) throw error
      kept.push({ version: one.version, reason: error.message })
      session.warn(error.message, { version: one.version })
    }
  }
  return { remove: removed, keep: kept }
}

function checkRetention({ keepLast, retentionDays }: GcOptions): void {
  const isSound = (value: number | undefined, least: number) =>
    value === undefined || (Number.isFinite(value) && value >= least)
  if (keepLast === undefined && retentionDays === undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot collect garbage: nothing says what to keep. Set keep_last or retention_days under artifacts.storage in mlops/pipeline.yaml, or say it here: --keep-last, or keepLast in code.',
    )
  if (!isSound(keepLast, 1) || !isSound(retentionDays, 0))
    throw new SheikhError(
      'invalid-options',
      'Cannot collect garbage: keepLast is at least 1, and retentionDays at least 0. Correct them.',
    )
}

/** Bundles whose files stay whatever their age, and why. */
async function protectedReleases(
  options: PipelineParts,
  context: CallContext,
  history: readonly Release[],
): Promise<ReadonlyMap<Release['bundle'], string>> {
  const { releaser, gate, channel = 'latest', base } = options
  const reasons = new Map<Release['bundle'], string>()
  const protect = (release: Release | undefined, reason: string) => {
    if (release !== undefined && !reasons.has(release.bundle)) reasons.set(release.bundle, reason)
  }
  const named = await releaser.channels(context)
  const pointed = [[channel, named[channel]] as const, ...Object.entries(named)]
  for (const [name, version] of pointed)
    protect(
      history.find((release) => release.version === version),
      `the channel "${name}" points at ${version}`,
    )
  protect(
    history.find((release) => release.version === base?.version),
    'training starts from it',
  )
  const parts = variantsOf(options).flatMap(({ trainer }) => trainer.releases ?? [])
  for (const { version } of parts)
    protect(
      history.find((release) => release.version === version),
      'the trainer uses it',
    )
  protect(bestRelease(history, gate, undefined), 'the best model so far')
  protect(history[0], 'the newest')
  return reasons
}

function decide(
  history: readonly Release[],
  reasons: ReadonlyMap<Release['bundle'], string>,
  { keepLast = 0, retentionDays = 0 }: GcOptions,
  nowMs: number,
): GcPlan {
  const remove: GcPlan['remove'][number][] = []
  const keep: GcPlan['keep'][number][] = []
  const oldestMs = nowMs - retentionDays * dayMs
  const present = history.filter(({ removedAtMs }) => removedAtMs === undefined)
  const standing = present.filter(({ withdrawn }) => withdrawn === undefined).slice(0, keepLast)
  for (const release of present) {
    const { version, bundle, manifest, publishedAtMs } = release
    const reason =
      reasons.get(bundle) ??
      (standing.some((one) => one.bundle === bundle) ? `one of the last ${keepLast}` : undefined) ??
      (publishedAtMs > oldestMs ? `younger than ${retentionDays} days` : undefined)
    if (reason !== undefined) keep.push({ version, reason })
    else remove.push({ version, sizeBytes: manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) })
  }
  return { remove, keep }
}
