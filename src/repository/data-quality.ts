import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type CallContext, isSheikhError } from '../core/index.js'
import {
  checkQuality,
  type DatasetSnapshot,
  type QualityReport,
  qualitySettings,
  type ReleasedData,
} from '../dataset/index.js'
import type { Executor } from '../execute/index.js'
import { type LabelSources, releasedLabels } from '../pipeline/index.js'
import { type Composition, wholeFoldersOf } from './compose.js'
import { withTokenCounter } from './count-tokens.js'
import { evaluationPath, samplesPath } from './layout.js'
import type { OpenedProject } from './opened-project.js'
import { secretsOf } from './release-targets.js'
import { labelsAtCommit } from './rows-at-commit.js'
import { refuseIncomplete } from './whole-checkout.js'

/** Checks the quality of a project's data, for people. @throws as `Repository.checkData`. */
export async function checkProjectData(
  project: OpenedProject,
  context: CallContext,
  executor?: Executor,
): Promise<QualityReport> {
  const composition = await project.compose()
  await refuseIncomplete('check the data', project, composition, context)
  return withProjectPaths(await projectQuality(project, composition, context, { executor }), composition)
}

/**
 * Checks the quality of a project's data, as a run does. Needs neither an evaluation set nor a release: says what was not checked.
 *
 * @param options.snapshot default: the samples are scanned.
 * @param options.executor examines the texts. Default: this process does.
 */
export async function projectQuality(
  project: OpenedProject,
  composition: Composition,
  context: CallContext,
  {
    snapshot,
    executor,
  }: {
    readonly snapshot?: DatasetSnapshot<unknown, unknown>
    readonly executor?: Executor | undefined
  } = {},
): Promise<QualityReport> {
  const { root, surroundings } = project
  const { configuration, dataset, store } = composition
  const secrets = secretsOf(surroundings.environment)
  const isPinned = existsSync(join(root, evaluationPath))
  const { quality, uncounted } = await withTokenCounter(root, configuration, wholeFoldersOf(composition), context)
  const found = await checkQuality(
    dataset,
    {
      ...quality,
      evaluation: isPinned ? 'pinned' : 'none',
      released: await releasedData(project, composition, context),
      secrets,
      ...{ snapshot, workers: executor && { executor, store } },
    },
    { ...context, cache: store.documents },
  )
  const report = uncounted === undefined ? found : { ...found, unchecked: [...found.unchecked, uncounted] }
  if (isPinned) return report
  const leakage = 'Leakage was not checked: no evaluation set is pinned. Pin one: sheikh evaluation pin'
  return { ...report, unchecked: [leakage, ...report.unchecked] }
}

/** The same report with paths below the project's folder, for people. The samples of a host's source or of the Hub have no such path. */
function withProjectPaths(report: QualityReport, { configuration, source }: Composition): QualityReport {
  if (source !== undefined || configuration.dataset.hub !== undefined) return report
  const folder = configuration.dataset.samples?.directory ?? samplesPath
  const findings = report.findings.map((finding) => ({
    ...finding,
    places: finding.places.map((place) => ({ ...place, path: `${folder}/${place.path}` })),
  }))
  return { ...report, findings }
}

/** `undefined` also if the registry cannot be reached: a check of data needs no network. */
async function releasedData(
  { git, prefix: project }: OpenedProject,
  composition: Composition,
  context: CallContext,
): Promise<ReleasedData | undefined> {
  const { releaser, configuration, pipeline, source, store } = composition
  if (pipeline !== undefined) return undefined
  try {
    const registry = await releaser()
    const current = await registry.current(configuration.release.channel ?? 'latest', context)
    const data = current?.record.dataset
    if (data === undefined || qualitySettings(configuration.dataset.quality).relabelled.action === 'off') return data
    const sources: LabelSources = {
      ...{ store, runId: 'data-check' },
      ...(source === undefined && {
        labelsAtCommit: (commit, context) => labelsAtCommit(git, composition, { commit, project }, context),
      }),
    }
    return { ...data, rows: await releasedLabels(sources, current!, registry, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    return undefined
  }
}
