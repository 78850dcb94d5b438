import { endianness } from 'node:os'
import { type CallContext, digestJson, SheikhError } from '../../core/index.js'
import type { JobKind } from '../../execute/index.js'
import { putFiles, readInput, requireSameParts, type SameParts } from '../../execute/shards/index.js'
import { type ExamineSettings, RowExaminer, type RowFacts } from './examine-rows.js'
import { unpackBlocks, writeFacts } from './facts-file.js'
import { secretRulesVersion } from './secrets.js'
import type { TokenCounter } from './token-counter.js'

/** Some rows to examine. JSON. */
export interface DataCheckInput {
  readonly settings: ExamineSettings
  /** What the worker must have too. */
  readonly expected: SameParts
}

export const dataCheckKindName = { name: 'check-data', version: '1' } as const

/** What a worker needs to check data. */
export interface DataCheckKindOptions {
  /** The counter of `tokenLimit`. @default none: the worker cannot count tokens */
  readonly counter?: TokenCounter | undefined
}

/**
 * The kind of the jobs of a data check, for the workers of its `executor`. A worker with another tokenizer, other rules for secrets or
 * another version of Unicode than the caller refuses the jobs. Workers read no dataset: the texts are objects of the store.
 *
 * @example
 * ```ts
 * // worker.ts
 * export const worker = () => ({ store: directoryStore('.sheikh'), kinds: [dataCheckKind()] })
 * ```
 */
export function dataCheckKind({ counter }: DataCheckKindOptions = {}): JobKind<never, unknown> {
  const kind: JobKind<DataCheckInput, null> = {
    ...dataCheckKindName,
    async run({ settings, expected }, context) {
      const { store, objects, job } = context
      const counts = expected['tokenizer'] !== null
      if (counts && counter === undefined)
        throw new SheikhError(
          'version-mismatch',
          'Cannot check data on a worker: the caller counts tokens, and the worker has no counter. Give `counter` to `dataCheckKind`, and restart the workers.',
          { facts: { part: 'tokenizer' } },
        )
      requireSameParts(
        'check data on a worker',
        expected,
        await partsOfDataCheck(settings, counts ? counter : undefined, context),
      )
      const examiner = new RowExaminer(settings, counts ? await counter!.open(context) : undefined, context)
      const facts: RowFacts[] = []
      for (const block of unpackBlocks(await readInput(store, objects['rows']!, context)))
        facts.push(...(await examiner.examine(block)))
      return {
        value: null,
        objects: { facts: await putFiles(store, (folder) => writeFacts(folder, job, facts), context) },
      }
    },
  }
  return kind
}

/** What decides the facts of a row besides the row, the settings and the version of this package. */
export async function partsOfDataCheck(
  { secret }: ExamineSettings,
  counter: TokenCounter | undefined,
  context: CallContext,
): Promise<SameParts> {
  return {
    tokenizer: (await counter?.digest(context)) ?? null,
    'version of the rules for secrets': secret ? digestJson(secretRulesVersion()) : null,
    'version of Unicode': digestJson(process.versions['unicode'] ?? null),
    'order of bytes': digestJson(endianness()),
  }
}
