import { type Digest, digestJson, type Json } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import { nextVersion, type Release, type Version, type VersionLevel } from '../releaser/index.js'
import { baseParts } from './named-base.js'
import type { PayloadFile, PipelineOptions } from './options.js'

/** What a release was made of, part by part: kept with it, so that the next one knows what changed. JSON. */
export interface ReleaseSource {
  /** The trainer's name. */
  readonly architecture: string
  /** Of training, in order; `null` where the targets are no labels. */
  readonly labels: readonly string[] | null
  /** Of trainer, gate, stages, seed and base. */
  readonly configuration: Digest
  readonly prompts: Digest
  /** The dataset's fingerprint. */
  readonly data: Digest
}

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
  { trainer, gate, stages = [], seed = 0, base }: PipelineOptions<unknown, unknown>,
  dataset: DatasetSummary,
  payload: readonly PayloadFile[],
): ReleaseSource {
  const described = [trainer, gate, ...stages.filter(({ writes }) => writes !== undefined)].map(
    ({ name, version, describe }) => ({ name, version: version ?? null, describe: describe() }),
  )
  return {
    architecture: trainer.name,
    labels: dataset.labels === undefined ? null : Object.keys(dataset.labels.training).sort(),
    configuration: digestJson({ parts: described, seed, ...baseParts(base) }),
    prompts: digestJson(payload.map(({ path, digest }) => ({ path, digest }))),
    data: dataset.fingerprint,
  }
}

export function changeSince(previous: Release | undefined, source: Json | undefined): ReleaseChange {
  const before = previous?.record.source as Readonly<Record<string, Json>> | undefined
  const after = source as Readonly<Record<string, Json>> | undefined
  if (before === undefined || after === undefined) return { previous, level: 'patch' }
  const parts = Object.keys(levels) as readonly ChangedPart[]
  const changed = parts.filter((part) => digestJson(before[part] ?? null) !== digestJson(after[part] ?? null))
  const level = (['major', 'minor'] as const).find((one) => changed.some((part) => levels[part] === one)) ?? 'patch'
  return { previous, changed, level }
}

/** @throws `invalid-options` for a version that is not above all that were `used`: one is used once. */
export function versionOf(
  {
    versioning = ({ level }) => level,
    prerelease,
  }: Pick<PipelineOptions<unknown, unknown>, 'versioning' | 'prerelease'>,
  change: ReleaseChange,
  { used, releaseAs }: { readonly used: readonly Version[]; readonly releaseAs?: string | undefined },
): Version {
  const decided = releaseAs === undefined ? versioning(change) : isLevel(releaseAs) ? releaseAs : { version: releaseAs }
  return nextVersion(used, typeof decided === 'string' ? { level: decided, prerelease } : decided)
}

const isLevel = (text: string): text is VersionLevel => ['patch', 'minor', 'major'].includes(text)
