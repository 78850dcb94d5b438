import { join } from 'node:path'
import { checkedPath, SheikhError } from '../../core/index.js'
import type { WeightsDirectory } from '../../model/index.js'
import { type Bundle, payloadFolders, readBundle } from '../../releaser/index.js'
import { copyFileDurably, writeFileAtomic } from '../../store/index.js'
import type { PayloadFile } from '../options.js'
import type { Session } from '../session.js'

/** Weights at the root, where every reader of Hugging Face repositories looks for them; our own files in folders of their own. */
export async function assembleBundle(
  session: Session,
  weights: WeightsDirectory,
  payload: readonly PayloadFile[],
): Promise<Bundle> {
  const directory = await session.folder('bundle')
  for (const { path, digest: expected } of weights.manifest.files) {
    session.context.signal.throwIfAborted()
    if (payloadFolders.includes(path.split('/')[0]!))
      throw new SheikhError(
        'stage-failed',
        `Cannot release the weights: their file "${path}" is in a folder that releases keep for prompts and schemas. Save it elsewhere.`,
      )
    await copyFileDurably(join(weights.path, path), join(directory, path), session.context, { expected })
  }
  for (const { path, content } of payload) await writeFileAtomic(join(directory, checkedPath(path)), content)
  return readBundle(directory, session.context)
}
