import { type CallContext, callContext, type Digest, digestBytes, type Json, SheikhError } from '../../core/index.js'
import type { Source, SourceSample } from '../dataset-types.js'
import { type DatasetIssue, issuesError, maximumIssues, placeOf } from '../issues.js'
import { fieldOf } from '../row-projection.js'
import type { LargeFiles } from '../sources/large-files.js'
import { sampleBatches } from '../sources/sample-batches.js'
import { feastViews } from './feast-views.js'
import { checkJoin, entityFieldsOf, type FeatureJoin, featureNamesOf } from './feature-join.js'
import { type FeatureType, formatSnapshot, type SnapshotLine } from './feature-snapshot.js'
import { eachRow } from './read-feature-rows.js'
import { sampleKeyOf } from './sample-key.js'
import { type Found, ViewJoin } from './view-join.js'

/** The values of features for the samples of a source, as the text of a file that `withFeatures` reads. */
export interface FeatureSnapshot {
  /** JSON Lines: a header, and one line per entities and time, sorted. The same features and samples give the same bytes. */
  readonly text: string
  /** Of the text. */
  readonly digest: Digest
  readonly samples: number
  /** Lines: samples with the same entities and time share one. */
  readonly lines: number
  /** Number of lines without a value, by feature, which is null there. Features without such lines are left out. */
  readonly missing: Readonly<Record<string, number>>
  /** Number of rows that were read, by view. */
  readonly rows: Readonly<Record<string, number>>
}

/** A sample that asks for features. */
interface Asking {
  readonly path: string
  readonly position: string
  readonly id: string | undefined
}

interface Request {
  readonly key: string
  readonly entities: readonly (string | null)[]
  readonly atNs: bigint
  /** The first sample that asks. */
  readonly asking: Asking
}

/**
 * Joins samples to the rows of features that were known at their time: for each view, the latest row of the same entities
 * with `timestamp` at or before the sample's time, and not older than `ttlMs`. Of rows with the same time, the one that was
 * written last counts. Rows are read as a stream: memory grows with the samples and not with the rows.
 *
 * A file of features whose place has a Git LFS pointer is an error, unless `largeFiles` gets it.
 *
 * Entities are compared as text, so that `1001` in a CSV file is the number 1001 of a Parquet file.
 *
 * @throws `invalid-options`; `dataset-invalid` for a sample without a time or with a look-ahead, with `facts.ids` of up to 100
 * samples, for two rows that differ although neither is the latest, and for a view whose entities no sample has.
 */
export async function joinFeatures(
  source: Source,
  given: FeatureJoin,
  { largeFiles, ...parts }: Partial<CallContext> & { readonly largeFiles?: LargeFiles | undefined } = {},
): Promise<FeatureSnapshot> {
  const context = callContext(parts)
  checkJoin(given)
  const views = (await Promise.all(given.views.map((view) => ('files' in view ? [view] : feastViews(view))))).flat()
  const join = { ...given, views }
  // The registry may name entities, and the features of a service.
  checkJoin(join)
  const entityFields = entityFieldsOf(join)
  const { requests, samples } = await requestsOf(source, join, context)
  const values: Json[][] = requests.map(() => [])
  const types: Record<string, FeatureType> = {}
  const rows: Record<string, number> = {}
  const missing: Record<string, number> = {}
  const issues: LocatedIssue[] = []
  for (const view of views) {
    const fields = Object.keys(view.entities).map((field) => entityFields.indexOf(field))
    const entitiesOf = ({ entities }: Request) => fields.map((index) => entities[index]!)
    const viewJoin = new ViewJoin(view, join.whenCreatedLater ?? 'refuse')
    for (const request of requests) viewJoin.ask(entitiesOf(request), request.atNs)
    const read = await eachRow(view, (row) => viewJoin.add(row), { ...context, largeFiles })
    if (requests.length > 0 && read.rows > 0 && !viewJoin.hasMatched) throw noEntity(view.name, requests[0]!, viewJoin)
    viewJoin.settle()
    const names = Object.keys(view.features)
    for (const [index, request] of requests.entries()) {
      const found = viewJoin.find(entitiesOf(request), request.atNs)
      const problem = problemOf(found, view.name, join)
      if (problem !== undefined && issues.length < maximumIssues) issues.push({ asking: request.asking, ...problem })
      const row = found.kind === 'found' ? found.values : undefined
      for (const [at, name] of names.entries()) {
        const value = row?.[at] ?? null
        values[index]!.push(value)
        if (value === null) missing[name] = (missing[name] ?? 0) + 1
      }
    }
    Object.assign(types, read.types)
    rows[view.name] = read.rows
  }
  if (issues.length > 0) throw lookAheadOrIssues(issues)
  const lines: SnapshotLine[] = requests.map(({ key }, index) => ({ key, values: values[index]! }))
  const features = featureNamesOf(join).map((name) => ({ name, type: types[name] ?? 'null' }) as const)
  const text = formatSnapshot({ given, entities: entityFields }, features, lines)
  return { text, digest: digestBytes(text), samples, lines: lines.length, missing, rows }
}

/** What samples ask for, each once. */
async function requestsOf(source: Source, join: FeatureJoin, context: CallContext) {
  const fields = entityFieldsOf(join)
  const requests = new Map<string, Request>()
  const issues: DatasetIssue[] = []
  let samples = 0
  for (const entry of await source.list(context)) {
    if (entry.skipped !== undefined) continue
    for await (const batch of sampleBatches(entry, context)) {
      context.signal.throwIfAborted()
      for (const sample of batch) {
        samples += 1
        const found = sample.problem ?? sampleKeyOf(sample, fields, join)
        if (typeof found === 'string') issues.push({ path: entry.path, position: sample.position, message: found })
        else if (!requests.has(found.key)) requests.set(found.key, { ...found, asking: askingOf(entry.path, sample) })
      }
      if (issues.length >= maximumIssues) throw issuesError(issues.slice(0, maximumIssues))
    }
  }
  if (issues.length > 0) throw issuesError(issues)
  return { requests: [...requests.values()], samples }
}

const askingOf = (path: string, { value, position }: SourceSample): Asking => {
  const id = fieldOf(value, 'id')
  return { path, position, id: typeof id === 'string' || typeof id === 'number' ? String(id) : undefined }
}

interface Problem {
  readonly message: string
  readonly isLookAhead: boolean
}

interface LocatedIssue extends Problem {
  readonly asking: Asking
}

function problemOf(found: Found, view: string, { whenMissing = 'allow' }: FeatureJoin): Problem | undefined {
  const problem = (message: string, isLookAhead = false) => ({ message, isLookAhead })
  switch (found.kind) {
    case 'found':
      return undefined
    case 'look-ahead':
      return problem(
        `its features of "${view}" were written at ${found.createdAt}, after its time ${found.at} (${found.place})`,
        true,
      )
    case 'ambiguous':
      return problem(
        `"${view}" has different rows for it with the same times (${found.place}); keep one, or name the column "created"`,
      )
    case 'missing':
      return whenMissing === 'refuse' ? problem(`it has no features of "${view}" (${found.reason})`) : undefined
  }
}

/** One error about all samples. A look-ahead is named first, since it makes a model look better than it is. */
function lookAheadOrIssues(located: readonly LocatedIssue[]): SheikhError {
  const ahead = located.filter(({ isLookAhead }) => isLookAhead)
  const issues = (ahead.length > 0 ? ahead : located).map(
    ({ asking: { path, position }, message }): DatasetIssue => ({ path, position, message }),
  )
  const error = issuesError(issues)
  if (ahead.length === 0) return error
  const ids = ahead.map(({ asking: { id, path, position } }) => id ?? placeOf(path, position))
  const named = ids.slice(0, 5).map((id) => JSON.stringify(id))
  const more = ids.length > named.length ? ` and ${ids.length - named.length} more` : ''
  return new SheikhError(
    'dataset-invalid',
    `Cannot join features: ${ids.length} ${ids.length === 1 ? 'sample' : 'samples'} (${named.join(', ')}${more}) would see rows that were written after their time: ${issues[0]!.message}. Correct the rows, or set whenCreatedLater (when_created_later) to skip.`,
    { facts: { issues, ids, isLookAhead: true } },
  )
}

function noEntity(view: string, { entities, asking }: Request, { example }: ViewJoin): SheikhError {
  return issuesError([
    {
      path: asking.path,
      position: asking.position,
      message: `no sample has the entities of a row of "${view}": a sample has ${JSON.stringify(entities)}, and a row has ${JSON.stringify(example)}; correct "entities"`,
    },
  ])
}
