import { join } from 'node:path'
import type { ScoreFile } from '../../evaluation/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { type Baseline, formatBaseline, parseBaseline } from './baseline-file.js'
import { type BaselineOptions, baselineFile, baselinePlace, defaultName } from './baseline-place.js'
import { type ScoredItem, toScoreFile } from './scored-items.js'

export interface AcceptBaselineOptions extends BaselineOptions {
  /** The file that the scores come from, kept for readers. @default none */
  readonly source?: string | undefined
}

/**
 * Makes scores the baseline of this name, in `.sheikh-gate/<name>.jsonl` at the top of the Git work tree. Commit the
 * file. It contains ids, scores, outcomes, groups and slices, and no text of items. Outside Git the file is in the
 * folder itself and names no commit.
 *
 * @throws `invalid-options` for a name that is no plain name; `invalid-config` if the file or its folder is a link;
 * `evaluation-invalid` if there is no score; `storage-failed`.
 */
export async function acceptBaseline(
  directory: string,
  scores: ScoreFile | readonly ScoredItem[],
  options: AcceptBaselineOptions = {},
): Promise<Baseline> {
  const { name = defaultName, source } = options
  const place = await baselinePlace(directory, options)
  const path = await baselineFile(place, name)
  const file = toScoreFile(scores)
  const commit = (await place.git?.head())?.oid
  const content = formatBaseline({
    ...{ name, acceptedAtMs: place.context.clock.nowMs(), scores: file },
    ...(commit !== undefined && { commit }),
    ...(source !== undefined && { source }),
  })
  // Before the accepted file is replaced: one that cannot be read back must not take its place.
  const baseline = parseBaseline(content, name, join(place.root, path))
  await writeFileAtomic(baseline.path, content)
  return baseline
}
