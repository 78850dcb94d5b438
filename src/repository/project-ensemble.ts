// The ensemble that `ensemble` of mlops/training/config.yaml describes.
import type { Digest } from '../core/index.js'
import type { EnsembleOptions } from '../ensemble/index.js'
import type { Metric } from '../evaluation/index.js'
import type { Trainer } from '../trainer/index.js'
import { type Configuration, metricNamed, type Values, withTrainingSettings } from './config/index.js'

type AnyTrainer = Trainer<unknown, unknown>

export interface ProjectEnsembleParts {
  /** Makes the trainer of one model. */
  readonly trainerOf: (configuration: Configuration) => Promise<AnyTrainer>
  /** What `accuracy` is of this model. */
  readonly rightness: () => Metric
  readonly workers?: EnsembleOptions<unknown, unknown>['workers']
  /** What a candidate has otherwise than `training`. A member's own settings come first. @default nothing */
  readonly settings?: Values | undefined
}

/** The trainer of all members, or of the only model if the project has no ensemble. */
export async function projectTrainer(configuration: Configuration, parts: ProjectEnsembleParts): Promise<AnyTrainer> {
  const { ensemble } = configuration
  const model = await parts.trainerOf(withTrainingSettings(configuration, parts.settings ?? {}))
  if (ensemble === undefined) return loadingAnyRelease(model)
  const { combine, joinBy, shares } = ensemble
  const { ensembleTrainer } = await import('../ensemble/index.js')
  const members = await ensembleMembers(configuration, parts)
  const trainer = ensembleTrainer<unknown, unknown>({
    ...{ combine, shares, workers: parts.workers, members },
    ...(joinBy !== undefined && { joinBy: joinBy === 'accuracy' ? parts.rightness() : metricNamed(joinBy)! }),
  })
  return { ...trainer, load: loadingAnyRelease(model, members).load }
}

/**
 * Loads also the releases of a project from before it had an ensemble, or other members: after a rollback, and as baselines. One
 * architecture makes all of them.
 */
function loadingAnyRelease(model: AnyTrainer, members: Readonly<Record<string, AnyTrainer>> = {}): AnyTrainer {
  const trainer: AnyTrainer = {
    ...model,
    async load(weights, context) {
      const { loadModelOrEnsemble } = await import('../ensemble/index.js')
      const loaderOf = (name: string) => (Object.hasOwn(members, name) ? members[name]! : trainer)
      return loadModelOrEnsemble(weights, { model, loaderOf }, context)
    },
  }
  return trainer
}

/** The trainers of the members, by name. */
export async function ensembleMembers(
  configuration: Configuration,
  { trainerOf, settings = {} }: Pick<ProjectEnsembleParts, 'trainerOf' | 'settings'>,
): Promise<Readonly<Record<string, AnyTrainer>>> {
  const { releasedMember } = await import('../ensemble/index.js')
  const members: [string, AnyTrainer][] = []
  for (const [name, { release, ...own }] of Object.entries(configuration.ensemble?.members ?? {})) {
    const trainer = loadingAnyRelease(await trainerOf(withTrainingSettings(configuration, { ...settings, ...own })))
    members.push([
      name,
      release === undefined
        ? trainer
        : releasedMember({ version: release.version, digest: release.digest as Digest, trainer }),
    ])
  }
  return Object.fromEntries(members)
}
