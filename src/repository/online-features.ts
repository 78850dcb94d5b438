import { join } from 'node:path'
import { type Json, SheikhError } from '../core/index.js'
import { type FeatureJoin, loadSnapshot, typesIn } from '../dataset/index.js'
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
 * Looks up the features of a project online: `view:column` for each, with the types of the snapshot.
 *
 * @throws `invalid-config` if the project has no features, or an entity has two names in the store; `dataset-invalid` if there is
 * no snapshot; `invalid-options` for an address that cannot be used.
 */
export async function onlineFeatures(
  { url, token }: OnlineStore,
  { root, features }: { readonly root: string; readonly features: FeatureJoin | undefined },
): Promise<(prepare: Prepare) => Prepare> {
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('invalid-config', `Cannot look up features: ${fact}. ${remedy}.`, {
      facts: { file: 'dataset/config.yaml' },
    })
  if (features === undefined)
    throw refuse('dataset/config.yaml has no "features"', 'Add the views there, or serve without --feast')
  const { feastLookUp, withOnlineFeatures } = await import('../serve/index.js')
  const { header } = await loadSnapshot(join(root, featuresPath))
  const joinKeys: Record<string, string> = {}
  for (const { name, entities: keys = {} } of features.views)
    for (const [field, key] of Object.entries(keys)) {
      const other = joinKeys[field] ?? key
      if (other !== key)
        throw refuse(
          `the field "${field}" is "${other}" in one view, and "${key}" in the view "${name}"`,
          'Give the views of the store one name for it',
        )
      joinKeys[field] = key
    }
  const named = features.views.flatMap((view) =>
    Object.entries(view.features).map(([name, column]) => [name, `${view.name}:${column}`] as const),
  )
  const lookUp = feastLookUp({ url, token, joinKeys, features: Object.fromEntries(named) })
  const { whenMissing } = features
  const given = { lookUp, types: typesIn(header), entities: header.entities, whenMissing }
  return (prepare) => withOnlineFeatures<Json>({ ...given, prepare })
}
