import { callContext, digestJson, SheikhError } from '../core/index.js'
import { type Finding, storeLedger } from '../gate/index.js'
import type { ReleaseSource, Version } from '../releaser/index.js'
import { readOnlyDocuments } from '../store/index.js'
import type { BaseRecord } from '../trainer/index.js'
import { type ExpectedRun, withDurations } from './expected-duration.js'
import { failedBefore } from './failed-before.js'
import { foreseen } from './foresee.js'
import { findBySource, isRemoved, readHistory } from './lookup.js'
import { missingReleases } from './missing-releases.js'
import { ancestorText, findBase, withdrawnAncestor } from './named-base.js'
import { findReleases } from './named-releases.js'
import type { PipelineParts, RunPlanOptions } from './options.js'
import { type PlannedStage, why, withHostStages, withSkippedStages } from './plan-stages.js'
import { planTraining } from './plan-training.js'
import { isBundle, trainedFrom } from './released-weights.js'
import { lastRun } from './run-records.js'
import { sourceOf } from './source.js'
import { checkLabels, readPayload } from './stages/validate.js'
import { variantsOf } from './variants.js'
import { changeSince, releaseSource, versionOf } from './versioning.js'

export interface RunPlan {
  /** What a run would do now. `judge`: train if nothing is kept, compare, and release if the gate passes. */
  readonly outcome: 'up-to-date' | 'restore' | 'held-withdrawn' | 'judge' | 'refused-dirty' | 'refused-releases-missing'
  /** One sentence for a person. */
  readonly summary: string
  readonly version?: string | undefined
  /** The version that a release would get now. Absent: the run would release nothing. */
  readonly nextVersion?: Version | undefined
  /**
   * A release whose weights were trained from the same rows with the same settings and seed. The run trains again only if its
   * device or its packages differ from those of that training.
   */
  readonly trainedAs?: Version | undefined
  /** The current release, if it is the model that a run makes on a device like that of its training: nothing is released then. */
  readonly identicalTo?: Version | undefined
  readonly commit?: string | undefined
  readonly dirtyPaths: readonly string[]
  readonly counts: {
    readonly rows: number
    readonly training: number
    readonly evaluation: number
    readonly excludedByGroup: number
    readonly development?: number | undefined
    readonly leftOut?: number | undefined
  }
  /** The release that a training would start from; absent: from scratch, or nothing is trained. */
  readonly base?: BaseRecord | undefined
  readonly stages: readonly PlannedStage[]
  /** How long the run will take, from earlier runs. Absent: no earlier run tells. */
  readonly expected?: ExpectedRun | undefined
  /** What the gate will find on the next candidate, whatever is trained; empty if nothing is, or nobody knows. */
  readonly foreseen: readonly Finding[]
}

/** What would run, and why. Writes nothing and takes no lock. */
export async function plan(options: PipelineParts, { signal, retrain = false }: RunPlanOptions): Promise<RunPlan> {
  const { store, releaser, channel = 'latest' } = options
  const context = callContext({ signal, clock: options.clock, log: options.log })
  // Both compare the samples with Git, which takes time. The error of the first comes first.
  const [asked, opened] = await Promise.allSettled([
    (async () => options.provenance?.(context))(),
    options.dataset.open({ ...context, cache: readOnlyDocuments(store.documents) }),
  ])
  if (asked.status === 'rejected') throw asked.reason
  if (opened.status === 'rejected') throw opened.reason
  const provenance = asked.value ?? { dirtyPaths: [] }
  const { summary } = opened.value
  const variants = variantsOf(options)
  for (const each of variants) checkLabels(summary, each.trainer)
  const payload = await readPayload(options.payload, context)
  const source = sourceOf(options, summary, payload)
  const versioned = !('unversioned' in source)
  const history = await readHistory({ options, context })
  const current = await releaser.current(channel, context)
  const ledger = options.ledger ?? storeLedger(store)
  const entries = await ledger.read(context)
  const missing = missingReleases(entries, history)
  const found = versioned && !retrain ? findBySource(entries, history, source.digest, current) : undefined
  const known = found !== undefined && isRemoved(found) ? undefined : found
  const before = await lastRun(store, ({ sourceParts }) => sourceParts !== undefined)

  const common = { commit: provenance.commit, dirtyPaths: provenance.dirtyPaths, counts: summary.counts, foreseen: [] }
  const timed = (stages: readonly PlannedStage[]) =>
    withDurations(stages, options, { history, trainingRows: summary.counts.training })
  // As the release stage does: a registry that was lost does not free what was released there.
  const noted = entries.flatMap((entry) => (entry.type === 'release' ? [entry.version] : []))
  const used = [...history.map(({ version }) => version), ...noted]
  const nextVersion = (after: ReleaseSource | undefined) =>
    versionOf(options, changeSince(current ?? history[0], after), { used })
  // A run looks at this before it looks at any key.
  const dirty = provenance.dirtyPaths.length > 0
  const said = (outcome: RunPlan['outcome'], sentence: string): Pick<RunPlan, 'outcome' | 'summary'> =>
    dirty
      ? {
          outcome: 'refused-dirty',
          summary: `A run would be refused: the files that it reads are not those of the commit: ${provenance.dirtyPaths.length} are changed, new or missing.`,
        }
      : missing.length > 0
        ? {
            outcome: 'refused-releases-missing',
            summary: `A run would be refused: the ledger records ${missing.join(', ')}, and the registry "${releaser.name}" does not contain ${missing.length === 1 ? 'it' : 'them'}.`,
          }
        : { outcome, summary: sentence }
  const skip = (reason: string): readonly PlannedStage[] =>
    ['train', 'evaluate', 'gate', 'release'].map((stage) => ({ stage, action: 'skip', reason }))
  const validate: PlannedStage = {
    stage: 'validate',
    action: 'run',
    reason: `${summary.counts.rows} rows, always checked`,
  }
  const ancestor = known && known.withdrawn === undefined ? withdrawnAncestor(history, known) : undefined
  const ofWithdrawn =
    ancestor === undefined ? '' : ` ${ancestorText(known!, ancestor)} Train a model without it, or roll back.`
  if (known !== undefined && known.version === current?.version) {
    const reason = `the release ${known.version} was made from these inputs`
    return {
      ...common,
      ...said('up-to-date', `Nothing to do: ${reason}.${ofWithdrawn}`),
      version: known.version,
      ...(await timed(withSkippedStages(options, [validate, ...skip(reason)], reason))),
    }
  }
  if (known !== undefined && known.withdrawn !== undefined) {
    const reason = `the release ${known.version}, made from these inputs, was withdrawn (${known.withdrawn.reason})`
    return {
      ...common,
      ...said('held-withdrawn', `Held: ${reason}.`),
      version: known.version,
      ...(await timed(withSkippedStages(options, [validate, ...skip(reason)], reason))),
    }
  }
  if (known !== undefined) {
    const reason = `the release ${known.version} was made from these inputs, and is published again as a new version`
    const stages = skip(reason).map((stage) =>
      stage.stage === 'release' ? { ...stage, action: 'run' as const } : stage,
    )
    return {
      ...common,
      ...said('restore', `Restore: ${reason}.${ofWithdrawn}`),
      version: known.version,
      nextVersion: nextVersion(known.record.source),
      ...(await timed(withSkippedStages(options, [validate, ...stages], reason, known))),
    }
  }
  // As a run would: a base that cannot be used is an error of its own.
  const base = options.base && findBase(history, options.base).named
  const parts = new Set(variants.flatMap(({ trainer }) => findReleases(history, trainer).map(({ version }) => version)))
  const { stage: train, kept, released } = await planTraining(options, { summary, history, retrain }, context)
  // With several candidates, nobody knows before the run which of them it is about.
  const isOnly = variants.length === 1
  const trainedAs = retrain || !isOnly ? undefined : trainedFrom(options, summary, history)
  const builtIn: readonly PlannedStage[] = [
    validate,
    train,
    {
      stage: 'evaluate',
      action: 'run',
      reason:
        current === undefined
          ? `the first release: the ${isOnly ? 'candidate' : 'candidates'} alone`
          : `against the release ${current.version}`,
    },
    { stage: 'gate', action: 'run', reason: 'always runs' },
    { stage: 'release', action: 'run', reason: 'if the gate passes' },
  ]
  const weights =
    kept?.files ?? (released ?? (trainedAs === current?.version ? current : undefined))?.record.training?.weights
  const isSame = current !== undefined && weights !== undefined && isBundle(current, weights, payload, options)
  const identicalTo = isSame ? current.version : undefined
  const stages = await withHostStages(options, builtIn, {
    dataset: digestJson(summary),
    candidate: kept?.files && { record: kept.value, files: kept.files },
  })
  const changed = versioned ? why(before?.sourceParts, source.parts).reason : `"${source.unversioned}" has no version`
  const failed =
    versioned &&
    isOnly &&
    (await failedBefore(entries, ({ sourceKey }) => sourceKey === source.digest, options)) !== undefined
      ? ' The ledger records that its candidate failed before, so a run holds it unless somebody overrides that.'
      : ''
  const using =
    parts.size === 0 ? '' : ` with the ${parts.size === 1 ? 'release' : 'releases'} ${[...parts].join(', ')}`
  const from = `${base === undefined ? '' : ` that starts from ${base.version}`}${using}`
  return {
    ...common,
    ...said(
      'judge',
      `A run would ${train.action === 'cached' ? `judge the ${isOnly ? 'model that is' : `${variants.length} models that are`} trained already` : `train and judge ${isOnly ? 'a model' : `${variants.length} candidates`}${from}`}: ${changed}.${failed}`,
    ),
    ...(base !== undefined && { base }),
    ...(identicalTo === undefined
      ? { nextVersion: nextVersion(releaseSource(options, summary, payload)) }
      : { identicalTo }),
    ...(trainedAs !== undefined && { trainedAs }),
    ...(await timed(stages)),
    foreseen: await foreseen(options),
  }
}

/** Why a stage would run or not: `sheikh why`. @throws `invalid-options` for a stage that is not there. */
export function explain(planned: RunPlan, stage: string): PlannedStage {
  const found = planned.stages.find((candidate) => candidate.stage === stage)
  if (found !== undefined) return found
  const names = planned.stages.map((candidate) => candidate.stage).join(', ')
  throw new SheikhError(
    'invalid-options',
    `Cannot explain the stage "${stage}": no stage has this name. Choose one of ${names}.`,
  )
}
