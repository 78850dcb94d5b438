import { type CallContext, SheikhError, toJson } from '../core/index.js'
import type { Executor, QueueOptions, WorkerModule } from '../execute/index.js'
import type { Store } from '../store/index.js'
import type { OpenedProject } from './opened-project.js'
import { projectStore } from './project-store.js'
import type { ProjectWorkerOptions } from './project-worker.js'
import type { Surroundings } from './release-targets.js'
import { refuseIncomplete } from './whole-checkout.js'

// Beside this file in `src`, and beside the bundle that this file is part of.
const workerEntry = new URL(`./project-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

export interface ProjectExecutorOptions {
  /** How many worker processes there are. 1: this process. @default 1 */
  readonly workers?: number | undefined
  /**
   * The queue of a cluster: `sheikh worker` in checkouts of the same files and with the same folder `.sheikh/`. Instead of `workers`.
   *
   * @default none
   */
  readonly cluster?: QueueOptions | undefined
}

/** As `Repository.executor`. */
export async function projectExecutor(
  { surroundings }: OpenedProject,
  { workers, cluster }: ProjectExecutorOptions,
): Promise<Executor | undefined> {
  if (cluster !== undefined && workers !== undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot use workers: both "workers" and "cluster" are given. Give "workers" for this machine, or "cluster".',
    )
  return executorOf({ workers, cluster }, surroundings, await projectStore(surroundings))
}

/** `undefined`: this process. */
export async function executorOf(
  { workers = 1, cluster }: ProjectExecutorOptions,
  surroundings: Surroundings,
  store: Store,
): Promise<Executor | undefined> {
  if (cluster === undefined && workers === 1) return undefined
  const { bullmqExecutor, localExecutor } = await import('../execute/index.js')
  if (cluster !== undefined) return bullmqExecutor({ ...cluster, store })
  return localExecutor({ store, workers, worker: workerOfProject(surroundings, { keepsCheckpoints: true }) })
}

/** As `Repository.worker`. */
export async function projectWorker(project: OpenedProject, context: CallContext): Promise<WorkerModule> {
  await refuseIncomplete('do jobs', project, await project.compose(), context)
  // The workers of a cluster share the folder of the checkpoints, and do not know how many they are.
  return workerOfProject(project.surroundings, { keepsCheckpoints: false })
}

/** The module of workers that do jobs of the project. */
function workerOfProject(
  { root, project, shared, environment }: Surroundings,
  { keepsCheckpoints }: Pick<ProjectWorkerOptions, 'keepsCheckpoints'>,
): WorkerModule {
  // Without variables that are not set: the options are JSON.
  const options = toJson({ root, project, shared, environment, keepsCheckpoints } satisfies ProjectWorkerOptions)
  return { module: workerEntry, options }
}
