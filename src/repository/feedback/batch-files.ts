import { posix } from 'node:path'
import { SheikhError } from '../../core/index.js'
import { globMatcher } from '../../dataset/index.js'
import { type BatchRecord, parseBatchRecord } from '../../feedback/index.js'
import type { Configuration } from '../config/index.js'
import type { Git } from '../git/index.js'
import { samplesPath } from '../layout.js'

/** Where batches are recorded, below the project's folder. */
const recordsPath = 'dataset/feedback'

export const recordPath = (batch: string) => `${recordsPath}/${batch}.json`

/** The branch of a batch that waits for a review. */
export const branchPrefix = 'sheikh/feedback-'

/**
 * The file of a batch's samples, below the project's folder.
 *
 * @param folder below the folder of the samples.
 * @param remedy for a folder that cannot be used.
 * @throws `invalid-options` if a run would not read the file, or not train on it.
 */
export function samplesFile(
  batch: string,
  folder: string,
  { dataset }: Configuration,
  remedy = 'Name another folder with --folder',
): string {
  const { directory = samplesPath, pattern } = dataset.samples ?? {}
  const path = posix.normalize(`${folder}/${batch}.jsonl`)
  const refuse = (fact: string) =>
    new SheikhError('invalid-options', `Cannot write samples into "${directory}/${folder}": ${fact}. ${remedy}.`, {
      facts: { folder },
    })
  if (path.startsWith('../') || path.startsWith('/')) throw refuse('it is outside the folder of the samples')
  if (pattern !== undefined && !globMatcher(pattern)(path)) throw refuse(`a run only reads "${pattern}" there`)
  const wanted = dataset.training?.slices?.['category']
  const category = path.split('/')[0]!
  if (wanted !== undefined && !wanted.includes(category))
    throw refuse(`a run only trains on the categories ${wanted.join(', ')}`)
  return `${directory}/${path}`
}

/** The records of the batches in a commit. Files that are no records are left out. */
export async function recordsAt(git: Git, commit: string, project: string): Promise<readonly BatchRecord[]> {
  const records: BatchRecord[] = []
  for (const { path, oid } of (await git.tree(commit, [posix.join(project, recordsPath)])).values()) {
    const record = path.endsWith('.json')
      ? parseBatchRecord(new TextDecoder().decode(await git.readBlob(oid)))
      : undefined
    if (record !== undefined) records.push(record)
  }
  return records
}
