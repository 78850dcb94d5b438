import { rm } from 'node:fs/promises'
import { type CallContext, callContext, SheikhError } from '../core/index.js'
import type { GenerateOptions, Model, Prediction, TextPart } from '../model/index.js'
import { temporaryFolder } from '../store/index.js'
import type { LoadContext, Trainer } from '../trainer/index.js'
import { weightsOf } from './bundle.js'
import { releaseCache } from './release-cache.js'
import type { Bundle, Release, Releaser } from './releaser.js'

export interface LoadReleaseOptions<I> {
  /** @default 'latest' */
  readonly channel?: string | undefined
  /** A version to load instead of a channel. */
  readonly version?: string | undefined
  /**
   * A folder that caches bundles by digest; several processes may share it. A cached bundle is hashed instead of downloaded.
   * If the registry is unreachable, the last known release is loaded. @default none: downloads each time
   */
  readonly cache?: string | undefined
  /** The release that the registry gave for the channel or the version, so that it is not asked again. @default asks the registry */
  readonly release?: Release | undefined
  /**
   * Called when the files of the release match its digest, before the model is loaded from them. An error refuses the
   * release. @default accepts every release
   */
  readonly accept?: ((release: Release, bundle: Bundle, context: CallContext) => Promise<void>) | undefined
  /** The trainer that made the release, or one that can load its files. */
  readonly trainer: Pick<Trainer<I, never>, 'load'>
  /**
   * Where the model predicts. `own`: in a separate thread, if the trainer can do that, so that the caller's event loop
   * stays free. @default 'caller'
   */
  readonly thread?: LoadContext['thread']
}

/** What `loadRelease` needs of a registry. */
export type ReleaseReader = Pick<Releaser, 'name' | 'version' | 'describe' | 'current' | 'history' | 'open'>

/** A loaded release. Disposing it frees its memory. */
export interface ReleasedModel<I> extends Omit<Model<I>, 'predict' | 'generate'> {
  readonly release: Release
  /** Returns one prediction per input, in the same order. */
  predict(inputs: readonly I[], context?: Partial<CallContext>): Promise<readonly Prediction[]>
  /** Generates one text, part by part. Absent: the model only predicts texts whole. */
  generate?(prompt: I, options?: GenerateOptions, context?: Partial<CallContext>): AsyncIterable<TextPart>
}

/**
 * Loads a released model and checks every file against its digest.
 *
 * @throws `not-found` if the channel or version has no release; `artifact-corrupt` if a file differs from the release; what
 * `accept` throws.
 */
export async function loadRelease<I>(
  releaser: ReleaseReader,
  { channel = 'latest', version, cache, release: given, accept, trainer, thread }: LoadReleaseOptions<I>,
  parts: Partial<CallContext> = {},
): Promise<ReleasedModel<I>> {
  const context = callContext(parts)
  const cached = cache === undefined ? undefined : releaseCache(cache, releaser, context)
  const find = async () =>
    given ??
    (version === undefined ? await releaser.current(channel, context) : await findRelease(releaser, version, context))
  const name = version === undefined ? { channel } : { version }
  const release = await (cached === undefined ? find() : cached.find(name, find))
  if (release === undefined)
    throw new SheikhError(
      'not-found',
      version === undefined
        ? `Cannot load a release: the channel "${channel}" points at no release. Run the pipeline, or point the channel at a release: sheikh promote <version> --to ${channel}.`
        : `Cannot load a release: the registry has no version ${version}. Release one first, or choose another version.`,
    )
  if (release.withdrawn !== undefined)
    context.log.warn(`The release ${release.version} is withdrawn: ${release.withdrawn.reason}`)
  const directory = cached === undefined ? await temporaryFolder('sheikh-release-') : undefined
  const clean = async () => {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  }
  try {
    const bundle = await (cached?.open(release) ?? releaser.open(release.version, directory!, context))
    if (bundle.digest !== release.bundle)
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot load ${release.version}: the registry gave the bundle ${bundle.digest}, but the release has ${release.bundle}. Use another copy of the registry.`,
      )
    await accept?.(release, bundle, context)
    const model = await trainer.load(weightsOf(bundle), { ...context, thread })
    await cached?.keep(name, release)
    const leave = cached?.use(name, release)
    return {
      release,
      digest: model.digest,
      labels: model.labels,
      predict: (inputs, predicting = {}) => model.predict(inputs, callContext({ ...context, ...predicting })),
      ...(model.generate !== undefined && {
        generate: (prompt: I, options: GenerateOptions = {}, generating: Partial<CallContext> = {}) =>
          model.generate!(prompt, options, callContext({ ...context, ...generating })),
      }),
      ...(model.chatPrompt !== undefined && { chatPrompt: model.chatPrompt.bind(model) }),
      async [Symbol.asyncDispose]() {
        leave?.()
        await model[Symbol.asyncDispose]()
        await clean()
      },
    }
  } catch (error) {
    await clean()
    throw error
  }
}

async function findRelease(
  releaser: ReleaseReader,
  version: string,
  context: CallContext,
): Promise<Release | undefined> {
  for await (const release of releaser.history(context)) if (release.version === version) return release
  return undefined
}
