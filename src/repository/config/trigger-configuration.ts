import { plainCron } from './cron.js'
import { durationMsOf } from './duration.js'
import { invalidConfig } from './read-yaml.js'
import type { Values } from './values.js'

/**
 * What a trigger leads to. `full_train`: a run that trains even if nothing changed. The others: a run, whose caches decide.
 * `continuous_learn`: a run, and then the actions of `stages.continuous_learn`.
 */
export type TriggerAction = 'validate_and_queue' | 'retrain' | 'full_train' | 'continuous_learn'

export const triggerActions: readonly TriggerAction[] = [
  'validate_and_queue',
  'retrain',
  'full_train',
  'continuous_learn',
]

/** When a schedule fires only if live traffic drifts. */
export interface DriftTrigger {
  /** The folder with the feedback, relative to the project. */
  readonly feedback: string
  /** The period that one look compares, in milliseconds. */
  readonly windowMs: number
  /** @default 0.1 */
  readonly minimumEffect?: number | undefined
  /** Of all looks together. @default 0.05 */
  readonly level?: number | undefined
}

/** An entry of `triggers` in `mlops/pipeline.yaml`. Has paths, a schedule, or both. */
export interface TriggerConfiguration {
  readonly name: string
  /** Globs relative to the project. With `!`: excludes what it matches. The last one that matches decides. */
  readonly paths?: readonly string[] | undefined
  readonly cron?: string | undefined
  /** Present: the schedule fires only if drift is found. */
  readonly drift?: DriftTrigger | undefined
  readonly action: TriggerAction
}

/** @throws `invalid-config` for a trigger that could never fire. */
export function triggersOf(triggers: Values, file: string): readonly TriggerConfiguration[] {
  return Object.entries(triggers).map(([name, value]) => {
    const { paths, cron, drift, action = 'retrain' } = (value ?? {}) as Values
    const fail = (fact: string) => invalidConfig(file, `the trigger "${name}" never fires: ${fact}`)
    if (paths === undefined && cron === undefined) throw fail('give it "paths", "cron" or both')
    if (drift !== undefined && cron === undefined) throw fail('"drift" needs "cron", which says when to look')
    if (Array.isArray(paths) && paths.every((path: string) => path.startsWith('!')))
      throw fail('"paths" needs a pattern without "!"')
    return {
      name,
      ...(paths !== undefined && { paths: paths as readonly string[] }),
      ...(cron !== undefined && { cron: plainCron(cron as string) }),
      ...(drift !== undefined && { drift: driftOf(drift as Values) }),
      action: action as TriggerAction,
    }
  })
}

const driftOf = ({ feedback, window = '7d', minimum_effect: minimumEffect, level }: Values): DriftTrigger => ({
  feedback: feedback as string,
  windowMs: durationMsOf(window as string)!,
  ...(minimumEffect !== undefined && { minimumEffect: minimumEffect as number }),
  ...(level !== undefined && { level: level as number }),
})
