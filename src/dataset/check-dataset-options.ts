import { SheikhError } from '../core/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import { checkNamedFiles } from './files/named-files.js'

/** @throws `invalid-options` */
export function checkDatasetOptions({ input, developmentShare = 0, training = {}, files }: AnyDatasetOptions): void {
  if (typeof input === 'string' && input === '')
    throw new SheikhError(
      'invalid-options',
      'Cannot make a dataset: the name of the input field is empty. Name the field that models receive.',
    )
  if (!(developmentShare >= 0 && developmentShare < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot make a dataset: the development share ${developmentShare} is not between 0 and 1. Give one such as 0.1.`,
    )
  const { maximumRows = 1 } = training
  if (!(Number.isSafeInteger(maximumRows) && maximumRows >= 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot make a dataset with at most ${maximumRows} training rows: the number is not an integer of at least 1. Give one such as 10000.`,
    )
  if (files !== undefined) checkNamedFiles(files)
}
