import { type CallContext, digestManifest, type Manifest, manifestOf, SheikhError } from '../core/index.js'
import type { WeightsDirectory } from '../model/index.js'
import { readManifest } from '../store/index.js'
import type { Bundle } from './releaser.js'

/** The folders of a bundle that accompany the weights. All other files are the weights. */
export const payloadFolders: readonly string[] = ['prompts', 'sheikh']

const maximumFiles = 10_000

/**
 * Reads a directory as a bundle and hashes every file.
 *
 * @param options.skipUnchanged does not hash a large file again that this process hashed or wrote and that did not change since.
 * @throws `artifact-corrupt` for links, paths that leave the directory, no files or too many.
 */
export async function readBundle(
  directory: string,
  context: CallContext,
  options: { readonly skipUnchanged?: boolean } = {},
): Promise<Bundle> {
  return bundleOf(directory, await readManifest(directory, context, options))
}

/** A directory whose manifest is known as a bundle. @throws `artifact-corrupt` for no files or too many. */
export function bundleOf(directory: string, manifest: Manifest): Bundle {
  const count = manifest.files.length
  if (count === 0 || count > maximumFiles)
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot use "${directory}" as a bundle: it contains ${count} files. A bundle has 1 to ${maximumFiles} files.`,
      {
        facts: { directory, files: count },
      },
    )
  return { digest: digestManifest(manifest), manifest, directory }
}

/**
 * The weights in a bundle: all files outside `payloadFolders`. Their digest equals the digest of the candidate's directory.
 * The folders stay on disk; a trainer reads only the files that it wrote.
 */
export function weightsOf({ manifest, directory }: Bundle): WeightsDirectory {
  const weights = manifestOf(manifest.files.filter(({ path }) => !payloadFolders.includes(path.split('/')[0]!)))
  return { path: directory, manifest: weights, digest: digestManifest(weights) }
}
