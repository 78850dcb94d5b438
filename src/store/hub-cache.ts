import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'

// https://huggingface.co/docs/huggingface_hub/guides/manage-cache
const snapshot = /^(.*[/\\](?:models|datasets|spaces)--[^/\\]+)[/\\]snapshots[/\\][^/\\]+/

/**
 * The real path of a symbolic link in a snapshot of a Hugging Face cache, whose files are links to the `blobs` of the same repository.
 *
 * @param directory the snapshot, or a folder in it.
 * @param path of the link, below it.
 * @returns `undefined` if the folder is no such snapshot, or the link leads to anything but a file in those blobs.
 */
export async function cachedFile(directory: string, path: string): Promise<string | undefined> {
  try {
    const [, repository] = snapshot.exec(await realpath(directory)) ?? []
    if (repository === undefined) return undefined
    const file = await realpath(join(directory, path))
    const isBlob = file.startsWith(join(repository, 'blobs') + sep)
    return isBlob && (await stat(file)).isFile() ? file : undefined
  } catch {
    // A link that leads nowhere, or in a circle.
    return undefined
  }
}
