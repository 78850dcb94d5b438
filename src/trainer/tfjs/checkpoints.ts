// A checkpoint is a folder `step-<number>`: `state/` with tensors and facts, and last `checkpoint.json`, which names both by
// digest, and the training that they are of. Without that last file there is no checkpoint.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  canonicalJson,
  type Digest,
  isSheikhError,
  type JsonObject,
  messageOf,
  parseManifest,
  SheikhError,
} from '../../core/index.js'
import { float32Of, readSafetensors, tensorOfFloat32, writeSafetensors } from '../../model/index.js'
import {
  makeDirectory,
  readJsonFile,
  readManifest,
  removeQuietly,
  storageFailed,
  verifyManifest,
  writeFileAtomic,
} from '../../store/index.js'

/** When a checkpoint is written, and how many stay. It decides nothing of the result, so it is in no key. */
export interface CheckpointOptions {
  /** @default by time alone */
  readonly everySteps?: number | undefined
  /** @default by time alone */
  readonly everyEpochs?: number | undefined
  /** @default 300, where neither of the others is given */
  readonly everySeconds?: number | undefined
  /** The newest; at least 1. With 2, a damaged one costs no more than the way to the one before. @default 2 */
  readonly keepLast?: number | undefined
}

/** @throws `invalid-options`. */
export function checkCheckpointOptions(options: CheckpointOptions): void {
  const { everySteps = 1, everyEpochs = 1, everySeconds = 1, keepLast = 1 } = options
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1
  if ([everySteps, everyEpochs, keepLast].every(isCount) && everySeconds > 0) return
  throw new SheikhError(
    'invalid-options',
    `Cannot write checkpoints by ${JSON.stringify(options)}: steps, epochs and what is kept are counts from 1, seconds above 0. Correct them.`,
  )
}

/** Everything that the steps to come depend on: order and chance follow from the seed and the number of the step. */
export interface TrainingState {
  /** Steps done. */
  readonly step: number
  /** What else is to be known, as JSON. */
  readonly facts: JsonObject
  readonly tensors: Readonly<Record<string, SavedTensor>>
}

export interface SavedTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const formatVersion = 1
const markerFile = 'checkpoint.json'
const factsFile = 'state/facts.json'
const tensorsFile = 'state/tensors.safetensors'

/**
 * Writes a checkpoint, complete or invisible, and removes the oldest beyond `keepLast`.
 *
 * @param training of what it is a checkpoint: the same only for a training that would give the same bytes.
 */
export async function writeCheckpoint(
  folder: string,
  training: Digest,
  { step, facts, tensors }: TrainingState,
  { keepLast = 2 }: CheckpointOptions,
  context: CallContext,
): Promise<void> {
  const path = join(folder, `step-${String(step).padStart(9, '0')}`)
  await removeQuietly(path)
  await makeDirectory(join(path, 'state'))
  try {
    const saved = Object.entries(tensors).map(([name, { shape, values }]) => tensorOfFloat32(name, shape, values))
    await writeSafetensors(join(path, tensorsFile), saved, {}, context)
    await writeFileAtomic(join(path, factsFile), JSON.stringify(facts))
    const manifest = await readManifest(join(path, 'state'), context)
    await writeFileAtomic(join(path, markerFile), canonicalJson({ formatVersion, training, step, manifest } as never))
  } catch (error) {
    await removeQuietly(path)
    throw error
  }
  for (const old of (await checkpointNames(folder)).slice(keepLast)) await removeQuietly(join(folder, old))
}

/**
 * The newest checkpoint of this training that is whole. One that is not is said in the log, and the one before it is taken.
 */
export async function readLastCheckpoint(
  folder: string,
  training: Digest,
  context: CallContext,
): Promise<TrainingState | undefined> {
  for (const name of await checkpointNames(folder)) {
    try {
      const state = await readCheckpoint(join(folder, name), training, context)
      if (state !== undefined) return state
    } catch (error) {
      if (!isSheikhError(error, 'checkpoint-corrupt')) throw error
      context.log.warn(error.message, { code: error.code, checkpoint: name })
    }
  }
  return undefined
}

/**
 * @returns `undefined` where nothing was finished there, or it is of another training.
 * @throws `checkpoint-corrupt`.
 */
async function readCheckpoint(
  path: string,
  training: Digest,
  context: CallContext,
): Promise<TrainingState | undefined> {
  const marker = (await readJsonFile(join(path, markerFile))) as JsonObject | null | undefined
  if (marker?.['formatVersion'] !== formatVersion || marker['training'] !== training) return undefined
  try {
    await verifyManifest(join(path, 'state'), parseManifest(marker['manifest']), context)
    const facts = (await readJsonFile(join(path, factsFile))) as JsonObject
    const { tensors } = await readSafetensors(join(path, tensorsFile), context)
    return {
      step: marker['step'] as number,
      facts,
      tensors: Object.fromEntries(
        tensors.map((tensor) => [tensor.name, { shape: tensor.shape, values: float32Of(tensor) }]),
      ),
    }
  } catch (error) {
    context.signal.throwIfAborted()
    throw new SheikhError(
      'checkpoint-corrupt',
      `Cannot go on from the checkpoint ${JSON.stringify(path)}: ${messageOf(error)} The one before it is taken, or the start.`,
      { facts: { path }, cause: error },
    )
  }
}

/** Newest first. */
async function checkpointNames(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw storageFailed('read the folder', folder, error)
  })
  return names
    .filter((name) => /^step-\d{9}$/.test(name))
    .sort()
    .reverse()
}
