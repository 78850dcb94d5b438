import type { Digest } from '../core/index.js'
import type { DatasetSummary } from '../dataset/index.js'
import { type Key, sourceKey } from './keys.js'
import type { PayloadFile, PipelineParts } from './options.js'
import type { Session } from './session.js'
import { releaseSource } from './versioning.js'

/** The source key of what stands in the repository now, or why there is none. */
export function sourceOf(
  { trainer, gate, stages = [], seed = 0, base, candidates }: PipelineParts,
  dataset: DatasetSummary,
  payload: readonly PayloadFile[],
): Key | { readonly unversioned: string } {
  return sourceKey({
    dataset,
    trainer,
    gate,
    stages: stages.filter(({ writes }) => writes !== undefined),
    payload: payload.map(({ path, digest }) => ({ path, digest })),
    seed,
    base,
    candidates,
  })
}

/** The same, written into the run's record; a part without a version is said once. */
export async function recordSourceKey(
  session: Session,
  dataset: DatasetSummary,
  payload: readonly PayloadFile[],
): Promise<Digest | undefined> {
  const source = sourceOf(session.options, dataset, payload)
  const written = releaseSource(session.options, dataset, payload)
  if ('unversioned' in source) {
    await session.update({ source: written })
    session.warn(`"${source.unversioned}" has no version: every run trains and judges again.`, {
      part: source.unversioned,
    })
    return undefined
  }
  await session.update({ source: written, sourceKey: source.digest, sourceParts: source.parts })
  return source.digest
}
