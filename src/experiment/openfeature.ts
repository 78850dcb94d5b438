import { type Log, messageOf } from '../core/index.js'
import type { AbTest } from './ab-test.js'

/** The part of OpenFeature's context that is used. `targetingKey`: the unit. */
export interface OpenFeatureContext {
  readonly targetingKey?: string | undefined
}

/** What a flag gives. */
export interface OpenFeatureResolution<T> {
  readonly value: T
  readonly variant: string
  readonly reason: string
}

/** A provider as `@openfeature/server-sdk` 1 takes it. */
export interface OpenFeatureProvider {
  readonly metadata: { readonly name: string }
  readonly runsOn: 'server'
  /** Whether the unit gets the treatment. */
  resolveBooleanEvaluation(
    flag: string,
    otherwise: boolean,
    context: OpenFeatureContext,
  ): Promise<OpenFeatureResolution<boolean>>
  /** The version that the unit gets. */
  resolveStringEvaluation(
    flag: string,
    otherwise: string,
    context: OpenFeatureContext,
  ): Promise<OpenFeatureResolution<string>>
  resolveNumberEvaluation(flag: string): Promise<never>
  resolveObjectEvaluation(flag: string): Promise<never>
  /** Logs an outcome in every test that has a metric of this name. Without a value: 1. */
  track(metric: string, context: OpenFeatureContext, details?: { readonly value?: number | undefined }): void
}

/**
 * Live tests as flags of OpenFeature: the flag is the name of the test, its value is the version that the unit gets.
 * Evaluating a flag logs an exposure. A flag that is unknown, or evaluated without `targetingKey`, has its default value,
 * with the code `FLAG_NOT_FOUND` or `TARGETING_KEY_MISSING`.
 *
 * @example
 * ```ts
 * await OpenFeature.setProviderAndWait(openFeatureProvider([test]))
 * const client = OpenFeature.getClient()
 * const version = await client.getStringValue('mail-0.2.0', '0.1.0', { targetingKey: user })
 * client.track('right', { targetingKey: user }, { value: 1 })
 * ```
 */
export function openFeatureProvider(
  tests: readonly AbTest[],
  { log }: { readonly log?: Pick<Log, 'warn'> | undefined } = {},
): OpenFeatureProvider {
  const byName = new Map(tests.map((test) => [test.state.name, test]))

  async function resolve(flag: string, { targetingKey }: OpenFeatureContext) {
    const test = byName.get(flag)
    if (test === undefined) throw coded('FLAG_NOT_FOUND', `There is no live test ${JSON.stringify(flag)}.`)
    if (targetingKey === undefined || targetingKey === '')
      throw coded(
        'TARGETING_KEY_MISSING',
        'A live test needs "targetingKey": who or what always gets the same variant.',
      )
    const assignment = await test.expose(targetingKey)
    // "SPLIT": by a pseudorandom assignment. After the end, everybody gets the same.
    return { ...assignment, reason: assignment.place === undefined ? 'STATIC' : 'SPLIT' }
  }
  const wrongType = async (flag: string): Promise<never> => {
    throw coded('TYPE_MISMATCH', `The live test ${JSON.stringify(flag)} gives a version: read it as a string.`)
  }
  return {
    metadata: { name: 'sheikh-freemium' },
    runsOn: 'server',
    async resolveStringEvaluation(flag, _otherwise, context) {
      const { version, variant, reason } = await resolve(flag, context)
      return { value: version, variant, reason }
    },
    async resolveBooleanEvaluation(flag, _otherwise, context) {
      const { variant, reason } = await resolve(flag, context)
      return { value: variant === 'treatment', variant, reason }
    },
    resolveNumberEvaluation: wrongType,
    resolveObjectEvaluation: wrongType,
    track(metric, { targetingKey }, { value = 1 } = {}) {
      if (targetingKey === undefined) return
      for (const test of tests)
        if (test.metrics.includes(metric))
          test
            .track(targetingKey, metric, value)
            .catch((error: unknown) => log?.warn(`Cannot log an outcome of a live test: ${messageOf(error)}`))
    },
  }
}

/** OpenFeature reads `code` of any error. */
const coded = (code: string, message: string) => Object.assign(new Error(message), { code })
