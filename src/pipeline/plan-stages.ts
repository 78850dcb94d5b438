// The host's stages in a plan: where each of them runs, and whether an earlier run kept its output.
import { type Digest, digestJson, type Json } from '../core/index.js'
import type { Release } from '../releaser/index.js'
import type { ExpectedDuration } from './expected-duration.js'
import { type Difference, firstDifference, type Key } from './keys.js'
import type { PipelineParts } from './options.js'
import { lastRun } from './run-records.js'
import type { RunRecord } from './run-result.js'
import { neededAfterRelease, type Stage, stagesInOrder } from './stage.js'
import { keptUnder } from './stage-cache.js'
import { stageKey, writtenDigest } from './stages/host.js'

export interface PlannedStage {
  readonly stage: string
  /** `unknown`: whether an earlier run kept the output depends on an input that is not made yet. */
  readonly action: 'run' | 'cached' | 'skip' | 'unknown'
  readonly reason: string
  /** Against the last run that got so far. */
  readonly difference?: Difference | undefined
  /** What the stage took in earlier runs. Absent: it is skipped, or no run measured it. */
  readonly expected?: ExpectedDuration | undefined
}

/** The built-in stages in their order, and the artifact that each of them makes. */
const road = [
  ['validate', 'dataset'],
  ['train', 'candidate'],
  ['evaluate', 'evaluations'],
  ['gate', 'verdict'],
  ['release', 'release'],
] as const
const makers = new Map<string, string>(road.map(([stage, artifact]) => [artifact, stage]))

/** What is known before a run of what its stages will read. */
export interface KnownArtifacts {
  readonly dataset: Digest
  /** Absent: the candidate is not trained yet. */
  readonly candidate?: { readonly record: Json; readonly files: Digest } | undefined
}

/** The built-in stages of a run that judges, with each host stage at its place. */
export async function withHostStages(
  options: PipelineParts,
  builtIn: readonly PlannedStage[],
  { dataset, candidate }: KnownArtifacts,
): Promise<readonly PlannedStage[]> {
  const digests = new Map<string, Digest>([['dataset', dataset]])
  if (candidate !== undefined) digests.set('candidate', digestJson({ value: candidate.record, files: candidate.files }))
  const order = stagesInOrder(
    options.stages ?? [],
    road.map(([, artifact]) => artifact),
  )
  const stages: PlannedStage[] = []
  for (const planned of builtIn) {
    stages.push(planned)
    const artifact = road.find(([stage]) => stage === planned.stage)![1]
    for (const stage of order.get(artifact) ?? [])
      stages.push(await forecast(options, stage, digests, candidate?.record))
  }
  return stages
}

/** The stages of a run that trains and judges nothing, for this reason. `restored`: the release that is published again. */
export function withSkippedStages(
  { stages = [] }: PipelineParts,
  builtIn: readonly PlannedStage[],
  reason: string,
  restored?: Release,
): readonly PlannedStage[] {
  const needed = restored === undefined ? [] : neededAfterRelease(stages)
  const { candidate, verdict } = restored?.record ?? {}
  const made = [
    ...(verdict === undefined ? [] : ['verdict']),
    ...(candidate === undefined ? [] : ['candidate']),
    'release',
  ]
  const following = [...stagesInOrder(needed, made).values()].flat()
  const order = stagesInOrder(
    stages.filter((stage) => !following.includes(stage)),
    road.map(([, artifact]) => artifact),
  )
  const skipped = (stage: Stage): PlannedStage => {
    const absent = stage.reads.filter((artifact) => !made.includes(artifact))
    return {
      stage: stage.name,
      action: 'skip',
      reason: needed.includes(stage) ? `a restored release does not make ${quoted(absent)}, which it reads` : reason,
    }
  }
  return builtIn.flatMap((planned) => {
    const artifact = road.find(([stage]) => stage === planned.stage)![1]
    const after = (order.get(artifact) ?? []).map(skipped)
    if (planned.stage !== 'release') return [planned, ...after]
    const run = following.map(
      ({ name }): PlannedStage => ({ stage: name, action: 'run', reason: 'it follows every release' }),
    )
    return [planned, ...run, ...after]
  })
}

/** Whether a stage runs. Notes the digest of what it writes, or that nobody knows it yet. */
async function forecast(
  options: PipelineParts,
  stage: Stage,
  digests: Map<string, Digest>,
  candidate: Json | undefined,
): Promise<PlannedStage> {
  const { name, reads, writes } = stage
  const ifReleased = reads.includes('release') ? ', if the gate passes' : ''
  if (writes === undefined)
    return { stage: name, action: 'run', reason: `it writes nothing, so it runs every time${ifReleased}` }
  const unknown = reads.filter((artifact) => !digests.has(artifact))
  const key = unknown.length > 0 ? undefined : stageKey(stage, (artifact) => digests.get(artifact)!)
  const kept = await keptUnder(options.store, key)
  if (kept !== undefined) {
    const record = writes === 'candidate' ? (candidate ?? null) : null
    digests.set(writes, writtenDigest(kept.value, kept.files ?? null, record))
    return { stage: name, action: 'cached', reason: `kept from the run ${kept.runId}` }
  }
  digests.delete(writes)
  if (stage.version === undefined)
    return { stage: name, action: 'run', reason: `it has no version, so nothing of it is kept${ifReleased}` }
  if (key === undefined)
    return {
      stage: name,
      action: 'unknown',
      reason: `whether its output is kept is known once ${quoted(unknown)} ${unknown.length === 1 ? 'is' : 'are'} made${makersOf(unknown, options.stages ?? [])}${ifReleased}`,
    }
  const last = await lastRun(options.store, (record) => partsOf(record, name) !== undefined)
  return { stage: name, action: 'run', ...why(last && partsOf(last, name), key.parts) }
}

function makersOf(artifacts: readonly string[], stages: readonly Stage[]): string {
  const names = artifacts.flatMap(
    (artifact) => stages.findLast(({ writes }) => writes === artifact)?.name ?? makers.get(artifact) ?? [],
  )
  return names.length === 0 ? '' : ` (by ${quoted(names)})`
}

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(' and ')

/** Why a key is another one than that of the last run. */
export function why(before: Json | undefined, after: Key['parts']): Pick<PlannedStage, 'reason' | 'difference'> {
  if (before === undefined) return { reason: 'no earlier run is known' }
  const difference: Difference | undefined = firstDifference(before, after)
  if (difference === undefined) return { reason: 'nothing differs from the last run' }
  return { reason: `"${difference.path}" differs from the last run`, difference }
}

/** What a stage's key was made of in a run. */
export const partsOf = ({ stages }: RunRecord, stage: string, candidate?: string): Json | undefined =>
  stages.find((one) => one.name === stage && one.candidate === candidate)?.parts
