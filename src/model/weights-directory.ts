import { type CallContext, type Digest, digestManifest, type Manifest, plainPath } from '../core/index.js'
import { readManifest, verifyManifest } from '../store/index.js'

export { weightsFormats } from './check-format.js'
export { checkWeights, type WeightsProblem } from './check-weights.js'

/**
 * A folder with weights, `config.json` and other files that predicting needs, with a manifest of its content when it
 * was read.
 */
export interface WeightsDirectory {
  readonly path: string
  readonly manifest: Manifest
  /** The digest of the manifest (`digestManifest`). */
  readonly digest: Digest
}

/**
 * Hashes the files of a folder.
 *
 * @throws `artifact-corrupt` for a symbolic link, a special file or a name that is not valid in a manifest;
 * `not-found`.
 */
export async function readWeightsDirectory(path: string, context: CallContext): Promise<WeightsDirectory> {
  context.signal.throwIfAborted()
  const manifest = await readManifest(plainPath(path, 'the directory of weights'), context)
  return { path, manifest, digest: digestManifest(manifest) }
}

/** As `readWeightsDirectory`, but does not hash a large file again that this process hashed or wrote and that did not change since. */
export async function rereadWeightsDirectory(path: string, context: CallContext): Promise<WeightsDirectory> {
  const manifest = await readManifest(path, context, { skipUnchanged: true })
  return { path, manifest, digest: digestManifest(manifest) }
}

/** Hashes the files again. @throws `artifact-corrupt` naming the first missing, extra or changed file; `not-found`. */
export async function verifyWeightsDirectory(weights: WeightsDirectory, context: CallContext): Promise<void> {
  context.signal.throwIfAborted()
  await verifyManifest(weights.path, weights.manifest, context)
}
