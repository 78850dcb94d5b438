import { type CallContext, type Described, type Json, SheikhError } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import type { Evidence, Verdict } from '../gate/index.js'
import type { Rows } from '../model/index.js'
import type { Release } from '../releaser/index.js'
import type { CandidateRecord } from '../trainer/index.js'

/** What travels the road: the five below, and whatever a host's stages write under a name of their own (`[a-z][a-z0-9-]*`). */
export type Artifact = 'dataset' | 'candidate' | 'evaluations' | 'verdict' | 'release' | (string & {})

/** What a stage is given: the artifacts that it reads. */
export interface StageInput {
  readonly dataset?: {
    readonly value: DatasetSummary
    readonly training: Rows<unknown, unknown>
    readonly evaluation: Rows<unknown, unknown>
  }
  readonly candidate?: { readonly value: CandidateRecord; readonly files: string }
  readonly evaluations?: {
    readonly value: Pick<Evidence, 'baseline' | 'best'> & { readonly candidate: Evidence['candidate']['evaluation'] }
  }
  readonly verdict?: { readonly value: Verdict }
  readonly release?: { readonly value: Release }
  /** Artifacts of other host stages. */
  readonly custom: Readonly<Record<string, StageOutput>>
}

export interface StageOutput {
  readonly value: Json
  /** A directory that belongs to it; kept by digest. */
  readonly files?: string | undefined
}

export interface StageContext extends CallContext {
  /** An empty directory of the stage's own, gone after the run: where `files` may be written. */
  readonly directory: string
}

/**
 * A host's own step. It runs as soon as all that it reads exists, in the order given.
 *
 * A stage that writes nothing observes: it runs every time, and never breaks a cache. One that writes is cached where it
 * has a `version`. One that writes `candidate` puts its `files` in the place of the weights (quantisation, say).
 */
export interface Stage extends Described {
  readonly reads: readonly Artifact[]
  readonly writes?: Artifact | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: an observer returns nothing at all
  readonly run: (input: StageInput, context: StageContext) => Promise<StageOutput | void>
}

export const builtInArtifacts: readonly string[] = ['dataset', 'candidate', 'evaluations', 'verdict', 'release']
const builtInStages: readonly string[] = ['validate', 'train', 'evaluate', 'gate', 'release']

/** Refuses stages that could never run, or would write what is not theirs. @throws `invalid-options`. */
export function checkStages(stages: readonly Stage[]): void {
  const names = new Set<string>(builtInStages)
  const written = new Set<string>()
  for (const { name, writes } of stages) {
    if (names.has(name)) throw refused(name, 'its name is taken. Give every stage a name of its own')
    names.add(name)
    if (writes === undefined) continue
    if (writes !== 'candidate' && builtInArtifacts.includes(writes))
      throw refused(
        name,
        `it writes "${writes}", which the pipeline makes itself. Write "candidate" or a name of your own`,
      )
    if (!/^[a-z][a-z0-9-]*$/.test(writes)) throw refused(name, `"${writes}" is not a name in lower case`)
    if (writes !== 'candidate' && written.has(writes)) throw refused(name, `"${writes}" is written by another stage`)
    written.add(writes)
  }
  for (const { name, reads, writes } of stages) {
    const missing = reads.find((artifact) => !builtInArtifacts.includes(artifact) && !written.has(artifact))
    if (missing !== undefined) throw refused(name, `it reads "${missing}", which nothing writes`)
    if (writes === 'candidate' && !reads.includes('candidate'))
      throw refused(name, 'it writes "candidate" and does not read it')
  }
  const order = stagesInOrder(stages, builtInArtifacts)
  const running = [...order.values()].flat()
  const beforeJudging = [...(order.get('dataset') ?? []), ...(order.get('candidate') ?? [])]
  for (const stage of stages) {
    if (!running.includes(stage)) throw refused(stage.name, 'what it reads is made of what it writes')
    if (stage.writes === 'candidate' && !beforeJudging.includes(stage))
      throw refused(stage.name, 'it would change the candidate after it was judged')
  }
}

/** The stages by the artifact that lets them run, as `HostStages` runs them. */
export function stagesInOrder(
  stages: readonly Stage[],
  artifacts: readonly string[],
): ReadonlyMap<string, readonly Stage[]> {
  const waiting = [...stages]
  const made = new Set<string>()
  const order = new Map<string, readonly Stage[]>()
  for (const artifact of artifacts) {
    made.add(artifact)
    const ready: Stage[] = []
    for (;;) {
      const index = waiting.findIndex(({ reads }) => reads.every((name) => made.has(name)))
      if (index < 0) break
      const [stage] = waiting.splice(index, 1)
      ready.push(stage!)
      if (stage!.writes !== undefined) made.add(stage!.writes)
    }
    order.set(artifact, ready)
  }
  return order
}

/** The stages that read the release, those that read what they write, and those whose output they need. */
export function neededAfterRelease(stages: readonly Stage[]): readonly Stage[] {
  const needed = new Set<Stage>()
  const grow = (isNeeded: (stage: Stage) => boolean) => {
    const found = stages.filter((stage) => stage.writes !== 'candidate' && !needed.has(stage) && isNeeded(stage))
    for (const stage of found) needed.add(stage)
    return found.length > 0
  }
  const writesFor = (reader: Stage, writer: Stage) =>
    writer.writes !== undefined && reader.reads.includes(writer.writes)
  grow(({ reads }) => reads.includes('release'))
  while (grow((stage) => [...needed].some((other) => writesFor(stage, other)))) {}
  while (grow((stage) => [...needed].some((other) => writesFor(other, stage)))) {}
  return stages.filter((stage) => needed.has(stage))
}

/** The stages that change the candidate, and those whose output they need. */
export function neededForCandidate(stages: readonly Stage[]): readonly Stage[] {
  const needed = new Set(stages.filter(({ writes }) => writes === 'candidate'))
  for (let size = -1; size < needed.size; ) {
    size = needed.size
    const read = new Set([...needed].flatMap(({ reads }) => reads))
    for (const stage of stages) if (stage.writes !== undefined && read.has(stage.writes)) needed.add(stage)
  }
  return stages.filter((stage) => needed.has(stage))
}

const refused = (name: string, fact: string) =>
  new SheikhError('invalid-options', `Cannot use the stage "${name}": ${fact}.`, { facts: { stage: name } })
