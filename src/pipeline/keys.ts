import { canonicalJson, type Described, type Digest, digestJson, identityOf, type Json, toJson } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import { baseParts, type NamedBase } from './named-base.js'
import type { PipelineParts } from './options.js'
import { candidateParts, variantsOf } from './variants.js'

/** A key and what it was made of. */
export interface Key {
  readonly digest: Digest
  readonly parts: Json
}

export function stageKeyOf(parts: Readonly<Record<string, unknown>>): Key {
  return { digest: digestJson(parts), parts: toJson(parts) }
}

export interface SourceParts {
  readonly dataset: DatasetSummary
  readonly trainer: PipelineParts['trainer']
  readonly gate: Described
  /** Those that write. */
  readonly stages: readonly Described[]
  /** Path and digest of the bundle's further files. */
  readonly payload: Json
  readonly seed: number
  readonly base?: NamedBase | undefined
  readonly candidates?: PipelineParts['candidates']
}

/** The digest of all that people decided; `undefined`, with the name of the part, where host code has no version. */
export function sourceKey(source: SourceParts): Key | { readonly unversioned: string } {
  const trainers = variantsOf(source).map(({ trainer }) => trainer)
  for (const part of [...trainers, source.gate, ...source.stages])
    if (part.version === undefined) return { unversioned: part.name }
  return stageKeyOf({
    kind: 'source',
    training: source.dataset.trainingDigest,
    evaluation: source.dataset.evaluationDigest,
    ...(source.dataset.developmentDigest !== undefined && { development: source.dataset.developmentDigest }),
    trainer: identityOf(source.trainer)!,
    gate: identityOf(source.gate)!,
    stages: source.stages.map((stage) => identityOf(stage)!),
    payload: source.payload,
    seed: source.seed,
    ...baseParts(source.base),
    ...candidateParts(source),
  })
}

export interface Difference {
  /** A path into the parts, as `trainer.describe.epochs`. */
  readonly path: string
  readonly before: Json | undefined
  readonly after: Json | undefined
}

/** The first place, in order of path, where two keys' parts differ. */
export function firstDifference(before: Json | undefined, after: Json | undefined, path = ''): Difference | undefined {
  if (before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after)) return undefined
  if (before === undefined && after === undefined) return undefined
  if (isPlain(before) && isPlain(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    for (const name of names) {
      const difference = firstDifference(before[name], after[name], path === '' ? name : `${path}.${name}`)
      if (difference !== undefined) return difference
    }
  }
  return { path, before, after }
}

const isPlain = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
