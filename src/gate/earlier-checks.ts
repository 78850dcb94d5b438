import { type CallContext, type Json, messageOf } from '../core/index.js'
import { atLeast, atMost } from './checks/at-least.js'
import { noRegression } from './checks/no-regression.js'
import { weightIntegrity } from './checks/weight-integrity.js'
import type { Check, Evidence, Gate } from './gate.js'

/**
 * Why the evidence fails the named checks as an earlier gate described them, or `undefined` if it passes. A check that
 * cannot be rebuilt from its description never passes.
 */
export async function notPassedBefore(
  gate: Gate,
  description: Json,
  names: readonly string[],
  evidence: Evidence,
  context: CallContext,
): Promise<string | undefined> {
  for (const name of names) {
    const check = remade(gate, description, name)
    if (check === undefined)
      return `the earlier version of ${name} cannot be rebuilt, so it is unknown whether the candidate passes it`
    try {
      for (const { status, critical, slice, required, reason } of await check.examine(evidence, context)) {
        const isOpen = status === 'inconclusive' && (slice === undefined || required === true)
        if (critical && (status === 'fail' || isOpen)) return `by the earlier version of ${name}: ${reason}`
      }
    } catch (error) {
      context.signal.throwIfAborted()
      return `by the earlier version of ${name}: ${messageOf(error)}`
    }
  }
  return undefined
}

function remade({ metrics }: Gate, description: Json, name: string): Check | undefined {
  // The library contains only the current version, and the check has no settings, so the current code decides.
  if (name === 'weight-integrity') return weightIntegrity()
  const { checks } = description as {
    readonly checks?: readonly { readonly name?: string; readonly describe?: Json }[]
  }
  const described = checks?.find((check) => check.name === name)?.describe as Partial<Described> | null | undefined
  const metric = metrics.find((one) => one.name === described?.metric)
  if (metric === undefined) return undefined
  const { margin, requiredSlices = [], floor, ceiling } = described!
  if (name.startsWith('no-regression(')) return noRegression(metric, { margin, requiredSlices })
  if (name.startsWith('at-least(') && floor !== undefined) return atLeast(metric, floor)
  if (name.startsWith('at-most(') && ceiling !== undefined) return atMost(metric, ceiling)
  return undefined
}

interface Described {
  readonly metric: string
  readonly margin: number
  readonly requiredSlices: readonly string[]
  readonly floor: number
  readonly ceiling: number
}
