import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { identityOf, SheikhError } from '../core/index.js'
import { rereadWeightsDirectory } from '../model/index.js'
import { copyFileDurably } from '../store/index.js'
import type { NamedRelease, OpenedRelease, Trainer } from '../trainer/index.js'
import { described } from './member.js'

export interface ReleasedMemberOptions<I, T> extends NamedRelease {
  /** Loads the release: the trainer that made it, or one with the same architecture. */
  readonly trainer: Trainer<I, T>
}

/** A member that is a release. */
export interface ReleasedMember<I, T> extends Trainer<I, T> {
  readonly releases: readonly [NamedRelease]
  /** Loads the release. */
  readonly loader: Trainer<I, T>
}

const memberName = 'released-member'

/** A host's own trainer may have a member `loader` too. */
export const isReleasedMember = <I, T>(trainer: Trainer<I, T>): trainer is ReleasedMember<I, T> =>
  trainer.name === memberName && 'loader' in trainer

/**
 * A released model as a member of an ensemble. It is not trained: the pipeline opens the release in its own registry, hashes every
 * file, and rejects a release that is withdrawn, that is another bundle than `digest`, or that was trained on rows of today's
 * evaluation set.
 *
 * @example
 * ```ts
 * ensembleTrainer({
 *   members: {
 *     before: releasedMember({ version: '1.2.0', digest: 'sha256:…', trainer: classifier }),
 *     now: classifier,
 *   },
 * })
 * ```
 * @throws `fit` throws `invalid-options` without the release: only a pipeline trains with it.
 */
export function releasedMember<I = string, T = string>({
  version,
  digest,
  trainer: loader,
}: ReleasedMemberOptions<I, T>): ReleasedMember<I, T> {
  const isVersioned = identityOf(loader) !== undefined
  const name = memberName
  const describe = () => ({ version, digest, trainer: described(loader) })
  const { targets, weightsFormat, base, environment, files } = loader
  return {
    ...{ contract: 1, name, describe, releases: [{ version, digest }], loader },
    ...(isVersioned && { version: '1' }),
    ...(targets !== undefined && { targets }),
    ...(weightsFormat !== undefined && { weightsFormat }),
    ...(base !== undefined && { base }),
    ...(environment !== undefined && { environment }),
    ...(files !== undefined && { files }),
    async fit({ releases, directory, seed, training }, context) {
      context.signal.throwIfAborted()
      const opened = openedRelease(releases, { version, digest })
      const { path: from, manifest } = opened.weights
      for (const { path, digest: expected } of manifest.files) {
        await mkdir(dirname(join(directory, path)), { recursive: true })
        await copyFileDurably(join(from, path), join(directory, path), context, { expected })
      }
      const loss = opened.record?.lossCurve.at(-1)?.[1] ?? 0
      context.progress({ epoch: 1, epochs: 1, step: 1, steps: 1, loss, learningRate: 0 })
      return {
        weights: await rereadWeightsDirectory(directory, context),
        record: {
          trainer: { name, ...(isVersioned && { version: '1' }), describe: describe() },
          ...{ seed, trainingDigest: training.digest, lossCurve: [] },
        },
      }
    },
    load: (weights, context) => loader.load(weights, context),
  }
}

/** @throws `invalid-options` if the training did not get it. */
export function openedRelease(
  releases: readonly OpenedRelease[] | undefined,
  { version, digest }: NamedRelease,
): OpenedRelease {
  const found = releases?.find((release) => release.version === version && release.digest === digest)
  if (found !== undefined) return found
  throw new SheikhError(
    'invalid-options',
    `Cannot open the release ${version}: the training did not get it. Train with a Pipeline whose registry has the release.`,
    { facts: { version } },
  )
}
