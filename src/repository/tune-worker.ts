// The module of the workers of `sheikh tune`: they compose the project from its files.
import { callContext } from '../core/index.js'
import type { WorkerParts } from '../execute/index.js'
import { trialKind } from '../tune/index.js'
import { compose } from './compose.js'
import { notificationSecrets } from './notification-secrets.js'
import { type Surroundings, secretsOf } from './release-targets.js'
import { metricOfTrials, trainerOfTrials } from './tune-project.js'

/** JSON, sent to the worker over a channel that no other process reads. */
export interface TuneWorkerOptions extends Pick<Surroundings, 'root' | 'project' | 'shared' | 'environment'> {
  /** Whether trainings that are interrupted continue. The store has room for the checkpoints of a few trainings only. */
  readonly keepsCheckpoints: boolean
}

export async function worker(options: TuneWorkerOptions): Promise<WorkerParts> {
  const context = callContext()
  // Releases, which are on a remote, take no part in a search.
  const composition = await compose({ ...options, workTree: options.root, originUrl: async () => undefined }, context)
  const { configuration, dataset, store } = composition
  const { root, environment } = options
  const kind = trialKind<unknown, unknown, Parameters<ReturnType<typeof trainerOfTrials>>[0]>({
    trainer: trainerOfTrials(root, composition, context),
    ...{ dataset, metric: metricOfTrials(configuration) },
    secrets: [...secretsOf(environment), ...notificationSecrets(configuration, environment)],
  })
  return {
    store: options.keepsCheckpoints ? store : { ...store, checkpoints: undefined },
    kinds: [kind] as WorkerParts['kinds'],
  }
}
