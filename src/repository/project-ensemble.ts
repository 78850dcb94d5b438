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
  if (ensemble === undefined) return parts.trainerOf(withTrainingSettings(configuration, parts.settings ?? {}))
  const { combine, joinBy, shares } = ensemble
  const { ensembleTrainer } = await import('../ensemble/index.js')
  return ensembleTrainer<unknown, unknown>({
    ...{ combine, shares, workers: parts.workers, members: await ensembleMembers(configuration, parts) },
    ...(joinBy !== undefined && { joinBy: joinBy === 'accuracy' ? parts.rightness() : metricNamed(joinBy)! }),
  })
}

/** The trainers of the members, by name. */
export async function ensembleMembers(
  configuration: Configuration,
  { trainerOf, settings = {} }: Pick<ProjectEnsembleParts, 'trainerOf' | 'settings'>,
): Promise<Readonly<Record<string, AnyTrainer>>> {
  const { releasedMember } = await import('../ensemble/index.js')
  const members: [string, AnyTrainer][] = []
  for (const [name, { release, ...own }] of Object.entries(configuration.ensemble?.members ?? {})) {
    const trainer = await trainerOf(withTrainingSettings(configuration, { ...settings, ...own }))
    members.push([
      name,
      release === undefined
        ? trainer
        : releasedMember({ version: release.version, digest: release.digest as Digest, trainer }),
    ])
  }
  return Object.fromEntries(members)
}
