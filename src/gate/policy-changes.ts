import { canonicalJson, type Json } from '../core/index.js'

/** One way in which what decides today differs from what decided on the current release. JSON. */
export interface PolicyChange {
  /** One sentence without its full stop. */
  readonly change: string
  /** Whether something may pass now that did not pass before. A change whose direction is not known counts as looser. */
  readonly looser: boolean
  /** The check that it is about; absent: all of the gate, or the evaluation set. */
  readonly check?: string | undefined
}

// Each of these lets more pass if it rises, or if it sinks.
const looserIfHigher = ['margin', 'ceiling', 'alpha', 'allowed', 'maximumMs', 'maximumBytes', 'maximumError']
const looserIfLower = ['floor']
const policies = ['hold', 'ask', 'release']

/**
 * Every difference between two descriptions of a quality gate (`Gate.describe`). Of a gate of another kind only the fact
 * that it changed is known.
 */
export function policyChanges(before: Json, after: Json): readonly PolicyChange[] {
  if (canonicalJson(before) === canonicalJson(after)) return []
  const [old, now] = [before, after].map(parts)
  if (old === undefined || now === undefined) return [{ change: 'the gate is described in another way', looser: true }]
  return [
    ...wordChanges(old, now),
    ...memberChanges(old.checks, now.checks, {
      kind: 'check',
      isLooserWithout: (name) => !name.startsWith('report-only('),
    }),
    ...versionChanges(old.versions, now.versions),
    ...memberChanges(old.metrics, now.metrics, { kind: 'metric', isLooserWithout: () => false }),
  ]
}

/** The checks of a quality gate's description, by name, each as the text that identifies it. A gate of another kind has none. */
export function checkIdentities(description: Json): ReadonlyMap<string, string> {
  const { checks } = object(description)
  if (!Array.isArray(checks)) return new Map()
  return new Map(checks.map((check) => [nameOf(check), canonicalJson(check)]))
}

interface Parts {
  readonly whenInconclusive: Json | undefined
  readonly maximumEvaluations: Json | undefined
  readonly checks: ReadonlyMap<string, Json>
  /** The code of each check that has a version. */
  readonly versions: ReadonlyMap<string, Json>
  readonly metrics: ReadonlyMap<string, Json>
}

function parts(description: Json): Parts | undefined {
  const { whenInconclusive, maximumEvaluations, checks, metrics } = object(description)
  const byName = (value: Json | undefined) =>
    Array.isArray(value) ? new Map(value.map((part) => [nameOf(part), object(part)['describe'] ?? null])) : undefined
  const [namedChecks, namedMetrics] = [byName(checks), byName(metrics)]
  if (namedChecks === undefined || namedMetrics === undefined) return undefined
  const versions = new Map(
    (checks as readonly Json[]).flatMap((check) => {
      const { version } = object(check)
      return version === undefined ? [] : [[nameOf(check), version] as const]
    }),
  )
  return { whenInconclusive, maximumEvaluations, checks: namedChecks, versions, metrics: namedMetrics }
}

function wordChanges(old: Parts, now: Parts): readonly PolicyChange[] {
  const found: PolicyChange[] = []
  if (old.whenInconclusive !== now.whenInconclusive)
    found.push({
      change: `an inconclusive verdict leads to ${text(now.whenInconclusive)} and not to ${text(old.whenInconclusive)}`,
      looser: policies.indexOf(String(now.whenInconclusive)) > policies.indexOf(String(old.whenInconclusive)),
    })
  if (old.maximumEvaluations !== now.maximumEvaluations)
    found.push({
      change: `an evaluation set may judge ${now.maximumEvaluations === undefined ? 'any number of' : text(now.maximumEvaluations)} candidates and not ${old.maximumEvaluations === undefined ? 'any number' : text(old.maximumEvaluations)}`,
      looser:
        now.maximumEvaluations === undefined ||
        (typeof old.maximumEvaluations === 'number' && Number(now.maximumEvaluations) < old.maximumEvaluations),
    })
  return found
}

function memberChanges(
  old: ReadonlyMap<string, Json>,
  now: ReadonlyMap<string, Json>,
  { kind, isLooserWithout }: { readonly kind: string; readonly isLooserWithout: (name: string) => boolean },
): readonly PolicyChange[] {
  const found: PolicyChange[] = []
  const about = (name: string) => (kind === 'check' ? { check: name } : {})
  for (const [name, before] of old) {
    const after = now.get(name)
    if (after === undefined)
      found.push({ change: `the ${kind} ${name} is gone`, looser: isLooserWithout(name), ...about(name) })
    else found.push(...fieldChanges(name, before, after).map((change) => ({ ...change, ...about(name) })))
  }
  for (const name of now.keys())
    if (!old.has(name)) found.push({ change: `the ${kind} ${name} is new`, looser: false, ...about(name) })
  return found
}

/** Another version is other code: whether it lets more pass is not known. */
function versionChanges(old: ReadonlyMap<string, Json>, now: ReadonlyMap<string, Json>): readonly PolicyChange[] {
  return [...old].flatMap(([name, before]) => {
    const after = now.get(name)
    if (after === undefined || after === before) return []
    return [{ change: `${name} has the version ${text(after)} and not ${text(before)}`, looser: true, check: name }]
  })
}

function fieldChanges(name: string, before: Json, after: Json): readonly PolicyChange[] {
  const [old, now] = [object(before), object(after)]
  if (canonicalJson(before) !== canonicalJson(after) && !(isObject(before) && isObject(after)))
    return [{ change: `${name} is described in another way`, looser: true }]
  const fields = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort()
  return fields.flatMap((field) => {
    const [was, is] = [old[field], now[field]]
    if (canonicalJson(was ?? null) === canonicalJson(is ?? null)) return []
    return [{ change: `${name} has the ${field} ${text(is)} and not ${text(was)}`, looser: isLooser(field, was, is) }]
  })
}

function isLooser(field: string, was: Json | undefined, is: Json | undefined): boolean {
  if (typeof was === 'number' && typeof is === 'number') {
    if (looserIfHigher.includes(field)) return is > was
    if (looserIfLower.includes(field)) return is < was
  }
  if (field === 'requiredSlices' && Array.isArray(was) && Array.isArray(is)) return was.some((one) => !is.includes(one))
  return true
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const object = (value: Json | undefined) => (isObject(value) ? value : {})
// A part without a version is described by its name alone.
const nameOf = (part: Json) => (typeof part === 'string' ? part : String(object(part)['name']))
const text = (value: Json | undefined) => (value === undefined ? 'none' : canonicalJson(value).replaceAll('"', ''))
