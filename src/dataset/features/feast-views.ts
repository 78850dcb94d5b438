// Reads what `feast apply` wrote: feature_store.yaml and the registry, a protobuf message of feast.core.Registry
// (https://github.com/feast-dev/feast/tree/master/protos/feast/core). No Python runs.
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf, plainPath, SheikhError } from '../../core/index.js'
import { someOf } from '../issues.js'
import { fieldOf } from '../row-projection.js'
import type { FeastFeatureService, FeastFeatureView, FeatureView } from './feature-join.js'
import { ProtobufMessage } from './read-protobuf.js'

/** Numbers of fields. */
const registry = { featureViews: 6, featureServices: 7 }
const featureService = { spec: 1, name: 1, project: 2, projections: 3 }
const projection = { view: 1, columns: 2, alias: 3, joinKeys: 4 }
const featureView = { spec: 1 }
const spec = { name: 1, project: 2, ttl: 6, batchSource: 7, entityColumns: 12 }
const duration = { seconds: 1, nanos: 2 }
const dataSource = { type: 1, fieldMapping: 2, timestamp: 3, created: 5, file: 11, batchSource: 26 }
const fileOptions = { format: 1, uri: 2 }
const parquetFormat = 1
const batchFile = 1n
/** Feast's entity for views without one. */
const noEntity = '__dummy_id'

/**
 * Where Feast keeps the rows of a view, or of the views of a feature service, by its registry. Times without a zone are in UTC, as for Feast.
 *
 * @throws `dataset-invalid` for a registry that is not a file, an unknown view or service, or rows that are not in Parquet files of this
 * machine.
 */
export async function feastViews(asked: FeastFeatureView | FeastFeatureService): Promise<readonly FeatureView[]> {
  const { feast } = asked
  const [kind, name] = 'service' in asked ? ['service', asked.service] : ['view', asked.name]
  const folder = resolve(plainPath(feast, 'the path of a Feast repository'))
  const refuse = (fact: string, remedy: string, cause?: unknown) =>
    new SheikhError(
      'dataset-invalid',
      `Cannot read the feature ${kind} "${name}" of Feast in ${JSON.stringify(feast)}: ${fact}. ${remedy}.`,
      {
        facts: { path: feast, [kind]: name },
        ...(cause !== undefined && { cause }),
      },
    )
  const { path, project } = await storeOf(folder, refuse)
  const bytes = await readFile(path).catch((error: unknown) => {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw refuse(
      `its registry ${isAbsent ? 'does not exist' : `cannot be read (${messageOf(error)})`}`,
      'Run "feast apply"',
      error,
    )
  })
  try {
    const [message, place] = [new ProtobufMessage(bytes), { folder, project, refuse }]
    return 'service' in asked ? viewsOfService(message, asked, place) : [viewIn(message, { ...place, asked })]
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError)
      throw refuse(`its registry is damaged (${error.message})`, 'Run "feast apply"', error)
    throw error
  }
}

interface Place {
  readonly folder: string
  readonly project: string
  readonly refuse: Refuse
}

/** The features of a service, view by view. @throws `RangeError` for a message that is damaged. */
function viewsOfService(
  message: ProtobufMessage,
  { service, feast, entities }: FeastFeatureService,
  place: Place,
): readonly FeatureView[] {
  const { project, refuse } = place
  const services = message
    .messages(registry.featureServices)
    .map((one) => one.message(featureService.spec))
    .filter((one) => one.text(featureService.project) === project)
  const names = services.map((one) => one.text(featureService.name))
  const found = services[names.indexOf(service)]
  if (found === undefined)
    throw refuse(
      `the project "${project}" has ${names.length === 0 ? 'no feature services' : someOf(names, 20)}`,
      'Correct the name, or run "feast apply"',
    )
  const used = new Set<string>()
  const views = found.messages(featureService.projections).map((one): FeatureView => {
    const columns = one.messages(projection.columns).map((column) => column.text(1))
    const features = Object.fromEntries(columns.map((column) => [column, column]))
    // A view may be joined by other names of its keys, as for the origin and the destination of a trip.
    const renamed = new Map(one.messages(projection.joinKeys).map((pair) => [pair.text(1), pair.text(2)]))
    const fieldsOf = (keys: readonly string[]) =>
      keys.map((key): readonly [string, string] => {
        const name = renamed.get(key) ?? key
        used.add(name)
        const field = entities === undefined ? name : Object.keys(entities).find((each) => entities[each] === name)
        if (field === undefined)
          throw refuse(
            `its view "${one.text(projection.view)}" has the join key "${name}"`,
            'Name a field of the samples for it in "entities"',
          )
        return [field, key]
      })
    const view = viewIn(message, { ...place, fieldsOf, asked: { name: one.text(projection.view), feast, features } })
    return { ...view, name: one.text(projection.alias) || view.name }
  })
  const unknown = Object.values(entities ?? {}).find((key) => !used.has(key))
  if (unknown !== undefined)
    throw refuse(`none of its views has the join key "${unknown}"`, 'Correct the names in "entities"')
  return views
}

interface AskedView extends Place {
  readonly asked: FeastFeatureView
  /** The fields of samples for the join keys. @default those in `asked.entities` */
  readonly fieldsOf?: (keys: readonly string[]) => readonly (readonly [field: string, key: string])[]
}

/** @throws `RangeError` for a message that is damaged. */
function viewIn(message: ProtobufMessage, { asked, folder, project, refuse, fieldsOf }: AskedView): FeatureView {
  const { name, entities, features } = asked
  const views = message
    .messages(registry.featureViews)
    .map((one) => one.message(featureView.spec))
    .filter((one) => one.text(spec.project) === project)
  const names = views.map((one) => one.text(spec.name))
  const view = views[names.indexOf(name)]
  if (view === undefined)
    throw refuse(
      `the project "${project}" has ${names.length === 0 ? 'no feature views' : someOf(names, 20)}${fieldsOf === undefined ? '' : `, but not "${name}", which the service uses; views of other kinds cannot be read`}`,
      'Correct the name, or run "feast apply"',
    )
  const own = view.message(spec.batchSource)
  const [source = own] = own.messages(dataSource.batchSource)
  const file = source.message(dataSource.file)
  const uri = file.text(fileOptions.uri)
  if (source.integer(dataSource.type) !== batchFile || !file.message(fileOptions.format).hasOnly([parquetFormat]))
    throw refuse(
      'its rows are not in Parquet files',
      'Export them to Parquet, and name "files" and "timestamp" instead of "feast"',
    )
  if (/^(?!file:)[a-z][a-z0-9+.-]*:\/\//i.test(uri))
    throw refuse(
      `its rows are at ${uri}, not on this machine`,
      'Copy them here, and name "files" and "timestamp" instead of "feast"',
    )
  // From the names of columns to the names in Feast.
  const columns = new Map(source.messages(dataSource.fieldMapping).map((pair) => [pair.text(2), pair.text(1)]))
  const columnOf = (named: string) => columns.get(named) ?? named
  const keys = view
    .messages(spec.entityColumns)
    .map((column) => column.text(1))
    .filter((key) => key !== noEntity)
  const ttl = view.message(spec.ttl)
  const ttlMs = Number(ttl.integer(duration.seconds)) * 1000 + Number(ttl.integer(duration.nanos)) / 1e6
  const created = source.text(dataSource.created)
  const named = fieldsOf?.(keys) ?? Object.entries(entities ?? Object.fromEntries(keys.map((key) => [key, key])))
  const unknown = keys.find((key) => !named.some(([, other]) => other === key))
  if (named.length !== keys.length || unknown !== undefined)
    throw refuse(
      `its join keys are ${JSON.stringify(keys)}`,
      'Name a field of the samples for each of them in "entities"',
    )
  return {
    name,
    files: [uri.startsWith('file:') ? fileURLToPath(uri) : resolve(folder, uri)],
    entities: Object.fromEntries(named.map(([field, key]) => [field, columnOf(key)])),
    timestamp: columnOf(source.text(dataSource.timestamp)),
    ...(created !== '' && { created: columnOf(created) }),
    ...(ttlMs > 0 && { ttlMs }),
    timeZone: 'UTC',
    features: Object.fromEntries(Object.entries(features).map(([as, feature]) => [as, columnOf(feature)])),
  }
}

type Refuse = (fact: string, remedy: string, cause?: unknown) => SheikhError

async function storeOf(folder: string, refuse: Refuse): Promise<{ readonly path: string; readonly project: string }> {
  const hint = 'Name the folder with feature_store.yaml'
  const text = await readFile(join(folder, 'feature_store.yaml'), 'utf8').catch((error: unknown) => {
    throw refuse('feature_store.yaml cannot be read', hint, error)
  })
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text)
  if (document.errors.length > 0) throw refuse('feature_store.yaml is not YAML', 'Correct it')
  const store: unknown = document.toJS({ maxAliasCount: 50 })
  const [project, given] = [fieldOf(store, 'project'), fieldOf(store, 'registry')]
  if (typeof project !== 'string') throw refuse('feature_store.yaml names no project', hint)
  const type = fieldOf(given, 'registry_type') ?? 'file'
  const path = typeof given === 'object' ? fieldOf(given, 'path') : (given ?? 'data/registry.db')
  if (type !== 'file' || typeof path !== 'string' || /:\/\/|\$\{/.test(path))
    throw refuse('its registry is not a file on this machine', 'Name "files" and "timestamp" instead of "feast"')
  return { path: resolve(folder, path), project }
}
