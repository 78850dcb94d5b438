import { join } from 'node:path'
import { type Json, SheikhError } from '../core/index.js'
import { type FeatureJoin, type LargeFiles, loadSnapshot, type SnapshotHeader, typesIn } from '../dataset/index.js'
import type { FeastLookUpOptions } from '../serve/index.js'
import { featuresPath } from './layout.js'

/** Feast's HTTP server. */
export interface OnlineStore {
  /** Such as `http://127.0.0.1:6566`. */
  readonly url: string
  /** A bearer token. Sent over TLS, or to this machine. @default none */
  readonly token?: string | undefined
}

type Prepare = (values: readonly Json[]) => Promise<readonly Json[]>

/**
 * Looks up the features of a project online: `view:column` for each, or a feature service, with the types of the snapshot.
 *
 * @throws `invalid-config` if the project has no features, an entity has two names in the store, or there is more than a feature service; `dataset-invalid` if there is
 * no snapshot; `invalid-options` for an address that cannot be used.
 */
export async function onlineFeatures(
  { url, token }: OnlineStore,
  {
    root,
    features,
    largeFiles,
  }: {
    readonly root: string
    readonly features: FeatureJoin | undefined
    /** Gets the snapshot if the checkout has a Git LFS pointer to it. @default a pointer is an error */
    readonly largeFiles?: LargeFiles | undefined
  },
): Promise<(prepare: Prepare) => Prepare> {
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('invalid-config', `Cannot look up features: ${fact}. ${remedy}.`, {
      facts: { file: 'dataset/config.yaml' },
    })
  if (features === undefined)
    throw refuse('dataset/config.yaml has no "features"', 'Add the views there, or serve without --feast')
  const { feastLookUp, withOnlineFeatures } = await import('../serve/index.js')
  const { header } = await loadSnapshot(join(root, featuresPath), { largeFiles })
  const joinKeys: Record<string, string> = {}
  for (const { entities: keys = {}, ...view } of features.views) {
    const name = 'service' in view ? view.service : view.name
    for (const [field, key] of Object.entries(keys)) {
      const other = joinKeys[field] ?? key
      if (other !== key)
        throw refuse(
          `the field "${field}" is "${other}" in one view, and "${key}" in the view "${name}"`,
          'Give the views of the store one name for it',
        )
      joinKeys[field] = key
    }
  }
  const lookUp = feastLookUp({ url, token, joinKeys, ...askedOf(features, header, refuse) })
  const { whenMissing } = features
  const given = { lookUp, types: typesIn(header), entities: header.entities, whenMissing }
  return (prepare) => withOnlineFeatures<Json>({ ...given, prepare })
}

/** What to ask for: a feature service, or features of views. */
function askedOf(
  { views }: FeatureJoin,
  header: SnapshotHeader,
  refuse: (fact: string, remedy: string) => SheikhError,
): Pick<FeastLookUpOptions, 'features' | 'featureService'> {
  const services = views.flatMap((view) => ('service' in view ? view.service : []))
  const [featureService] = services
  if (featureService === undefined)
    return {
      features: Object.fromEntries(
        views.flatMap((view) =>
          'service' in view
            ? []
            : Object.entries(view.features).map(([name, column]) => [name, `${view.name}:${column}`] as const),
        ),
      ),
    }
  if (views.length > 1)
    throw refuse(
      `Feast answers for one feature service, but "${featureService}" is one of ${views.length} views and services`,
      'Give the service of Feast all features, and name it alone',
    )
  return { featureService, features: Object.fromEntries(header.features.map(({ name }) => [name, name])) }
}
