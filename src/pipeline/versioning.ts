import { digestJson } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import { nextVersion, type Release, type ReleaseSource, type Version, type VersionLevel } from '../releaser/index.js'
import { baseParts } from './named-base.js'
import type { PayloadFile, PipelineParts } from './options.js'
import { candidateParts } from './variants.js'

export type ChangedPart = keyof ReleaseSource

/** What a release changes for its users. */
export interface ReleaseChange {
  /** What is released now; absent: nothing is. */
  readonly previous?: Release | undefined
  /** Absent where the previous release does not say what it was made of. */
  readonly changed?: readonly ChangedPart[] | undefined
  /** By the parts: major for labels or architecture, minor for configuration or prompts, patch for data alone. */
  readonly level: VersionLevel
}

/** Decides the next version: a level, or a version above all that were used. */
export type Versioning = (change: ReleaseChange) => VersionLevel | { readonly version: Version }

const levels: Readonly<Record<ChangedPart, VersionLevel>> = {
  architecture: 'major',
  labels: 'major',
  configuration: 'minor',
  prompts: 'minor',
  data: 'patch',
}

export function releaseSource(
  { trainer, gate, stages = [], seed = 0, base, candidates }: PipelineParts,
  dataset: DatasetSummary,
  payload: readonly PayloadFile[],
): ReleaseSource {
  const described = [trainer, gate, ...stages.filter(({ writes }) => writes !== undefined)].map(
    ({ name, version, describe }) => ({ name, version: version ?? null, describe: describe() }),
  )
  return {
    architecture: trainer.name,
    labels: dataset.labels === undefined ? null : Object.keys(dataset.labels.training).sort(),
    configuration: digestJson({
      ...{ parts: described, seed, ...baseParts(base) },
      ...candidateParts({ trainer, seed, candidates }),
    }),
    prompts: digestJson(payload.map(({ path, digest }) => ({ path, digest }))),
    data: dataset.fingerprint,
  }
}

export function changeSince(previous: Release | undefined, after: ReleaseSource | undefined): ReleaseChange {
  const before = previous?.record.source
  if (before === undefined || after === undefined) return { previous, level: 'patch' }
  const parts = Object.keys(levels) as readonly ChangedPart[]
  const changed = parts.filter((part) => digestJson(before[part]) !== digestJson(after[part]))
  const level = (['major', 'minor'] as const).find((one) => changed.some((part) => levels[part] === one)) ?? 'patch'
  return { previous, changed, level }
}

/** @throws `invalid-options` for a version that is not above all that were `used`: one is used once. */
export function versionOf(
  { versioning = ({ level }) => level, prerelease }: Pick<PipelineParts, 'versioning' | 'prerelease'>,
  change: ReleaseChange,
  { used, releaseAs }: { readonly used: readonly Version[]; readonly releaseAs?: string | undefined },
): Version {
  const decided = releaseAs === undefined ? versioning(change) : isLevel(releaseAs) ? releaseAs : { version: releaseAs }
  return nextVersion(used, typeof decided === 'string' ? { level: decided, prerelease } : decided)
}

const isLevel = (text: string): text is VersionLevel => ['patch', 'minor', 'major'].includes(text)
