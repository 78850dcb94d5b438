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
import { type LabelSources, releasedLabels } from '../pipeline/index.js'
import { type Composition, wholeFoldersOf } from './compose.js'
import { withTokenCounter } from './count-tokens.js'
import type { Git } from './git/index.js'
import { evaluationPath, samplesPath } from './layout.js'
import { labelsAtCommit } from './rows-at-commit.js'

interface QualityPlace {
  readonly git: Git
  readonly root: string
  /** The project's folder below the repository's root; empty if it is the root. */
  readonly project: string
  readonly composition: Composition
}

/** Checks the quality of a project's data, as a run does. Needs neither an evaluation set nor a release: says what was not checked. */
export async function projectQuality(
  {
    secrets,
    snapshot,
    ...place
  }: QualityPlace & {
    readonly secrets: readonly string[]
    /** @default the samples are scanned */
    readonly snapshot?: DatasetSnapshot<unknown, unknown> | undefined
  },
  context: CallContext,
): Promise<QualityReport> {
  const { root, composition } = place
  const { configuration, dataset, store } = composition
  const isPinned = existsSync(join(root, evaluationPath))
  const { quality, uncounted } = await withTokenCounter(root, configuration, wholeFoldersOf(composition), context)
  const found = await checkQuality(
    dataset,
    {
      ...quality,
      evaluation: isPinned ? 'pinned' : 'none',
      released: await releasedData(place, context),
      secrets,
      snapshot,
    },
    { ...context, cache: store.documents },
  )
  const report = uncounted === undefined ? found : { ...found, unchecked: [...found.unchecked, uncounted] }
  if (isPinned) return report
  const leakage = 'Leakage was not checked: no evaluation set is pinned. Pin one: sheikh evaluation pin'
  return { ...report, unchecked: [leakage, ...report.unchecked] }
}

/** The same report with paths below the project's folder, for people. The samples of a host's source or of the Hub have no such path. */
export function withProjectPaths(report: QualityReport, { configuration, source }: Composition): QualityReport {
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
  { git, project, composition }: QualityPlace,
  context: CallContext,
): Promise<ReleasedData | undefined> {
  const { releaser, configuration, pipeline, source, store } = composition
  if (pipeline !== undefined) return undefined
  try {
    const current = await (await releaser()).current(configuration.release.channel ?? 'latest', context)
    const data = current?.record.dataset
    if (data === undefined || qualitySettings(configuration.dataset.quality).relabelled.action === 'off') return data
    const sources: LabelSources = {
      ...{ store, runId: 'data-check' },
      ...(source === undefined && {
        labelsAtCommit: (commit, context) => labelsAtCommit(git, composition, { commit, project }, context),
      }),
    }
    return { ...data, rows: await releasedLabels(sources, current!, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    return undefined
  }
}
