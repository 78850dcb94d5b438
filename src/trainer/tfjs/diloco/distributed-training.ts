import {
  type CallContext,
  callContext,
  type Digest,
  isSheikhError,
  messageOf,
  SheikhError,
} from '../../../core/index.js'
import { removeQuietly } from '../../../store/index.js'
import type { FitContext, TrainProgress } from '../../trainer.js'
import { readLastCheckpoint, type SavedTensor, type TrainingState, writeCheckpoint } from '../checkpoints.js'
import { judgeLook, type Lowest } from '../early-stopping.js'
import { learningRateAt } from '../learning-rate.js'
import type { LoopSettings } from '../tfjs-model.js'
import { checkFinite, type LoopCheckpoints, type LoopRequest, stepsOf, type Trained } from '../train-loop.js'
import type { OpenTraining } from '../trainer-parts.js'
import { openTraining, type Training } from '../training.js'
import { addGradient, noMomentum, outerStep, type Values } from './outer-step.js'
import { type Rounds, runRound } from './run-round.js'
import { storedExamples } from './stored-examples.js'
import { getValues, putValues } from './weight-files.js'

export interface RoundsRequest {
  readonly loop: LoopSettings
  readonly seed: number
  /** Identifies the training. */
  readonly training: string
  /** What the workers must have too. */
  readonly expected: Digest
}

type TrainRequest = Omit<LoopRequest<unknown>, 'examples' | 'development'>
/** What a checkpoint contains besides tensors. */
type Facts = Pick<Trained, 'lossCurve' | 'developmentCurve' | 'splitSteps'> & {
  readonly lowest?: Lowest | undefined
  /** By replica. */
  readonly moments?: readonly Digest[] | undefined
  /** No round follows: only the model has to be written. */
  readonly isOver?: boolean | undefined
}

/** Of the loss curve, so that the record of a long training stays small. */
const mostPoints = 200

/**
 * A training whose steps are done by jobs. This process makes the first weights, averages, and looks at the development rows; the
 * examples and the weights of each round are objects of the store.
 */
export function distributedTraining(rounds: Rounds, { loop, seed, training, expected }: RoundsRequest): OpenTraining {
  const { store, replicas, innerSteps, learningRateFactor } = rounds
  const job = { training, seed, expected }

  return async (trainee, device, directory, opening, plain) => {
    const folder = await store.workDirectory('diloco')
    const place = { store, folder, training }
    const examples = storedExamples<unknown>(place)
    const local = (await openTraining(trainee, device, directory, opening).catch(async (error: unknown) => {
      await removeQuietly(folder)
      throw error
    })) as Training<unknown>
    /** Directories of the store that nobody needs after the training. */
    const stored = new Set<Digest>()

    async function discard(digests: readonly Digest[], { clock, log }: FitContext): Promise<void> {
      for (const digest of digests) {
        stored.delete(digest)
        try {
          await store.objects.removeDirectory?.(digest, callContext({ clock, log }))
        } catch (error) {
          log.warn(`An object of the training was not removed: ${messageOf(error)}`, { digest })
        }
      }
    }

    /** The last checkpoint, if the store still contains the moments that the next round needs. */
    async function findCheckpoint(
      checkpoints: LoopCheckpoints | undefined,
      context: FitContext,
    ): Promise<TrainingState | undefined> {
      const saved = checkpoints && (await readLastCheckpoint(checkpoints.folder, checkpoints.training, context))
      const { moments = [] } = (saved?.facts ?? {}) as unknown as Partial<Facts>
      const found = await Promise.all(moments.map((digest) => store.objects.has(digest)))
      if (found.every(Boolean)) return saved
      context.log.warn('The training begins anew: the store lost the moments of its last checkpoint.')
      return undefined
    }

    async function train({ config, start, checkpoints }: TrainRequest, context: FitContext): Promise<Trained> {
      const { steps: batches, stepsPerEpoch } = stepsOf(loop, examples.size)
      const steps = Math.ceil(batches / replicas)
      const epochOf = (step: number) => Math.ceil((step * replicas) / stepsPerEpoch)
      const { earlyStopping } = loop
      const saved = await findCheckpoint(checkpoints, context)
      const facts = (saved?.facts ?? {}) as unknown as Partial<Facts>
      const look = (from: Values | undefined, step: number) =>
        local.train({ config, seed, start: from, part: { from: step, to: step, steps, look: true } }, context)
      const weights = saved === undefined ? (await look(start, 0)).weights : valuesIn(saved.tensors, 'weight/')
      if (batches < replicas) throw tooFew(replicas, batches)
      const momentum = saved === undefined ? noMomentum(weights) : valuesIn(saved.tensors, 'momentum/')
      let best = saved === undefined ? {} : valuesIn(saved.tensors, 'best/')
      let { lowest, splitSteps = 0, moments = [], isOver = false } = facts
      /** Of earlier rounds, which the last checkpoint names. */
      let earlier: readonly Digest[] = []
      const [lossCurve, developmentCurve] = [[...(facts.lossCurve ?? [])], [...(facts.developmentCurve ?? [])]]
      const pointEverySteps = innerSteps * Math.ceil(steps / innerSteps / mostPoints)
      const resumed = saved !== undefined && { resumedFrom: saved.step }
      let reported = saved?.step ?? 0
      const report = (progress: TrainProgress) => {
        if (progress.step <= reported) return
        reported = progress.step
        context.progress({ ...progress, ...resumed })
      }
      const rows = await examples.put(config, context)
      for (const digest of [rows, ...moments]) stored.add(digest)

      for (let from = saved?.step ?? 0, to = from; !isOver; from = to) {
        context.signal.throwIfAborted()
        to = Math.min(steps, from + innerSteps)
        const kept = await putValues(place, weights, context)
        stored.add(kept)
        const part = { from, to, steps, learningRateFactor }
        const round = { examples: rows, weights: kept, moments, part }
        const told = { report, onObject: (digest: Digest) => void stored.add(digest) }
        const results = await runRound(rounds, { ...job, ...round, trainee: plain }, told, context)
        const gradients = results.map(({ objects }) => objects['gradient']!)
        const sum = noMomentum(weights)
        for (const digest of gradients) addGradient(sum, await getValues(place, digest, context, weights))
        const followed = new Set(results.flatMap(({ value }) => value.followed))
        outerStep({ weights, momentum }, sum, { ...rounds, followed })
        checkFinite(weights)
        isOver = to === steps
        const loss = results.reduce((total, { value }) => total + value.loss, 0) / replicas
        splitSteps = results.reduce((total, { value }) => total + value.splitSteps, splitSteps)
        if (to % pointEverySteps === 0 || isOver) lossCurve.push([to, loss])
        const learningRate = learningRateFactor * learningRateAt(to, steps, loop)
        report({ epoch: epochOf(to), epochs: epochOf(steps), step: to, steps, loss, learningRate })
        if (
          earlyStopping !== undefined &&
          isDue(from, to, earlyStopping.everySteps ?? Math.ceil(stepsPerEpoch / replicas))
        ) {
          developmentCurve.push(...(await look(weights, to)).developmentCurve)
          const judged = judgeLook(developmentCurve, lowest, earlyStopping)
          lowest = judged.lowest
          if (judged.isLower) best = copyOf(weights)
          isOver ||= judged.isOver
        }
        const last = moments
        const made = results.flatMap(({ objects }) => objects['moments'] ?? [])
        moments = isOver ? [] : made
        const tensors = { ...saving('weight/', weights), ...saving('momentum/', momentum), ...saving('best/', best) }
        const known = {
          lossCurve,
          developmentCurve,
          splitSteps,
          moments,
          isOver,
          ...(lowest && { lowest: { ...lowest } }),
        }
        const isSaved =
          checkpoints === undefined || (await save(checkpoints, { step: to, facts: known, tensors }, context))
        earlier = [...earlier, ...last]
        const outdated = isSaved ? earlier.filter((digest) => !moments.includes(digest)) : []
        if (isSaved) earlier = []
        await discard([kept, ...gradients, ...outdated], context)
      }
      const chosen = Object.keys(best).length > 0 ? best : weights
      return { weights: chosen, lossCurve, developmentCurve, splitSteps, followed: [] }
    }

    return {
      async add(part, added) {
        if (part === 'training') await examples.add(added)
        await local.add(part, added)
      },
      async train(request, context) {
        try {
          const trained = await train(request as TrainRequest, context)
          await discard([...stored], context)
          return trained
        } catch (error) {
          // What was stored serves a training that resumes.
          if (request.checkpoints === undefined || isSheikhError(error, 'train-diverged'))
            await discard([...stored], context)
          throw error
        }
      },
      async [Symbol.asyncDispose]() {
        await removeQuietly(folder)
        await local[Symbol.asyncDispose]()
      },
    }
  }
}

/** Whether a multiple of `every` is among the steps after `from`, up to `to`. */
const isDue = (from: number, to: number, every: number) => Math.floor(to / every) > Math.floor(from / every)

const copyOf = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).map(([name, array]) => [name, array.slice()]))

const saving = (prefix: string, values: Values): Readonly<Record<string, SavedTensor>> =>
  Object.fromEntries(
    Object.entries(values).map(([name, array]) => [`${prefix}${name}`, { shape: [array.length], values: array }]),
  )

const valuesIn = (tensors: Readonly<Record<string, SavedTensor>>, prefix: string): Values =>
  Object.fromEntries(
    Object.entries(tensors).flatMap(([name, { values }]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), values]] : [],
    ),
  )

/** Not aborted: the round is done. A checkpoint that cannot be written costs nothing but itself. @returns whether it was written. */
async function save(
  { folder, training, options }: LoopCheckpoints,
  state: TrainingState,
  { clock, log }: CallContext,
): Promise<boolean> {
  try {
    await writeCheckpoint(folder, training, state, options, callContext({ clock, log }))
    return true
  } catch (error) {
    log.warn(`The checkpoint of step ${state.step} was not written: ${messageOf(error)}`, { step: state.step })
    return false
  }
}

const tooFew = (replicas: number, steps: number) =>
  new SheikhError(
    'invalid-options',
    `Cannot train on ${replicas} replicas: one machine would take only ${steps} steps, and each replica needs one. Use fewer replicas, or train for more epochs.`,
    { facts: { replicas, steps } },
  )
