// mlops/tuning.yaml: what `sheikh tune` searches.
import type { ParameterValue, Space } from '../../tune/index.js'
import { type Values, valuesAt } from './values.js'

export interface TuningConfiguration {
  /** What to search, by the key under `training` of mlops/training/config.yaml. */
  readonly space: Space
  readonly trials: number
  readonly parallel?: number | undefined
  readonly workers?: number | undefined
  readonly sampler: 'tpe' | 'random' | 'grid'
  /** As `metricNamed` has it. @default what the gate calls accuracy */
  readonly metric?: string | undefined
  readonly name?: string | undefined
  readonly asha?: AshaConfiguration | undefined
}

export interface AshaConfiguration {
  /** The key under `training` that says how much a trial is trained. */
  readonly resource: string
  readonly min: number
  readonly max: number
  readonly reduction?: number | undefined
}

export const ashaResources = ['num_train_epochs', 'max_steps'] as const

interface Range {
  readonly low: number
  readonly high: number
  readonly log?: boolean | undefined
  readonly step?: number | undefined
}

/** What a checked file asks for. @param isInteger whether a key under `training` takes only integers. */
export function tuningOf(file: Values, isInteger: (key: string) => boolean): TuningConfiguration | undefined {
  const space = valuesAt(file, 'space')
  if (Object.keys(space).length === 0) return undefined
  const { trials, parallel, workers, sampler = 'tpe', metric, name, asha } = valuesAt(file, 'tuning')
  return {
    space: Object.fromEntries(
      Object.entries(space).map(([key, found]) => [
        key,
        Array.isArray(found)
          ? { kind: 'categorical', values: found as readonly ParameterValue[] }
          : numeric(found as Range, isInteger(key)),
      ]),
    ),
    ...({ trials: trials ?? 40, parallel, workers, sampler, metric, name } as Omit<TuningConfiguration, 'space'>),
    ...(asha !== undefined && {
      asha: { resource: 'num_train_epochs', ...(asha as Omit<AshaConfiguration, 'resource'>) },
    }),
  }
}

const numeric = ({ low, high, log = false, step }: Range, isInteger: boolean): Space[string] =>
  isInteger
    ? { kind: 'int', low, high, log, step: step ?? 1 }
    : { kind: 'float', low, high, log, ...(step !== undefined && { step }) }
