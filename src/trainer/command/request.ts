import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext, Json } from '../../core/index.js'
import type { Rows } from '../../model/index.js'
import { storageFailed } from '../../store/index.js'
import type { FitContext, FitRequest } from '../trainer.js'

/** Version of the protocol: requests and output lines. `docs/command-trainer.md` describes it. */
export const protocolVersion = 1

/** Characters written at once, which limits how much of a dataset is in memory. */
const pieceCharacters = 1 << 20

/**
 * Writes a training request: `request.json`, the rows, and an empty `weights/`. @returns the path of `request.json`.
 */
export async function writeFitRequest(
  folder: string,
  { training, development, seed, base, checkpoints }: FitRequest<unknown, unknown>,
  config: Json,
  context: CallContext & Pick<FitContext, 'filesDirectory'>,
): Promise<string> {
  const paths = {
    training: join(folder, 'training.jsonl'),
    ...(development !== undefined && { development: join(folder, 'development.jsonl') }),
    weights: weightsFolder(folder),
    ...(base !== undefined && { base: base.path }),
    ...(checkpoints !== undefined && { checkpoints }),
    ...(context.filesDirectory !== undefined && { files: context.filesDirectory }),
  }
  await mkdir(paths.weights)
  await writeRows(paths.training, training, context)
  if (development !== undefined) await writeRows(paths.development!, development, context)
  const rows = { training: training.size, ...(development !== undefined && { development: development.size }) }
  return writeRequest(folder, { formatVersion: protocolVersion, kind: 'fit', seed, config, rows, paths })
}

/** Writes a prediction request. @param files the folder of files that samples name. @returns its path. */
export function writePredictRequest(
  folder: string,
  weights: string,
  config: Json,
  files: string | undefined,
): Promise<string> {
  const paths = { weights, ...(files !== undefined && { files }) }
  return writeRequest(folder, { formatVersion: protocolVersion, kind: 'predict', config, paths })
}

export const weightsFolder = (folder: string) => join(folder, 'weights')

async function writeRequest(folder: string, request: Json): Promise<string> {
  const path = join(folder, 'request.json')
  await written(path, () => writeFile(path, `${JSON.stringify(request, null, 2)}\n`))
  return path
}

async function writeRows(path: string, rows: Rows<unknown, unknown>, context: CallContext): Promise<void> {
  const file = await written(path, () => open(path, 'wx'))
  try {
    let text = ''
    for await (const { id, input, target, group, slices, files } of rows) {
      context.signal.throwIfAborted()
      text += `${JSON.stringify({ id, input, target, group, slices, files })}\n`
      if (text.length < pieceCharacters) continue
      await written(path, () => file.writeFile(text))
      text = ''
    }
    await written(path, () => file.writeFile(text))
  } finally {
    await file.close()
  }
}

async function written<R>(path: string, write: () => Promise<R>): Promise<R> {
  try {
    return await write()
  } catch (error) {
    throw storageFailed('write', path, error)
  }
}
