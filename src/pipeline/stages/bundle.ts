import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkedPath, type FileEntry, manifestOf, SheikhError } from '../../core/index.js'
import type { WeightsDirectory } from '../../model/index.js'
import { type Bundle, bundleOf, payloadFolders } from '../../releaser/index.js'
import { copyFileDurably, linkRemembered, writeFileAtomic } from '../../store/index.js'
import type { PayloadFile } from '../options.js'
import type { Session } from '../session.js'

/**
 * Weights at the root, where every reader of Hugging Face repositories looks for them; our own files in folders of their
 * own. The weights were read into their manifest before, and whoever keeps or publishes the bundle compares each file with it.
 */
export async function assembleBundle(
  session: Session,
  weights: WeightsDirectory,
  payload: readonly PayloadFile[],
): Promise<Bundle> {
  const directory = await session.folder('bundle')
  const files = new Map<string, FileEntry>()
  for (const file of weights.manifest.files) {
    session.context.signal.throwIfAborted()
    if (payloadFolders.includes(file.path.split('/')[0]!))
      throw new SheikhError(
        'stage-failed',
        `Cannot release the weights: their file "${file.path}" is in a folder that releases keep for prompts and schemas. Save it elsewhere.`,
      )
    await linkOrCopy(session, join(weights.path, file.path), join(directory, file.path), file)
    files.set(file.path, file)
  }
  for (const { path, content, digest } of payload) {
    await writeFileAtomic(join(directory, checkedPath(path)), content)
    files.set(path, { path, sizeBytes: Buffer.byteLength(content), digest })
  }
  return bundleOf(directory, manifestOf(files.values()))
}

/** A second name for the file, which neither reads nor copies it; a copy where the file system has none, or it is another one. */
async function linkOrCopy({ context }: Session, from: string, to: string, { digest }: FileEntry): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await linkRemembered(from, to)
  } catch {
    await copyFileDurably(from, to, context, { expected: digest })
  }
}
