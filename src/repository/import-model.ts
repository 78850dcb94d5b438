import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type CallContext, plainPath } from '../core/index.js'
import type { Imported, Pipeline } from '../pipeline/index.js'
import { temporaryFolder } from '../store/index.js'
import { fetchModel } from './hub-id.js'
import type { Surroundings } from './release-targets.js'

/** Imports a model from a folder, or from the Hub by way of a temporary folder. */
export async function importModel(
  pipeline: Pipeline<unknown, unknown>,
  source: string,
  { version, by }: { readonly version?: string | undefined; readonly by: string },
  { root, environment }: Pick<Surroundings, 'root' | 'environment'>,
  context: CallContext,
): Promise<Imported> {
  const common = { signal: context.signal, by }
  if (!source.startsWith('hf:'))
    return pipeline.import({
      ...common,
      directory: resolve(root, plainPath(source, 'the folder of the model')),
      from: source,
      version,
    })
  const folder = await temporaryFolder('sheikh-import-')
  try {
    const { commit, nextVersion } = await fetchModel(source, folder, environment, context)
    const from = `${source.split('@')[0]}@${commit}`
    return await pipeline.import({ ...common, directory: folder, from, version: version ?? nextVersion })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
