import { digestJson, type JsonObject, type Log, SheikhError } from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import type { SampledTrial } from './sampler.js'
import type { Parameter, ParameterValue, Point, Space } from './space.js'
import type { StudyRecord, StudyTrial } from './study-record.js'
import { signOf } from './trial.js'

/** What a search does with the trials of an earlier study. */
export interface EarlierStudy {
  readonly study: StudyRecord
  readonly space: Space
  readonly metric: Metric
}

/**
 * The trials of an earlier study that lie in the space, as a sampler sees them. Their numbers are negative, so they come before the
 * trials of the search.
 *
 * @throws `invalid-options` if the study improves its metric in the other direction, or no trial in the space has a value.
 */
export function earlierTrials({ study, space, metric }: EarlierStudy, log: Log): readonly SampledTrial[] {
  const { name, trials } = study
  const refusal = (fact: string, remedy: string) =>
    new SheikhError('invalid-options', `Cannot learn from the study "${name}": ${fact}. ${remedy}.`, {
      facts: { study: name },
    })
  if (study.metric.direction !== metric.direction)
    throw refusal(
      `in its metric "${study.metric.name}" ${words[study.metric.direction]}, and in "${metric.name}" ${words[metric.direction]}`,
      'Name a study of the same metric',
    )
  const inside = trials.flatMap((trial) => {
    const parameters = pointIn(space, trial.parameters)
    return parameters === undefined ? [] : [{ trial, parameters }]
  })
  if (inside.length === 0)
    throw refusal(
      `none of its ${trials.length} trials has a value in the space for each of ${Object.keys(space).join(', ')}`,
      'Name another study, or widen the space',
    )
  const outside = trials.length - inside.length
  if (outside > 0)
    log.warn(`${outside} of ${trials.length} trials of the study "${name}" are outside of the space and are not used.`)
  const known = inside.map(
    ({ trial, parameters }, index): SampledTrial => ({
      number: index - inside.length,
      parameters,
      ...resultOf(trial, signOf(metric.direction)),
    }),
  )
  if (known.every(({ loss }) => loss === undefined))
    throw refusal(`each of its ${known.length} trials in the space failed or has no finite value`, 'Name another study')
  return known
}

/** Identifies what a sampler learns from an earlier study. */
export const digestOfEarlier = (trials: readonly SampledTrial[]) => digestJson(trials as unknown as JsonObject[])

const words = { 'lower-is-better': 'lower values are better', 'higher-is-better': 'higher values are better' } as const

function resultOf(trial: StudyTrial, sign: number): Pick<SampledTrial, 'loss' | 'prunedAt'> {
  // A program that failed may have written an infinite value.
  if (trial.state === 'failed' || !Number.isFinite(trial.value)) return {}
  const loss = sign * trial.value
  return trial.state === 'pruned' ? { loss, prunedAt: trial.rungs?.at(-1)?.resource ?? 0 } : { loss }
}

/** `undefined` if a parameter of the space has no value, or one outside of its range. Other parameters are left out. */
function pointIn(space: Space, parameters: Point): Point | undefined {
  const point = new Map<string, ParameterValue>()
  for (const [name, parameter] of Object.entries(space)) {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (value === undefined || !isInside(parameter, value)) return undefined
    point.set(name, value)
  }
  return Object.fromEntries(point)
}

function isInside(parameter: Parameter, value: ParameterValue): boolean {
  if (parameter.kind === 'categorical') return parameter.values.includes(value)
  if (typeof value !== 'number' || !(value >= parameter.low && value <= parameter.high)) return false
  return parameter.kind === 'float' || Number.isInteger(value)
}
