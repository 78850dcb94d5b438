import type { CallContext } from '../core/index.js'
import type { Dataset } from '../dataset/index.js'

/** A dataset, as far as the files that its samples name are opened. */
export type FilesOfDataset = Pick<Dataset<never, never>, 'filesDirectory' | 'openFiles'>

/** The folder with the files that samples name. @param directory see `Dataset.openFiles`. */
export const openFiles = async (
  dataset: FilesOfDataset,
  directory: string,
  context: CallContext,
): Promise<string | undefined> =>
  dataset.openFiles === undefined ? dataset.filesDirectory : dataset.openFiles(directory, context)
