// The module of the workers of a project: they compose it from its files, check data, train
// candidates, members and trials of `sheikh tune`, and evaluate.
import { type CallContext, callContext, SheikhError } from '../core/index.js'
import { dataCheckKind, qualitySettings, type TokenCounter } from '../dataset/index.js'
import { memberKind } from '../ensemble/index.js'
import type { WorkerParts } from '../execute/index.js'
import { candidateKind, evaluationKind } from '../pipeline/index.js'
import { trialKind } from '../tune/index.js'
import { type Composition, compose, wholeFoldersOf } from './compose.js'
import { withTokenCounter } from './count-tokens.js'
import { notificationSecrets } from './notification-secrets.js'
import { type Surroundings, secretsOf } from './release-targets.js'
import { metricOfTrials, trainerOfTrials } from './tune-project.js'

/** JSON, sent to the worker over a channel that no other process reads. */
export interface ProjectWorkerOptions extends Pick<Surroundings, 'root' | 'project' | 'shared' | 'environment'> {
  /** Whether trainings that are interrupted continue. The store has room for the checkpoints of a few trainings only. */
  readonly keepsCheckpoints: boolean
}

export async function worker(options: ProjectWorkerOptions): Promise<WorkerParts> {
  const context = callContext()
  // Releases, which are on a remote, take no part.
  const composition = await compose({ ...options, workTree: options.root, originUrl: async () => undefined }, context)
  const { dataset, store, configuration } = composition
  const [members, trainer] = [await composition.members(), await composition.trainer()]
  const candidates = await composition.furtherCandidates()
  const kinds = [
    dataCheckKind({ counter: counterOf(options, composition) }),
    evaluationKind({ trainer, candidates, dataset }),
    ...(Object.keys(candidates).length === 0 ? [] : [candidateKind({ trainer, candidates, dataset })]),
    ...(Object.keys(members).length === 0 ? [] : [memberKind({ members, dataset })]),
    ...(configuration.tuning === undefined ? [] : [trialsOf(options, composition)]),
  ]
  return {
    store: options.keepsCheckpoints ? store : { ...store, checkpoints: undefined },
    kinds: kinds as WorkerParts['kinds'],
  }
}

/** Found when the first job counts tokens: most need none. */
function counterOf({ root }: ProjectWorkerOptions, composition: Composition): TokenCounter {
  const find = async (context: CallContext): Promise<TokenCounter> => {
    const { quality } = await withTokenCounter(root, composition.configuration, wholeFoldersOf(composition), context)
    const { counter } = qualitySettings(quality).tokenLimit
    if (counter !== undefined) return counter
    throw new SheikhError(
      'version-mismatch',
      'Cannot count tokens on a worker: its checkout has no tokenizer, and that of the caller has one. Give both the same files, and restart the workers.',
    )
  }
  return {
    name: 'tokenizer of the project',
    digest: async (context) => (await find(context)).digest(context),
    open: async (context) => (await find(context)).open(context),
  }
}

function trialsOf({ root, environment }: ProjectWorkerOptions, composition: Composition) {
  const { configuration, dataset } = composition
  return trialKind<unknown, unknown, Parameters<ReturnType<typeof trainerOfTrials>>[0]>({
    trainer: trainerOfTrials(root, composition, callContext()),
    ...{ dataset, metric: metricOfTrials(configuration) },
    secrets: [...secretsOf(environment), ...notificationSecrets(configuration, environment)],
  })
}
