// The value of `features` in dataset/config.yaml, and the join that it makes.
import * as z from 'zod'
import { isSheikhError, tildeProblem } from '../../core/index.js'
import {
  checkJoin,
  type FeastFeatureService,
  type FeastFeatureView,
  type FeatureJoin,
  type FeatureView,
} from '../../dataset/index.js'
import { durationMsOf, durationPattern } from './duration.js'

const name = z.string().min(1).max(1_000)
const unit = z.enum(['s', 'ms', 'us', 'ns'])
const zone = z.literal('UTC', { error: 'expected UTC' })
const path = name.superRefine((value, checked) => {
  const message = tildeProblem(value)
  if (message !== undefined) checked.addIssue({ code: 'custom', message })
})
const oneOrMore = (type: z.ZodType<string>) => z.union([type, z.array(type).min(1).max(1_000)])
/** Names that are equal on both sides, or names by names. */
const columns = z.union([z.array(name).max(1_000), z.record(name, name)])
const duration = z.string().regex(durationPattern, 'expected a duration such as 90m, 12h, 7d or 2w')

const view = z.strictObject({
  name: name.optional(),
  service: name.optional(),
  feast: path.optional(),
  files: oneOrMore(path).optional(),
  entities: columns.optional(),
  timestamp: name.optional(),
  timestamp_unit: unit.optional(),
  time_zone: zone.optional(),
  created: name.optional(),
  ttl: duration.optional(),
  features: columns.optional(),
})

const shape = z.strictObject({
  timestamp: name,
  timestamp_unit: unit.optional(),
  time_zone: zone.optional(),
  when_missing: z.enum(['allow', 'refuse']).optional(),
  when_created_later: z.enum(['refuse', 'skip', 'allow']).optional(),
  views: z.array(view).min(1).max(100),
})

/** What the registry of Feast says. */
const ofFiles = ['files', 'timestamp', 'timestamp_unit', 'time_zone', 'created', 'ttl'] as const

export const featuresType = shape.superRefine((value, checked) => {
  for (const one of value.views) {
    const extra = ofFiles.find((key) => one.feast !== undefined && one[key] !== undefined)
    const isIncomplete = one.feast === undefined && (one.files === undefined || one.timestamp === undefined)
    const fact =
      extra !== undefined
        ? `has both "feast" and "${extra}", which the registry of Feast decides`
        : one.service === undefined
          ? one.name === undefined
            ? 'needs "name", or "service"'
            : isIncomplete
              ? 'needs "files" and "timestamp", or "feast"'
              : one.features === undefined && 'needs "features"'
          : one.feast === undefined
            ? 'needs "feast"'
            : (one.name ?? one.features) !== undefined && 'has a "name" or "features", which the service decides'
    const place = one.service === undefined ? `view "${one.name ?? ''}"` : `service "${one.service}"`
    if (fact) return checked.addIssue({ code: 'custom', message: `the ${place} ${fact}` })
  }
  try {
    checkJoin(joinOf(value))
  } catch (error) {
    if (!isSheikhError(error)) throw error
    checked.addIssue({ code: 'custom', message: error.message })
  }
})

/** The join of a value that was checked. Paths are as they are written. */
export function featuresOf(value: unknown): FeatureJoin | undefined {
  return value === undefined || value === null ? undefined : joinOf(value as z.infer<typeof shape>)
}

const joinOf = ({ views, ...given }: z.infer<typeof shape>): FeatureJoin => ({
  ...timesOf(given),
  timestamp: given.timestamp,
  ...(given.when_missing !== undefined && { whenMissing: given.when_missing }),
  ...(given.when_created_later !== undefined && { whenCreatedLater: given.when_created_later }),
  views: views.map((one) =>
    one.service !== undefined ? feastServiceOf(one) : one.feast === undefined ? viewOf(one) : feastViewOf(one),
  ),
})

const viewOf = (one: z.infer<typeof view>): FeatureView => ({
  ...timesOf(one),
  ...{ name: one.name ?? '', files: [one.files ?? []].flat(), timestamp: one.timestamp ?? '' },
  ...{ entities: namesOf(one.entities ?? []), features: namesOf(one.features ?? []) },
  ...(one.created !== undefined && { created: one.created }),
  ...(one.ttl !== undefined && { ttlMs: durationMsOf(one.ttl)! }),
})

const feastViewOf = ({ name = '', feast = '', entities, features = [] }: z.infer<typeof view>): FeastFeatureView => ({
  ...{ name, feast, features: namesOf(features) },
  ...(entities !== undefined && { entities: namesOf(entities) }),
})

const feastServiceOf = ({ service = '', feast = '', entities }: z.infer<typeof view>): FeastFeatureService => ({
  ...{ service, feast },
  ...(entities !== undefined && { entities: namesOf(entities) }),
})

const timesOf = (given: Pick<z.infer<typeof view>, 'timestamp_unit' | 'time_zone'>) => ({
  ...(given.timestamp_unit !== undefined && { timestampUnit: given.timestamp_unit }),
  ...(given.time_zone !== undefined && { timeZone: given.time_zone }),
})

const namesOf = (given: z.infer<typeof columns>): Readonly<Record<string, string>> =>
  Array.isArray(given) ? Object.fromEntries(given.map((one) => [one, one])) : given
