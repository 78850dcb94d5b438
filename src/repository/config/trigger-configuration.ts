import { plainCron } from './cron.js'
import { invalidConfig } from './read-yaml.js'
import type { Values } from './values.js'

/** What a trigger leads to. `full_train`: a run that trains even if nothing changed. The others: a run, whose caches decide. */
export type TriggerAction = 'validate_and_queue' | 'retrain' | 'full_train' | 'continuous_learn'

export const triggerActions: readonly TriggerAction[] = [
  'validate_and_queue',
  'retrain',
  'full_train',
  'continuous_learn',
]

/** An entry of `triggers` in `mlops/pipeline.yaml`. Has paths, a schedule, or both. */
export interface TriggerConfiguration {
  readonly name: string
  /** Globs relative to the project. With `!`: excludes what it matches. The last one that matches decides. */
  readonly paths?: readonly string[] | undefined
  readonly cron?: string | undefined
  readonly action: TriggerAction
}

/** @throws `invalid-config` for a trigger that could never fire. */
export function triggersOf(triggers: Values, file: string): readonly TriggerConfiguration[] {
  return Object.entries(triggers).map(([name, value]) => {
    const { paths, cron, action = 'retrain' } = (value ?? {}) as Values
    const fail = (fact: string) => invalidConfig(file, `the trigger "${name}" never fires: ${fact}`)
    if (paths === undefined && cron === undefined) throw fail('give it "paths", "cron" or both')
    if (Array.isArray(paths) && paths.every((path: string) => path.startsWith('!')))
      throw fail('"paths" needs a pattern without "!"')
    return {
      name,
      ...(paths !== undefined && { paths: paths as readonly string[] }),
      ...(cron !== undefined && { cron: plainCron(cron as string) }),
      action: action as TriggerAction,
    }
  })
}
