import { type CallContext, digestManifest, manifestOf, SheikhError } from '../core/index.js'
import type { WeightsDirectory } from '../model/index.js'
import { readManifest } from '../store/index.js'
import type { Bundle } from './releaser.js'

/** Folders of a bundle that hold what goes with the weights; all else at its root are the weights. */
export const payloadFolders: readonly string[] = ['prompts', 'sheikh']

const maximumFiles = 10_000

/** The bundle in a directory, every file hashed. @throws `artifact-corrupt` for links, climbing paths, no file or too many. */
export async function readBundle(directory: string, context: CallContext): Promise<Bundle> {
  const manifest = await readManifest(directory, context)
  const count = manifest.files.length
  if (count === 0 || count > maximumFiles)
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot use "${directory}" as a bundle: it holds ${count} files, and 1 to ${maximumFiles} can be released.`,
      {
        facts: { directory, files: count },
      },
    )
  return { digest: digestManifest(manifest), manifest, directory }
}

/**
 * The weights in a bundle: its files but those in `payloadFolders`. Their digest is that of the candidate's own directory.
 * The folders stay where they are on disk; a trainer reads the files that it wrote.
 */
export function weightsOf({ manifest, directory }: Bundle): WeightsDirectory {
  const weights = manifestOf(manifest.files.filter(({ path }) => !payloadFolders.includes(path.split('/')[0]!)))
  return { path: directory, manifest: weights, digest: digestManifest(weights) }
}
