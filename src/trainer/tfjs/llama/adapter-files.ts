import { join } from 'node:path'
import { type JsonObject, messageOf, SheikhError } from '../../../core/index.js'
import { readSmallJson, type WeightsDirectory } from '../../../model/index.js'
import { writeFileAtomic } from '../../../store/index.js'
import type { BaseModel } from './base-model.js'
import { type Lora, toLora } from './lora.js'

const configFile = 'adapter_config.json'
const baseFile = 'base.json'

/** Writes an adapter's files in PEFT's layout, with the base that it belongs to. */
export async function writeAdapterFiles(directory: string, base: BaseModel, lora: Lora): Promise<void> {
  const write = (name: string, value: JsonObject) =>
    writeFileAtomic(join(directory, name), `${JSON.stringify(value, null, 2)}\n`)
  await write(baseFile, { formatVersion: 1, digest: base.digest })
  await write(configFile, {
    ...{ peft_type: 'LORA', task_type: 'CAUSAL_LM', base_model_name_or_path: base.name ?? base.directory },
    ...{ r: lora.rank, lora_alpha: lora.alpha, lora_dropout: 0, bias: 'none', fan_in_fan_out: false },
    ...{ target_modules: [...lora.targets], inference_mode: true },
  })
}

/**
 * Reads the settings of an adapter that was released unmerged in this folder. The trainer's settings may have changed
 * since.
 *
 * @returns `undefined` where the weights are whole.
 * @throws `artifact-corrupt` where it belongs to another base, or its files are not what was written.
 */
export async function readAdapterFiles(
  { path, manifest }: WeightsDirectory,
  base: BaseModel,
): Promise<Lora | undefined> {
  if (!manifest.files.some((file) => file.path === configFile)) return undefined
  const [config, pinned] = [await readSmallJson(join(path, configFile)), await readSmallJson(join(path, baseFile))]
  if (typeof config === 'string') throw corrupt(path, `its ${configFile} ${config}`)
  if (typeof pinned === 'string') throw corrupt(path, `its ${baseFile} ${pinned}`)
  const { digest } = pinned
  if (digest !== base.digest)
    throw corrupt(path, `it belongs to the base ${String(digest)}, and the trainer has ${base.digest}`)
  try {
    const { r, lora_alpha: alpha, target_modules: targets } = config
    // What is not there is no default of ours.
    return toLora({ rank: Number(r), alpha: Number(alpha), targets: (targets ?? []) as never, merge: false })
  } catch (error) {
    throw corrupt(path, messageOf(error), error)
  }
}

const corrupt = (path: string, fact: string, cause?: unknown) =>
  new SheikhError('artifact-corrupt', `Cannot load the adapter in ${JSON.stringify(path)}: ${fact}.`, {
    facts: { path },
    cause,
  })
