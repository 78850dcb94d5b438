import type { VersionLevel } from '../../releaser/index.js'
import { invalidConfig } from './read-yaml.js'
import { listOf, textOf, type Values, valuesAt } from './values.js'

/** Where releases go. */
export type ReleaseTarget =
  /** Below the project's folder, or absolute. */
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'huggingface'
      /** `ns/name`, or `datasets/ns/name`. */
      readonly repository: string
      readonly create?: 'private' | 'public' | undefined
      readonly license?: string | undefined
      readonly tagFormat?: string | undefined
    }
  | {
      readonly kind: 'github'
      /** @default the one that Git's configuration calls `origin` */
      readonly repository?: string | undefined
      readonly tagFormat?: string | undefined
    }
  | {
      readonly kind: 's3'
      /** `s3://bucket/prefix`. */
      readonly address: string
      readonly endpoint?: string | undefined
      readonly region?: string | undefined
    }

export interface ReleaseConfiguration {
  /** At least one; prepared in all, then published in this order. */
  readonly targets: readonly ReleaseTarget[]
  readonly channel?: string | undefined
  /** Of every version. @default as the change asks for */
  readonly increment?: VersionLevel | undefined
  readonly prerelease?: string | undefined
  /** What people call the model. */
  readonly modelName?: string | undefined
  readonly retention: Retention
}

/** Which releases keep their files. */
export interface Retention {
  /** How many of the newest releases. @default all */
  readonly keepLast?: number | undefined
  /** Releases younger than this many days. @default all */
  readonly days?: number | undefined
}

/** Those that the pipeline's stage names. @throws `invalid-config`. */
export function targetsOf(stage: Values, file: string): readonly ReleaseTarget[] {
  return listOf(stage['targets']).flatMap((target) =>
    Object.entries(target).flatMap(([kind, options]) => targetOf(kind, (options ?? {}) as Values, file) ?? []),
  )
}

/** As `transformers` writes it, where the pipeline says nothing of targets. */
export function outputTargets(output: Values, file: string): readonly ReleaseTarget[] {
  const path = textOf(output['dir'])
  const repository = textOf(output['hub_repo'])
  const pushes = output['push_to_hub'] === true
  if (pushes && repository === undefined)
    throw invalidConfig(file, 'output.push_to_hub names no repository; write output.hub_repo: name/model')
  return [
    ...(path === undefined ? [] : [{ kind: 'directory', path } as const]),
    ...(pushes ? [{ kind: 'huggingface', repository: repository! } as const] : []),
  ]
}

export function releaseOf(
  stage: Values,
  storage: Values,
  targets: readonly ReleaseTarget[],
  modelName: string | undefined,
): ReleaseConfiguration {
  const { auto_increment: increment, prerelease } = valuesAt(stage, 'versioning')
  return {
    targets: targets.length === 0 ? [{ kind: 'directory', path: 'releases' }] : targets,
    channel: stage['channel'] as string | undefined,
    increment: increment === true ? undefined : (increment as VersionLevel | undefined),
    prerelease: prerelease as string | undefined,
    modelName,
    retention: {
      keepLast: storage['keep_last'] as number | undefined,
      days: storage['retention_days'] as number | undefined,
    },
  }
}

function targetOf(kind: string, options: Values, file: string): ReleaseTarget | undefined {
  const text = (name: string) => textOf(options[name])
  const tagFormat = text('tag_format')
  if (kind === 'directory') return { kind, path: text('path') ?? 'releases' }
  if (kind === 'github' && options['release'] !== false) return { kind, repository: text('repo'), tagFormat }
  if (kind === 's3') {
    const address = text('address')
    if (address === undefined)
      throw invalidConfig(file, 'the release target "s3" names no bucket; write address: s3://bucket/prefix')
    return { kind, address, endpoint: text('endpoint'), region: text('region') }
  }
  if (kind !== 'huggingface') return undefined
  const repository = text('repo')
  if (repository === undefined)
    throw invalidConfig(file, 'the release target "huggingface" names no repository; write repo: name/model')
  return {
    kind,
    repository:
      text('type') === 'dataset' && !repository.startsWith('datasets/') ? `datasets/${repository}` : repository,
    create: text('create') as 'private' | 'public' | undefined,
    license: text('license'),
    tagFormat,
  }
}
