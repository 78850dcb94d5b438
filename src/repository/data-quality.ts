import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type CallContext, isSheikhError } from '../core/index.js'
import { checkQuality, type DatasetSummary, type QualityReport } from '../dataset/index.js'
import type { Composition } from './compose.js'
import { evaluationPath, samplesPath } from './layout.js'

/** Checks the quality of a project's data, as a run does. Needs neither an evaluation set nor a release: says what was not checked. */
export async function projectQuality(
  {
    root,
    composition,
    secrets,
  }: { readonly root: string; readonly composition: Composition; readonly secrets: readonly string[] },
  context: CallContext,
): Promise<QualityReport> {
  const { configuration, dataset, store } = composition
  const isPinned = existsSync(join(root, evaluationPath))
  const report = await checkQuality(
    dataset,
    {
      ...configuration.dataset.quality,
      evaluation: isPinned ? 'pinned' : 'none',
      released: await releasedData(composition, context),
      secrets,
    },
    { ...context, cache: store.documents },
  )
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
  { releaser, configuration, pipeline }: Composition,
  context: CallContext,
): Promise<Pick<DatasetSummary, 'labels' | 'slices'> | undefined> {
  if (pipeline !== undefined) return undefined
  try {
    const current = await (await releaser()).current(configuration.release.channel ?? 'latest', context)
    return current?.record.dataset
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error)) throw error
    return undefined
  }
}
