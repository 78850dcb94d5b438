// The key `ensemble` of mlops/training/config.yaml.
import * as z from 'zod'
import { isVersion } from '../../releaser/index.js'
import { isName } from '../../store/index.js'
import { metricNames, metricPattern, metricsFor } from './metric-names.js'
import { type Values, valuesAt } from './values.js'

/** A member: a released model, or the settings under `training` that it has otherwise. */
export type MemberConfiguration =
  | { readonly release: { readonly version: string; readonly digest: string } }
  | (Values & { readonly release?: undefined })

export interface EnsembleConfiguration {
  readonly combine: 'mean' | 'vote' | 'weights'
  /** As `metricNamed` has it. @default all members join */
  readonly joinBy?: string | undefined
  readonly shares?: Readonly<Record<string, number>> | undefined
  readonly members: Readonly<Record<string, MemberConfiguration>>
}

const release = z.strictObject({
  version: z.string('expected a version such as 1.2.0').refine(isVersion, 'expected a version such as 1.2.0'),
  digest: z
    .string('expected the digest of the bundle, which "sheikh history --json" prints')
    .regex(
      /^sha256:[0-9a-f]{64}$/,
      'expected "sha256:" and 64 hexadecimal digits, as "sheikh history --json" prints it',
    ),
})

/** @param settings the types of the settings that a member may have. */
export const ensembleType = (settings: Readonly<Record<string, z.ZodType>>) =>
  z
    .strictObject({
      combine: z.enum(['mean', 'vote', 'weights']).optional(),
      join_by: z
        .string()
        .regex(metricPattern, `expected a metric: ${metricNames.join(', ')}`)
        .optional(),
      shares: z.record(z.string(), z.number().positive().max(1e9)).optional(),
      members: z.record(z.string(), z.strictObject({ ...settings, release }).partial()),
    })
    .superRefine(({ shares = {}, members }, checked) => {
      const problem = (message: string, path: string[]) => checked.addIssue({ code: 'custom', message, path })
      const names = Object.keys(members)
      if (names.length < 2) problem(`expected at least two members, not ${names.length}`, ['members'])
      for (const name of names) {
        if (!isName(name)) problem('expected a name of lower-case letters, digits and "-"', ['members', name])
        const { release, ...others } = members[name]!
        const [setting] = Object.keys(others)
        if (release !== undefined && setting !== undefined)
          problem(`a release is not trained, so it has no ${setting}`, ['members', name])
      }
      const unknown = Object.keys(shares).find((name) => !Object.hasOwn(members, name))
      if (unknown !== undefined) problem(`"${unknown}" is no member; the members are ${names.join(', ')}`, ['shares'])
    })

/** Why an ensemble cannot be made beside the other keys of the file. */
export function ensembleProblem(value: unknown, file: Values): string | undefined {
  const { combine, joinBy, members } = ensembleOf(value as Values)
  const [model, training] = [valuesAt(file, 'model'), valuesAt(file, 'training')]
  const isLlama = model['architecture'] === 'llama'
  const isFromRelease = training['warm_start'] !== undefined
  const trained = Object.entries(members).filter(([, { release }]) => release === undefined)
  const idle = isLlama ? [] : trained.flatMap(([, settings]) => Object.keys(settings)).filter(isOfLlama)
  if (idle.length > 0) return `only a language model has ${idle[0]}; remove it`
  if (valuesAt(file, 'output')['export'] !== undefined) return 'an ensemble is not exported; remove output.export'
  if (joinBy !== undefined && !((valuesAt(file, 'data')['validation_split'] as number) > 0))
    return 'join_by tests members on the development rows, and there are none; set data.validation_split, such as 0.2'
  if (joinBy !== undefined && metricsFor([joinBy], model).measured.length === 0)
    return `join_by names ${joinBy}, which is not measured of this model`
  if (combine === 'mean' && isLlama && (valuesAt(model, 'answer')['kind'] ?? 'text') === 'text')
    return 'the members write texts, which have no mean; use combine: vote or weights'
  const hasBase = isFromRelease || (isLlama && model['from_scratch'] !== true)
  if (combine === 'weights' && !hasBase && trained.length > 0)
    return 'weights are averaged only of members that were fine-tuned from one base; set training.warm_start, or use combine: mean or vote'
  if (combine !== 'weights' && isFromRelease)
    return `an ensemble by ${combine} cannot start from a release; remove training.warm_start, or use combine: weights`
  return undefined
}

const isOfLlama = (key: string) => ['maximum_length', 'packing', 'completion_only'].includes(key)

/** What a checked file asks for. */
export function ensembleOf(value: Values): EnsembleConfiguration {
  const { combine = 'mean', join_by: joinBy, shares, members } = value
  return { combine, joinBy, shares, members } as EnsembleConfiguration
}
