// The trainings of the candidates of a run: one after the other here, or at once on workers.
import type { DatasetSnapshot } from '../../dataset/index.js'
import { isStorageFault } from '../../store/index.js'
import { candidateJobs } from '../candidate-kind.js'
import { ofTraining } from '../errors-of-stages.js'
import type { Session } from '../session.js'
import { trainByJobs } from '../train-by-jobs.js'
import { nameOf, type Variant, variantsOf } from '../variants.js'
import {
  type FitElsewhere,
  type PreparedTraining,
  prepareTraining,
  type Trained,
  type TrainingsOfRun,
  trainPrepared,
} from './train.js'

export interface Trainings extends AsyncDisposable {
  /** Trains the candidate of a variant, or returns the one that an earlier training made. */
  train(variant: Variant): Promise<Trained>
}

export function trainingsOf(
  session: Session,
  snapshot: DatasetSnapshot<unknown, unknown>,
  run: TrainingsOfRun,
): Trainings {
  const prepare = (variant: Variant) => prepareTraining(session, snapshot, run, variant)
  if (session.options.training !== undefined && variantsOf(session.options).length > 1)
    return trainingsAtOnce(session, snapshot, prepare)
  return {
    train: async (variant) => trainPrepared(session, await prepare(variant)),
    [Symbol.asyncDispose]: async () => {},
  }
}

/** The first candidate that is asked for starts all trainings. If one fails, the others end with its error. */
function trainingsAtOnce(
  session: Session,
  snapshot: DatasetSnapshot<unknown, unknown>,
  prepare: (variant: Variant) => Promise<PreparedTraining>,
): Trainings {
  const { training, store } = session.options
  const stop = new AbortController()
  const signal = AbortSignal.any([session.context.signal, stop.signal])
  let started: ReturnType<typeof start> | undefined

  async function start() {
    const prepared: PreparedTraining[] = []
    for (const variant of variantsOf(session.options)) prepared.push(await about(nameOf(variant), prepare(variant)))
    const onWorkers = prepared.filter(isForWorkers)
    const [first] = onWorkers
    const running = new Map<string, Promise<Trained>>()
    if (first === undefined) return { prepared, running }
    const { training: rows, development } = snapshot
    const jobs = await trainByJobs(
      { executor: training!.executor, store },
      candidateJobs,
      {
        trainings: onWorkers.map(({ variant }) => ({ ...variant, name: nameOf(variant) })),
        ...{ training: rows, development, base: first.request!.weights, isResumed: first.request!.isResumed },
      },
      { ...session.context, progress: () => {} },
    )
    for (const each of onWorkers) {
      const name = nameOf(each.variant)
      const elsewhere: FitElsewhere = (directory, context) => jobs.train(name, directory, context)
      const trained = stopping(name, trainPrepared(session, each, { elsewhere, signal }))
      // The stage of the candidate reports it.
      trained.catch(() => {})
      running.set(name, trained)
    }
    return { prepared, running, jobs }
  }

  /** Whatever host code makes of an abort, the error is that of the first candidate that failed, or the reason of the run's abort. */
  const about = <V>(name: string, work: Promise<V>): Promise<V> =>
    work.catch((error: unknown) => {
      if (signal.aborted) throw signal.reason
      throw isStorageFault(error) ? error : ofTraining(error, name)
    })

  const stopping = (name: string, training: Promise<Trained>) =>
    about(name, training).catch((error: unknown) => {
      stop.abort(error)
      throw error
    })

  /** Only this process reads the registry: it opens released members, and finds out what a base knows. */
  const isForWorkers = ({ variant: { trainer }, request }: PreparedTraining) =>
    request !== undefined &&
    request.training.digest === snapshot.training.digest &&
    (trainer.releases ?? []).length === 0 &&
    trainer.usesWorkers !== true

  return {
    async train(variant) {
      started ??= start()
      const { prepared, running } = await started
      const name = nameOf(variant)
      const own = prepared.find((each) => nameOf(each.variant) === name)!
      return running.get(name) ?? stopping(name, trainPrepared(session, own, { signal }))
    },
    async [Symbol.asyncDispose]() {
      const { running, jobs } = (await started?.catch(() => undefined)) ?? {}
      stop.abort(new Error('The run needs no further training.'))
      const ended = await Promise.allSettled(running?.values() ?? [])
      // What an interrupted training needs stays if one has failed.
      if (ended.every(({ status }) => status === 'fulfilled')) await jobs?.end()
    },
  }
}
