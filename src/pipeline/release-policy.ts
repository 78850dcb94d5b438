import { hash } from 'node:crypto'
import { type CallContext, canonicalJson, digestBytes, type Json } from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import {
  type Evidence,
  type Gate,
  notPassedBefore,
  type PolicyChange,
  policyChanges,
  type Verdict,
} from '../gate/index.js'
import type { Release, ReleasePolicy } from '../releaser/index.js'

// 16 characters each in the record of every release: 320 kB.
const maximumItems = 20_000
const maximumSlices = 1000
const halfBytes = 6

export function policyOf(gate: Gate, evaluation: Evaluation): ReleasePolicy {
  const { ids, targets } = evaluation
  const slices = [...slicesIn(evaluation)].sort().slice(0, maximumSlices)
  if (ids.length > maximumItems) return { gate: gate.describe(), itemsDigest: digestOfItems(evaluation), slices }
  const items = Buffer.concat(Array.from(ids, (id, index) => itemOf(id, targets.at(index) ?? null)))
  return { gate: gate.describe(), items: items.toString('base64'), slices }
}

/** How what decides now (`gate`: its description, without secrets, as a release keeps it) differs from what decided on the current release; empty if nothing is known of that. */
export function changesSince({ record }: Release, gate: Json, evaluation: Evaluation): readonly PolicyChange[] {
  const before = record.policy
  if (before === undefined) return []
  return [...policyChanges(before.gate, gate), ...evaluationChanges(before, evaluation)]
}

/**
 * The verdict with every change of policy since the current release. A candidate that is let through only by a looser
 * policy, or by an evaluation set with fewer or other items, is left to a person.
 */
export async function withPolicy(
  verdict: Verdict,
  {
    gate,
    description,
    evidence,
    current,
  }: {
    readonly gate: Gate
    /** Of the gate, without secrets. */
    readonly description: Json
    readonly evidence: Evidence
    readonly current: Release | undefined
  },
  context: CallContext,
): Promise<Verdict> {
  if (current?.record.policy === undefined) return verdict
  const changes = changesSince(current, description, evidence.candidate.evaluation)
  if (changes.length === 0) return verdict
  const told = { ...verdict, policyChanges: changes }
  const letThrough =
    verdict.status === 'pass' || (verdict.status === 'inconclusive' && verdict.whenInconclusive === 'release')
  // What an inconclusive verdict leads to matters to one only.
  const looser = changes.filter((change) => change.looser && !(verdict.status === 'pass' && isOfInconclusive(change)))
  if (!letThrough || looser.length === 0) return told
  const checks = [...new Set(looser.flatMap(({ check }) => check ?? []))]
  const canDecide = looser.every(({ check }) => check !== undefined)
  const before = current.record.policy.gate
  const fact = canDecide ? await notPassedBefore(gate, before, checks, evidence, context) : undefined
  if (canDecide && fact === undefined) return told
  const reason = `since the release ${current.version}, ${looser.map(({ change }) => change).join('; ')}${fact === undefined ? '' : `. ${fact}`}`
  return {
    ...told,
    status: 'inconclusive',
    whenInconclusive: 'ask',
    findings: [
      { kind: 'statement', check: 'policy', status: 'inconclusive', critical: true, reason },
      ...verdict.findings,
    ],
    summary: `What decides is looser than for the current release: ${reason}. ${verdict.summary}`,
  }
}

function evaluationChanges(
  { items, itemsDigest, slices }: ReleasePolicy,
  evaluation: Evaluation,
): readonly PolicyChange[] {
  const changes: PolicyChange[] = []
  const now = slicesIn(evaluation)
  const gone = slices.filter((slice) => !now.has(slice))
  if (gone.length > 0)
    changes.push({
      change: `the evaluation set has no item in ${gone.slice(0, 5).join(', ')}${gone.length > 5 ? ` and ${gone.length - 5} more slices` : ''} any more`,
      looser: true,
    })
  if (items === undefined) {
    if (itemsDigest !== undefined && itemsDigest !== digestOfItems(evaluation))
      changes.push({
        change: `the evaluation items changed; which were removed or relabelled is not known, because a release keeps the digests of at most ${maximumItems.toLocaleString('en')} items`,
        looser: true,
      })
    return changes
  }
  const targets = new Map<string, string>()
  const { ids, targets: labels } = evaluation
  for (let index = 0; index < ids.length; index += 1) {
    const item = itemOf(ids.at(index)!, labels.at(index) ?? null).toString('hex')
    targets.set(item.slice(0, 2 * halfBytes), item)
  }
  const before = Buffer.from(items, 'base64')
  let [removed, relabelled, kept] = [0, 0, 0]
  for (let at = 0; at < before.length; at += 2 * halfBytes) {
    const item = before.subarray(at, at + 2 * halfBytes).toString('hex')
    const found = targets.get(item.slice(0, 2 * halfBytes))
    if (found === undefined) removed += 1
    else if (found === item) kept += 1
    else relabelled += 1
  }
  const of = `of ${before.length / (2 * halfBytes)} evaluation items`
  const added = targets.size - kept - relabelled
  if (removed > 0) changes.push({ change: `${removed} ${of} are removed`, looser: true })
  if (relabelled > 0) changes.push({ change: `${relabelled} ${of} have another target`, looser: true })
  if (added > 0) changes.push({ change: `${added} evaluation items are new`, looser: false })
  return changes
}

function digestOfItems({ ids, targets }: Evaluation): string {
  const items = Array.from(ids, (id, index) => itemOf(id, targets.at(index) ?? null).toString('hex'))
  return digestBytes(items.sort().join(''))
}

function itemOf(id: string, target: Json): Buffer {
  const half = (text: string) => hash('sha256', text, 'buffer').subarray(0, halfBytes)
  return Buffer.concat([half(id), half(canonicalJson([id, target]))])
}

function slicesIn({ slices }: Evaluation): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [kind, column] of Object.entries(slices))
    for (let index = 0; index < column.length; index += 1) {
      const value = column.at(index)
      if (value !== null && value !== undefined) found.add(`${kind}=${value}`)
    }
  return found
}

const isOfInconclusive = ({ check, change }: PolicyChange) =>
  check === undefined && change.startsWith('whenInconclusive ')
