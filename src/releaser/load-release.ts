import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallContext, callContext, SheikhError } from '../core/index.js'
import type { Model, Prediction } from '../model/index.js'
import type { Trainer } from '../trainer/index.js'
import { weightsOf } from './bundle.js'
import { releaseCache } from './release-cache.js'
import type { Release, Releaser } from './releaser.js'

export interface LoadReleaseOptions<I> {
  /** @default 'latest' */
  readonly channel?: string | undefined
  /** In place of a channel. */
  readonly version?: string | undefined
  /**
   * A folder that keeps bundles by digest, for any number of processes: what is there is hashed and not fetched, and where
   * the registry cannot be reached, what it named last is loaded. @default none: fetched each time
   */
  readonly cache?: string | undefined
  /** The trainer that made it, or one that reads what it wrote. */
  readonly trainer: Pick<Trainer<I, never>, 'load'>
}

/** A released model in use. Disposing it frees its memory. */
export interface ReleasedModel<I> extends Omit<Model<I>, 'predict'> {
  readonly release: Release
  /** One prediction an input, in order. */
  predict(inputs: readonly I[], context?: Partial<CallContext>): Promise<readonly Prediction[]>
}

/**
 * Loads a released model, every file checked against its digest.
 *
 * @throws `not-found` where nothing is released under that name; `artifact-corrupt` where a file is not as it was released.
 */
export async function loadRelease<I>(
  releaser: Releaser,
  { channel = 'latest', version, cache, trainer }: LoadReleaseOptions<I>,
  parts: Partial<CallContext> = {},
): Promise<ReleasedModel<I>> {
  const context = callContext(parts)
  const cached = cache === undefined ? undefined : releaseCache(cache, releaser, context)
  const find = async () =>
    version === undefined ? await releaser.current(channel, context) : await findRelease(releaser, version, context)
  const name = version === undefined ? `channel ${channel}` : `version ${version}`
  const release = await (cached === undefined ? find() : cached.find(name, find))
  if (release === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot load a release: there is none ${version === undefined ? `on the channel "${channel}"` : `of version ${version}`}. Release one first.`,
    )
  if (release.withdrawn !== undefined)
    context.log.warn(`The release ${release.version} is withdrawn: ${release.withdrawn.reason}`)
  const directory = cached === undefined ? await mkdtemp(join(tmpdir(), 'sheikh-release-')) : undefined
  const clean = async () => {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  }
  try {
    const bundle = await (cached?.open(release) ?? releaser.open(release.version, directory!, context))
    const model = await trainer.load(weightsOf(bundle), context)
    return {
      release,
      digest: model.digest,
      labels: model.labels,
      predict: (inputs, predicting = {}) => model.predict(inputs, callContext({ ...context, ...predicting })),
      async [Symbol.asyncDispose]() {
        await model[Symbol.asyncDispose]()
        await clean()
      },
    }
  } catch (error) {
    await clean()
    throw error
  }
}

async function findRelease(releaser: Releaser, version: string, context: CallContext): Promise<Release | undefined> {
  for await (const release of releaser.history(context)) if (release.version === version) return release
  return undefined
}
