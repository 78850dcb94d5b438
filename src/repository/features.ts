import { join, resolve } from 'node:path'
import { type CallContext, canonicalJson, isSheikhError, SheikhError } from '../core/index.js'
import {
  type FeatureJoin,
  type FeatureSnapshot,
  joinFeatures,
  type LoadedSnapshot,
  loadSnapshot,
} from '../dataset/index.js'
import { writeFileAtomic } from '../store/index.js'
import type { Composition } from './compose.js'
import { featuresPath } from './layout.js'

/** What a join of the samples to their features wrote, compared with the file before. */
export interface JoinedFeatures extends Omit<FeatureSnapshot, 'text'> {
  readonly path: string
  /** Number of lines that the file did not contain before. */
  readonly added: number
  /** Number of lines that it no longer contains. */
  readonly removed: number
  /** Number of lines with another value than before, by feature. */
  readonly changed: Readonly<Record<string, number>>
}

/** Joins the samples of a project to their features, and writes the file that a person commits. */
export async function joinProjectFeatures(
  { root, composition }: { readonly root: string; readonly composition: Composition },
  context: CallContext,
): Promise<JoinedFeatures> {
  const { features } = composition.configuration.dataset
  if (features === undefined)
    throw new SheikhError(
      'invalid-config',
      'Cannot join features: dataset/config.yaml has no "features". Add the views there: docs/features.md shows how.',
      { facts: { file: 'dataset/config.yaml' } },
    )
  const source = composition.source ?? composition.samples
  const fetching = { ...context, largeFiles: composition.largeFiles }
  const { text, ...joined } = await joinFeatures(source, resolvedViews(root, features), fetching)
  const path = join(root, featuresPath)
  const before = await loadSnapshot(path, fetching).catch((error: unknown) => {
    // A file that cannot be read is written anew.
    if (isSheikhError(error)) return undefined
    throw error
  })
  await writeFileAtomic(path, text)
  return { path: featuresPath, ...joined, ...changes(before, await loadSnapshot(path)) }
}

/** A join whose paths are absolute. */
export const resolvedViews = (root: string, join: FeatureJoin): FeatureJoin => ({
  ...join,
  views: join.views.map((view) =>
    'files' in view
      ? { ...view, files: view.files.map((path) => resolve(root, path)) }
      : { ...view, feast: resolve(root, view.feast) },
  ),
})

function changes(before: LoadedSnapshot | undefined, after: LoadedSnapshot) {
  const names = after.header.features.map(({ name }) => name)
  const places = names.map((name) => before?.header.features.findIndex((feature) => feature.name === name) ?? -1)
  const changed: Record<string, number> = {}
  let [added, kept] = [0, 0]
  for (const { key, values } of after.lines()) {
    const old = before?.find(key)
    if (old === undefined) added += 1
    else {
      kept += 1
      for (const [at, name] of names.entries())
        if (places[at]! < 0 || canonicalJson(old[places[at]!]) !== canonicalJson(values[at]))
          changed[name] = (changed[name] ?? 0) + 1
    }
  }
  return { added, removed: (before?.size() ?? 0) - kept, changed }
}
