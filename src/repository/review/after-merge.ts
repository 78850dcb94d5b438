// What the merge of a reviewed change leads to. A pull request has no secrets, and perhaps no access to the registry: then less
// is known, and less is said.
import { type CallContext, messageOf } from '../../core/index.js'
import { aboutText, type RunPlan } from '../../pipeline/index.js'
import type { ProjectPlan } from '../project-pipeline.js'
import type { TriggerDecision } from '../triggers/index.js'

/** What a merge leads to, if nothing else is merged or released before. JSON. */
export interface AfterMerge {
  /** A phrase, such as `will retrain, about 42 min on gpu-box; releases 1.4.2 if the gate passes`. Empty: not known. */
  readonly summary: string
  /** Whether the merge starts a run, and why. Absent: not known. */
  readonly trigger?: Pick<TriggerDecision, 'action' | 'retrain' | 'reason'> | undefined
  /** What the run will do. Absent: there is none, or it is not known. */
  readonly run?: PlannedRun | undefined
  /** Why something is not known here. */
  readonly unknown?: string | undefined
}

/** A part of the plan of a run. */
export type PlannedRun = Pick<
  RunPlan,
  'outcome' | 'version' | 'nextVersion' | 'trainedAs' | 'identicalTo' | 'stages' | 'expected'
>

/** What the outlook is made from. */
export interface AfterMergeSources {
  readonly triggered: (context: CallContext) => Promise<TriggerDecision>
  readonly plan: (options: { readonly retrain: boolean }, context: CallContext) => Promise<ProjectPlan>
}

/** A registry that does not answer must not hold up a review. */
const longestMs = 60_000

/** Never fails, except by the caller's abort. */
export async function afterMerge({ triggered, plan }: AfterMergeSources, given: CallContext): Promise<AfterMerge> {
  const context = { ...given, signal: AbortSignal.any([given.signal, AbortSignal.timeout(longestMs)]) }
  let trigger: AfterMerge['trigger']
  try {
    const { action, retrain, reason } = await triggered(context)
    trigger = { action, retrain, reason }
    if (action === 'none') return { summary: 'the merge starts no run', trigger }
    const planned = await plan({ retrain }, context)
    const [lacking] = planned.unresolved
    if (lacking !== undefined) return { summary: 'the merge starts a run', trigger, unknown: lacking }
    const { outcome, version, nextVersion, trainedAs, identicalTo, stages, expected } = planned
    const run = { outcome, version, nextVersion, trainedAs, identicalTo, stages, expected }
    return { summary: phraseOf(run), trigger, run }
  } catch (error) {
    given.signal.throwIfAborted()
    const unknown = context.signal.aborted ? 'The registry or the ledger did not answer in time.' : messageOf(error)
    return trigger === undefined ? { summary: '', unknown } : { summary: 'the merge starts a run', trigger, unknown }
  }
}

function phraseOf(run: PlannedRun): string {
  const { outcome, version, nextVersion, identicalTo } = run
  if (outcome === 'up-to-date') return `the run has nothing to do: ${version} was made from these inputs`
  if (outcome === 'restore') return `publishes ${version} again as ${nextVersion}, without training`
  if (outcome === 'held-withdrawn')
    return `the run is held: ${version}, which was made from these inputs, was withdrawn`
  if (outcome === 'refused-releases-missing') return 'the run is refused: the registry lacks releases of the ledger'
  if (outcome === 'refused-dirty') return 'the merge starts a run'
  if (identicalTo !== undefined) return `the run releases nothing: ${identicalTo} is this model already`
  return `${workOf(run)}; releases ${nextVersion} if the gate passes`
}

/** The first sentence of a person who is asked what a run does. */
function workOf({ stages, expected, trainedAs, nextVersion }: PlannedRun): string {
  const about = expected === undefined ? 'duration unknown' : aboutText(expected)
  if (!stages.some(({ stage, action }) => stage === 'train' && action === 'run'))
    return `evaluates without training, ${about}`
  if (trainedAs !== undefined) return `evaluates without training on a machine like that of ${trainedAs}`
  return `${nextVersion === '0.1.0' ? 'will train' : 'will retrain'}, ${about}`
}
