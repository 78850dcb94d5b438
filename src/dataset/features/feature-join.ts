import { type Json, SheikhError } from '../../core/index.js'
import type { TimeFormat } from './feature-time.js'

/** Rows with the values of features over time, and the columns that are taken from them. */
export interface FeatureView extends TimeFormat {
  /** Unique among the views of a join. */
  readonly name: string
  /** Parquet, JSON Lines or JSON files, or folders with such files. */
  readonly files: readonly string[]
  /** The columns that say whose values a row has, by field of the samples: `{ driver_id: 'driver' }`. Empty: every sample's. */
  readonly entities: Readonly<Record<string, string>>
  /** The column with the time from which the values of a row are true. */
  readonly timestamp: string
  /** The column with the time at which a row was written. Decides between rows of the same time. @default none */
  readonly created?: string | undefined
  /** The age from which a value is not used, in milliseconds above 0. @default any age */
  readonly ttlMs?: number | undefined
  /** The columns that are taken, by their name in a sample. */
  readonly features: Readonly<Record<string, string>>
}

/** A feature view of Feast. Its registry says where the rows are, how old they may be, and what their columns mean. */
export interface FeastFeatureView {
  /** As in Feast. */
  readonly name: string
  /** The folder of the Feast repository, with `feature_store.yaml`. The registry and the rows are files on this machine. */
  readonly feast: string
  /** The join keys of the view, by field of the samples: `{ driver: 'driver_id' }`. @default the same names */
  readonly entities?: Readonly<Record<string, string>> | undefined
  /** The features that are taken, by their name in a sample. */
  readonly features: Readonly<Record<string, string>>
}

/**
 * A feature service of Feast: the features of its views, under their names in Feast without the view. Its registry says which
 * views these are.
 */
export interface FeastFeatureService {
  /** The name of the service in Feast. */
  readonly service: string
  /** As in `FeastFeatureView`. */
  readonly feast: string
  /** The join keys of all its views, by field of the samples. @default the same names */
  readonly entities?: Readonly<Record<string, string>> | undefined
}

/** How samples get the features that were known at their time. */
export interface FeatureJoin extends TimeFormat {
  /** The field of the samples with the time of the event: later rows are never used. */
  readonly timestamp: string
  readonly views: readonly (FeatureView | FeastFeatureView | FeastFeatureService)[]
  /** `allow`: features without a row are null. `refuse`: they are an error. @default 'allow' */
  readonly whenMissing?: 'allow' | 'refuse' | undefined
  /**
   * What to do about a row that was written after the sample's time, so that the sample could not have known it.
   * `refuse`: an error that names the samples. `skip`: the latest row that was written by then is used. `allow`: the
   * row is used, as Feast does. Only matters for views with `created`. @default 'refuse'
   */
  readonly whenCreatedLater?: 'refuse' | 'skip' | 'allow' | undefined
}

/** @throws `invalid-options` for a join that has no views, or names twice. */
export function checkJoin(join: FeatureJoin): void {
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('invalid-options', `Cannot join features: ${fact}. ${remedy}.`)
  if (join.timestamp === '') throw refuse('the field with the time of a sample has no name', 'Name it in "timestamp"')
  if (join.views.length === 0) throw refuse('there is no view', 'Name at least one in "views"')
  const [names, features] = [new Set<string>(), new Map<string, string>()]
  for (const view of join.views) {
    const name = viewNameOf(view)
    if (name === '' || names.has(name)) throw refuse(`two views have the name "${name}", or one has none`, 'Rename one')
    names.add(name)
    const { files, ttlMs } = 'files' in view ? view : { files: [view.feast], ttlMs: undefined }
    if (files.length === 0) throw refuse(`the view "${name}" has no files`, 'Name its Parquet files in "files"')
    if (!('service' in view) && Object.keys(view.features).length === 0)
      throw refuse(`the view "${name}" has no features`, 'Name its columns')
    if (ttlMs !== undefined && !(ttlMs > 0 && ttlMs <= 1e14))
      throw refuse(`the view "${name}" has the ttl ${ttlMs}`, 'Give milliseconds above 0, or leave it out')
    for (const feature of featureNamesIn(view)) {
      const other = features.get(feature)
      if (feature === '' || feature === '__proto__')
        throw refuse(`the view "${name}" has a feature named ${JSON.stringify(feature)}`, 'Rename it')
      if (other !== undefined)
        throw refuse(
          `the views "${other}" and "${name}" both have a feature "${feature}"`,
          `Give one another name, as in { ${name}_${feature}: ${feature} }`,
        )
      features.set(feature, name)
    }
    for (const field of Object.keys(view.entities ?? {}))
      if (field === '' || field === '__proto__')
        throw refuse(`the view "${name}" has an entity without a name`, 'Name it')
  }
  const fields = [join.timestamp, ...entityFieldsOf(join)]
  const clash = fields.find((field) => features.has(field))
  if (clash !== undefined)
    throw refuse(
      `the feature "${clash}" has the name of the sample's own field`,
      `Give it another name, as in { ${features.get(clash)}_${clash}: ${clash} }`,
    )
}

/** The fields of samples that name entities, each once. */
export const entityFieldsOf = ({ views }: Pick<FeatureJoin, 'views'>): readonly string[] => [
  ...new Set(views.flatMap(({ entities = {} }) => Object.keys(entities))),
]

export const featureNamesOf = ({ views }: Pick<FeatureJoin, 'views'>): readonly string[] =>
  views.flatMap(featureNamesIn)

type AnyView = FeatureJoin['views'][number]

const viewNameOf = (view: AnyView) => ('service' in view ? view.service : view.name)

/** None of a service, whose registry names them. */
const featureNamesIn = (view: AnyView) => ('service' in view ? [] : Object.keys(view.features))

/** What decides the values of a join, except the contents of its files. Where the files are decides nothing. */
export function describeJoin(join: FeatureJoin): Json {
  const { timestamp, timestampUnit = null, timeZone = null } = join
  const { whenMissing = 'allow', whenCreatedLater = 'refuse' } = join
  return {
    ...{ timestamp, timestampUnit, timeZone, whenMissing, whenCreatedLater },
    views: join.views.map((view) => ({
      entities: view.entities ?? null,
      ...('service' in view ? { service: view.service } : { name: view.name, features: view.features }),
      ...('files' in view ? describeRows(view) : { feast: true }),
    })),
  }
}

const describeRows = (view: FeatureView) => ({
  ...{ timestamp: view.timestamp, timestampUnit: view.timestampUnit ?? null, timeZone: view.timeZone ?? null },
  ...{ created: view.created ?? null, ttlMs: view.ttlMs ?? null },
})
