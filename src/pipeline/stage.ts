import { type CallContext, type Described, type Json, SheikhError } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import type { Evidence, Verdict } from '../gate/index.js'
import type { Rows } from '../model/index.js'
import type { Release } from '../releaser/index.js'
import type { CandidateRecord } from '../trainer/index.js'

/** The name of an artifact: one of the five built-in ones, or a name that one of your stages writes (`[a-z][a-z0-9-]*`). */
export type Artifact = 'dataset' | 'candidate' | 'evaluations' | 'verdict' | 'release' | (string & {})

/** The artifacts that a stage reads. */
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
  /** Artifacts that your other stages write. */
  readonly custom: Readonly<Record<string, StageOutput>>
}

export interface StageOutput {
  readonly value: Json
  /** A directory with the stage's output files; stored by digest. */
  readonly files?: string | undefined
}

export interface StageContext extends CallContext {
  /** An empty temporary directory for output `files`; deleted after the run. */
  readonly directory: string
}

/**
 * A stage of your own. It runs as soon as all artifacts that it reads exist, in the given order.
 *
 * A stage without `writes` only observes: it runs every time and never invalidates a cache. A stage with `writes` is cached if it
 * has a `version`. A stage that writes `candidate` replaces the weights with its `files`, for example to quantise them.
 */
export interface Stage extends Described {
  readonly reads: readonly Artifact[]
  readonly writes?: Artifact | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: an observer returns nothing at all
  readonly run: (input: StageInput, context: StageContext) => Promise<StageOutput | void>
}

export const builtInArtifacts: readonly string[] = ['dataset', 'candidate', 'evaluations', 'verdict', 'release']
const builtInStages: readonly string[] = ['validate', 'train', 'evaluate', 'gate', 'release']

/** Refuses stages that could never run or that write a reserved artifact. @throws `invalid-options`. */
export function checkStages(stages: readonly Stage[]): void {
  const names = new Set<string>(builtInStages)
  const written = new Set<string>()
  for (const { name, writes } of stages) {
    if (names.has(name)) throw refused(name, 'another stage has the same name. Give each stage its own name')
    names.add(name)
    if (writes === undefined) continue
    if (writes !== 'candidate' && builtInArtifacts.includes(writes))
      throw refused(
        name,
        `it writes "${writes}", which the pipeline creates itself. Write "candidate" or an artifact of your own`,
      )
    if (!/^[a-z][a-z0-9-]*$/.test(writes))
      throw refused(name, `"${writes}" is not a valid artifact name. Use a-z, 0-9 and "-"`)
    if (writes !== 'candidate' && written.has(writes))
      throw refused(name, `"${writes}" is also written by another stage. Choose another name`)
    written.add(writes)
  }
  for (const { name, reads, writes } of stages) {
    const missing = reads.find((artifact) => !builtInArtifacts.includes(artifact) && !written.has(artifact))
    if (missing !== undefined)
      throw refused(name, `it reads "${missing}", which no stage writes. Add a stage that writes it`)
    if (writes === 'candidate' && !reads.includes('candidate'))
      throw refused(name, 'it writes "candidate" but does not read it. Add "candidate" to its reads')
  }
  const order = stagesInOrder(stages, builtInArtifacts)
  const running = [...order.values()].flat()
  const beforeJudging = [...(order.get('dataset') ?? []), ...(order.get('candidate') ?? [])]
  for (const stage of stages) {
    if (!running.includes(stage)) throw refused(stage.name, 'its input depends on its own output. Remove the cycle')
    if (stage.writes === 'candidate' && !beforeJudging.includes(stage))
      throw refused(
        stage.name,
        'it would change the candidate after the gate judged it. Read only what exists before the evaluation',
      )
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
