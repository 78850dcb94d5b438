// A trained member in the folder for checkpoints: `weights/`, and last `member.json`, which names the training and every file by
// digest. Without that last file there is no member.
import { join } from 'node:path'
import {
  type CallContext,
  type Digest,
  digest,
  digestManifest,
  fits,
  isSheikhError,
  json,
  messageOf,
  object,
  parseManifest,
  toJson,
  word,
} from '../core/index.js'
import { rereadWeightsDirectory } from '../model/index.js'
import { copyFileDurably, readJsonFile, removeQuietly, writeFileAtomic } from '../store/index.js'
import { type Candidate, candidateRecordShape } from '../trainer/index.js'

const markerOf = (folder: string) => join(folder, 'member.json')
const weightsOf = (folder: string) => join(folder, 'weights')

const markerShape = object({ formatVersion: word(1), training: digest, record: candidateRecordShape, manifest: json })

/** @param training the identity of the training: equal only for trainings that give the same bytes. */
export async function keepMember(
  folder: string,
  training: Digest,
  { weights, record }: Candidate,
  context: CallContext,
): Promise<void> {
  await removeQuietly(markerOf(folder))
  await removeQuietly(weightsOf(folder))
  await copyFiles(weights.path, weightsOf(folder), weights.manifest, context)
  const marker = { formatVersion: 1, training, record, manifest: weights.manifest }
  await writeFileAtomic(markerOf(folder), JSON.stringify(toJson(marker)))
}

/**
 * Copies a member that was trained before into `directory`, which is empty. Everything is hashed.
 *
 * @returns `undefined` if there is none of this training. One that is damaged is reported in the log.
 */
export async function keptMember(
  folder: string,
  training: Digest,
  directory: string,
  context: CallContext,
): Promise<Candidate | undefined> {
  const marker = await readJsonFile(markerOf(folder))
  if (!fits(markerShape, marker) || marker.training !== training) return undefined
  try {
    const manifest = parseManifest(marker.manifest)
    await copyFiles(weightsOf(folder), directory, manifest, context)
    const weights = await rereadWeightsDirectory(directory, context)
    if (weights.digest === digestManifest(manifest)) return { weights, record: marker.record }
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
    context.log.warn(`A trained member is damaged and is trained again: ${messageOf(error)}`, { folder })
  }
  await removeQuietly(directory)
  return undefined
}

async function copyFiles(
  from: string,
  to: string,
  { files }: ReturnType<typeof parseManifest>,
  context: CallContext,
): Promise<void> {
  for (const { path, digest: expected } of files)
    await copyFileDurably(join(from, path), join(to, path), context, { expected })
}
