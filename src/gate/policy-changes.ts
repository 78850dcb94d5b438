import { canonicalJson, type Json } from '../core/index.js'

/** One difference between the current policy and the one that judged the current release. JSON. */
export interface PolicyChange {
  /** One sentence without a full stop. */
  readonly change: string
  /** Whether something may pass now that did not pass before. A change of unknown direction counts as looser. */
  readonly looser: boolean
  /** The check that changed. Absent if the change is about the gate or the evaluation set. */
  readonly check?: string | undefined
}

// Raising one of these lets more candidates pass; for the second list, lowering it does.
const looserIfHigher = ['margin', 'ceiling', 'alpha', 'allowed', 'maximumMs', 'maximumBytes', 'maximumError']
const looserIfLower = ['floor']
const policies = ['hold', 'ask', 'release']

/**
 * Lists every difference between two descriptions of a quality gate (`Gate.describe`). For another kind of gate, only
 * reports that it changed.
 */
export function policyChanges(before: Json, after: Json): readonly PolicyChange[] {
  if (canonicalJson(before) === canonicalJson(after)) return []
  const [old, now] = [before, after].map(parts)
  if (old === undefined || now === undefined) return [{ change: 'the description of the gate changed', looser: true }]
  return [
    ...wordChanges(old, now),
    ...memberChanges(old.checks, now.checks, {
      kind: 'check',
      isLooserWithout: (name) => !old.reporting.has(name),
    }),
    ...versionChanges(old.versions, now.versions),
    ...purposeChanges(old, now),
    ...memberChanges(old.metrics, now.metrics, { kind: 'metric', isLooserWithout: () => false }),
  ]
}

/**
 * The checks in a quality gate's description, by name, each with the text that identifies it. Empty for another kind of
 * gate.
 */
export function checkIdentities(description: Json): ReadonlyMap<string, string> {
  const { checks } = object(description)
  if (!Array.isArray(checks)) return new Map()
  return new Map(checks.map((check) => [nameOf(check), canonicalJson(check)]))
}

interface Parts {
  readonly whenInconclusive: Json | undefined
  readonly maximumEvaluations: Json | undefined
  readonly checks: ReadonlyMap<string, Json>
  /** The code version of each check that has one. */
  readonly versions: ReadonlyMap<string, Json>
  readonly metrics: ReadonlyMap<string, Json>
  /** The checks that do not influence the decision. */
  readonly reporting: ReadonlySet<string>
}

function parts(description: Json): Parts | undefined {
  const { whenInconclusive, maximumEvaluations, checks, metrics, reporting = [] } = object(description)
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
  return {
    whenInconclusive,
    maximumEvaluations,
    checks: namedChecks,
    versions,
    metrics: namedMetrics,
    reporting: new Set([reporting].flat().map(String)),
  }
}

function wordChanges(old: Parts, now: Parts): readonly PolicyChange[] {
  const found: PolicyChange[] = []
  if (old.whenInconclusive !== now.whenInconclusive)
    found.push({
      change: `whenInconclusive is now ${text(now.whenInconclusive)}, was ${text(old.whenInconclusive)}`,
      looser: policies.indexOf(String(now.whenInconclusive)) > policies.indexOf(String(old.whenInconclusive)),
    })
  if (old.maximumEvaluations !== now.maximumEvaluations)
    found.push({
      change: `maximumEvaluations is now ${now.maximumEvaluations === undefined ? 'unlimited' : text(now.maximumEvaluations)}, was ${old.maximumEvaluations === undefined ? 'unlimited' : text(old.maximumEvaluations)}`,
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
      found.push({ change: `the ${kind} ${name} was removed`, looser: isLooserWithout(name), ...about(name) })
    else found.push(...fieldChanges(name, before, after).map((change) => ({ ...change, ...about(name) })))
  }
  for (const name of now.keys())
    if (!old.has(name)) found.push({ change: `the ${kind} ${name} was added`, looser: false, ...about(name) })
  return found
}

/** A check that is in both and only reports now, or decides now. */
function purposeChanges(old: Parts, now: Parts): readonly PolicyChange[] {
  return [...old.checks.keys()].flatMap((check) => {
    const [was, is] = [old.reporting.has(check), now.reporting.has(check)]
    if (was === is || !now.checks.has(check)) return []
    return [{ change: `${check} ${is ? 'only reports now' : 'decides now'}`, looser: is, check }]
  })
}

/** Another version means other code. Whether it lets more candidates pass is unknown. */
function versionChanges(old: ReadonlyMap<string, Json>, now: ReadonlyMap<string, Json>): readonly PolicyChange[] {
  return [...old].flatMap(([name, before]) => {
    const after = now.get(name)
    if (after === undefined || after === before) return []
    return [{ change: `the version of ${name} is now ${text(after)}, was ${text(before)}`, looser: true, check: name }]
  })
}

function fieldChanges(name: string, before: Json, after: Json): readonly PolicyChange[] {
  const [old, now] = [object(before), object(after)]
  if (canonicalJson(before) !== canonicalJson(after) && !(isObject(before) && isObject(after)))
    return [{ change: `the description of ${name} changed`, looser: true }]
  const fields = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort()
  return fields.flatMap((field) => {
    const [was, is] = [old[field], now[field]]
    if (canonicalJson(was ?? null) === canonicalJson(is ?? null)) return []
    return [
      { change: `the ${field} of ${name} is now ${text(is)}, was ${text(was)}`, looser: isLooser(field, was, is) },
    ]
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
// A part without a version is described only by its name.
const nameOf = (part: Json) => (typeof part === 'string' ? part : String(object(part)['name']))
const text = (value: Json | undefined) => (value === undefined ? 'none' : canonicalJson(value).replaceAll('"', ''))
