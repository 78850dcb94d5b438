import { callContext, SheikhError } from '../../core/index.js'
import type { Dataset } from '../dataset.js'
import type { DatasetContext } from '../dataset-types.js'
import { fileOf } from '../read-entry.js'
import type { TokenCounter, TokenCounts } from './token-counter.js'
import { TokenTally, TokenTurns } from './token-tally.js'

export interface CountTokensOptions {
  /** Rows whose prompt and answer together have more tokens are named. @default no limit */
  readonly maximumTokens?: number | undefined
}

/**
 * Counts the tokens of all rows of a dataset: rendered prompts and answers, as the tokenizer of a model splits them. Does not count a
 * row whose input is a file that the sample names. Reads
 * row after row, so that memory does not grow with the data, apart from the ids in `exceedingIds`.
 *
 * @throws `invalid-options` for a limit that is no positive integer; `artifact-corrupt` for a tokenizer that cannot be read;
 * as `Dataset.contents`.
 *
 * @example
 * ```ts
 * const { sample, exceedingIds } = await countTokens(dataset, tokenCounter('models/base'), { maximumTokens: 2048 })
 * console.log(`${sample.median} tokens, at most ${sample.maximum}`, exceedingIds)
 * ```
 */
export async function countTokens<I, T>(
  dataset: Dataset<I, T>,
  counter: TokenCounter,
  { maximumTokens }: CountTokensOptions = {},
  context: DatasetContext = callContext(),
): Promise<TokenCounts & { readonly exceedingIds: readonly string[] }> {
  if (maximumTokens !== undefined && !(Number.isSafeInteger(maximumTokens) && maximumTokens > 0))
    throw new SheikhError(
      'invalid-options',
      `Cannot count tokens: maximumTokens is ${maximumTokens}. Give a positive integer.`,
    )
  const digest = await counter.digest(context)
  const turns = new TokenTurns(await counter.open(context))
  const tally = new TokenTally(maximumTokens)
  const exceedingIds: string[] = []
  for await (const row of (await dataset.contents(context)).whole()) {
    context.signal.throwIfAborted()
    // The path of a file tells nothing about what a model gets.
    const counted = fileOf(row) === undefined ? await turns.count(row.input, row.target) : undefined
    if (tally.add(counted) !== undefined) exceedingIds.push(row.id)
  }
  return { tokenizer: { name: counter.name, digest }, ...tally.counts(), exceedingIds }
}
