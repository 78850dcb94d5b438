import { type Digest, digestJson, digestManifest, identityOf, type Json, SheikhError } from '../../core/index.js'
import { rereadWeightsDirectory } from '../../model/index.js'
import { type Release, weightsOf } from '../../releaser/index.js'
import { readManifest } from '../../store/index.js'
import { type Key, stageKeyOf } from '../keys.js'
import type { Session } from '../session.js'
import { neededAfterRelease, type Stage, type StageInput, type StageOutput } from '../stage.js'
import { findKept, keep, openKeptFiles } from '../stage-cache.js'
import { checkedValue } from '../stage-values.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type BuiltIn = Mutable<Omit<StageInput, 'custom'>>

/** A host's stages, run as the artifacts appear that they read. */
export class HostStages {
  #waiting: Stage[]
  #ran: Stage[] = []
  readonly #session: Session
  /** What stands so far, and the digest of each. */
  readonly #artifacts: BuiltIn = {}
  readonly #custom: Record<string, StageOutput> = {}
  readonly #digests = new Map<string, Digest>()
  readonly #usesCache: boolean
  #candidate: string | undefined

  /** @param options.cached whether an output that an earlier run kept is used. */
  constructor(session: Session, stages: readonly Stage[] = session.options.stages ?? [], { cached = true } = {}) {
    this.#usesCache = cached
    this.#session = session
    this.#waiting = [...stages]
  }

  /** The stages that need a release which was decided on earlier, with what the release itself tells. */
  static async ofRelease(session: Session, release: Release): Promise<HostStages> {
    const stages = new HostStages(session, neededAfterRelease(session.options.stages ?? []))
    const { candidate, verdict } = release.record
    const reads = new Set(stages.waiting.flatMap((stage) => stage.reads))
    if (reads.has('verdict') && verdict !== undefined)
      await stages.add('verdict', { value: verdict }, digestJson(verdict))
    if (reads.has('candidate') && candidate !== undefined) {
      const directory = await session.folder('released')
      const bundle = await session.options.releaser.open(release.version, directory, session.context)
      const { path, digest } = weightsOf(bundle)
      const artifact = { value: candidate, files: path }
      await stages.add('candidate', artifact, digestJson({ ...artifact, files: digest }))
    }
    return stages
  }

  /** A copy for one of several candidates, which runs the stages that did not run yet on its own. */
  fork(candidate: string | undefined): HostStages {
    const copy = new HostStages(this.#session, this.#waiting, { cached: this.#usesCache })
    copy.#candidate = candidate
    copy.#ran = [...this.#ran]
    Object.assign(copy.#artifacts, this.#artifacts)
    Object.assign(copy.#custom, this.#custom)
    for (const [artifact, digest] of this.#digests) copy.#digests.set(artifact, digest)
    return copy
  }

  /** The stages that did not run yet. */
  get waiting(): readonly Stage[] {
    return this.#waiting
  }

  /**
   * Adds an artifact and runs whatever became ready. One that replaces another of its name runs the stages again that read
   * it. Returns it as the host's stages left it.
   *
   * @param only the stages that may run now; the others wait for the next artifact. @default all
   */
  async add<A extends keyof BuiltIn>(
    artifact: A,
    value: NonNullable<StageInput[A]>,
    digest: Digest,
    only: readonly Stage[] | undefined = undefined,
  ): Promise<NonNullable<StageInput[A]>> {
    if (this.#digests.has(artifact) && this.#digests.get(artifact) !== digest) {
      const again = this.#ran.filter(({ reads }) => reads.includes(artifact))
      this.#ran = this.#ran.filter((stage) => !again.includes(stage))
      this.#waiting = [...again, ...this.#waiting]
    }
    Object.assign(this.#artifacts, { [artifact]: value })
    this.#digests.set(artifact, digest)
    for (;;) {
      const index = this.#waiting.findIndex(
        (stage) => (only?.includes(stage) ?? true) && stage.reads.every((name) => this.#digests.has(name)),
      )
      if (index < 0) return this.#artifacts[artifact] as NonNullable<StageInput[A]>
      const [stage] = this.#waiting.splice(index, 1)
      this.#ran.push(stage!)
      await this.#run(stage!)
    }
  }

  async #run(stage: Stage): Promise<void> {
    const session = this.#session
    const work = async () => {
      const key = stageKey(stage, (name) => this.#digests.get(name)!)
      const kept = key === undefined || !this.#usesCache ? undefined : await this.#cached(stage.name, key)
      const output = kept ?? (await this.#fresh(stage, key))
      if (stage.writes !== undefined) await this.#take(stage, output!)
      return { value: undefined, cached: kept !== undefined, key, told: output?.value }
    }
    await session.stage(stage.name, work, this.#candidate)
  }

  async #fresh(stage: Stage, key: Key | undefined): Promise<StageOutput | undefined> {
    const session = this.#session
    const directory = await session.folder(stage.name)
    const returned = (await stage.run(this.#inputFor(stage), { ...session.context, directory })) ?? undefined
    session.context.signal.throwIfAborted()
    // A stage that observes may return nothing, and a host in plain JavaScript anything.
    if (stage.writes === undefined)
      return hasValue(returned) ? { value: checkedValue(stage.name, returned.value) } : undefined
    if (returned === undefined)
      throw new SheikhError(
        'stage-failed',
        `The stage "${stage.name}" returned nothing, and says that it writes "${stage.writes}". Return { value, files? }.`,
        {
          facts: { stage: stage.name },
        },
      )
    const output: StageOutput = { value: checkedValue(stage.name, returned.value), files: returned.files }
    if (key !== undefined) {
      const { objects } = session.options.store
      const files = output.files === undefined ? undefined : await objects.putDirectory(output.files, session.context)
      await keep(session, key, output.value, files)
    }
    return output
  }

  #cached(stage: string, key: Key): Promise<StageOutput | undefined> {
    return findKept(this.#session, key, {
      open: async ({ value, files }) => ({
        value: checkedValue(stage, value),
        ...(files !== undefined && { files: await openKeptFiles(this.#session, files, 'stage') }),
      }),
    })
  }

  /** A stage sees what it says it reads, and nothing else. */
  #inputFor(stage: Stage): StageInput {
    const isRead = ([name]: readonly [string, unknown]) => stage.reads.includes(name)
    const builtIn: BuiltIn = Object.fromEntries(Object.entries(this.#artifacts).filter(isRead))
    return { ...builtIn, custom: Object.fromEntries(Object.entries(this.#custom).filter(isRead)) }
  }

  async #take(stage: Stage, output: StageOutput): Promise<void> {
    const { context } = this.#session
    const files = output.files === undefined ? null : digestManifest(await readManifest(output.files, context))
    // Weights that were changed are still of the candidate that was trained, whose record the next stage reads.
    const record = stage.writes === 'candidate' ? this.#artifacts.candidate!.value : null
    this.#digests.set(stage.writes!, writtenDigest(output.value, files, record))
    if (stage.writes !== 'candidate') {
      this.#custom[stage.writes!] = output
      return
    }
    if (output.files === undefined)
      throw new SheikhError(
        'stage-failed',
        `The stage "${stage.name}" writes the candidate and gave no files. Return the directory of the changed weights.`,
        {
          facts: { stage: stage.name },
        },
      )
    const weights = await rereadWeightsDirectory(output.files, context)
    this.#artifacts.candidate = { value: this.#artifacts.candidate!.value, files: weights.path }
  }
}

/** The key of a stage's output: its identity and what it reads. `undefined` if it writes nothing or has no version. */
export function stageKey(stage: Stage, digestOf: (artifact: string) => Digest): Key | undefined {
  const identity = identityOf(stage)
  if (stage.writes === undefined || identity === undefined) return undefined
  const inputs = Object.fromEntries(stage.reads.map((name) => [name, digestOf(name)]))
  return stageKeyOf({ kind: 'stage', stage: identity, inputs })
}

/** The digest of an artifact that a stage wrote. `candidate`: the record of the candidate whose weights it changed. */
export const writtenDigest = (value: Json, files: Digest | null, candidate: unknown): Digest =>
  digestJson({ value, files, record: candidate })

const hasValue = (returned: unknown): returned is StageOutput =>
  typeof returned === 'object' && returned !== null && Object.hasOwn(returned, 'value')
