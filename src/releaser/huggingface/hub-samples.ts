import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type CallContext, plainPath, SheikhError } from '../../core/index.js'
import {
  type FileFormatOptions,
  fileFormat,
  globMatcher,
  readSampleFile,
  type Source,
  type SourceSample,
  sampleFormatOf,
  startsWithLines,
} from '../../dataset/index.js'
import { checkConnection, type HubConnection } from './hub-connection.js'
import type { HubDataCache } from './hub-data-cache.js'
import type { HubDataFiles } from './hub-data-files.js'

export interface HubSamplesOptions extends HubConnection, HubDataFiles, FileFormatOptions {
  /** `datasets/owner/name`. */
  readonly repository: string
  /** The commit, 40 hexadecimal digits, so that every run reads the same data. `hubCommit` finds the commit of a branch. */
  readonly revision: string
  /** Folder for downloaded files, such as `.sheikh/hub`. Several sources may share it. */
  readonly directory: string
}

/**
 * A source of samples in a dataset repository of the Hugging Face Hub: Parquet, JSON, JSONL, CSV and TSV files, the last four
 * optionally with gzip or zstd. Data files, configurations and splits are found as the Python library `datasets` finds them.
 * No code of the dataset is run.
 *
 * Each file is downloaded once, checked against the digest that the Hub lists, and kept under this digest. Later reads need no
 * network. A `.json` file may also contain one sample per line.
 *
 * @throws `invalid-options` if the revision is not a commit, or both `files` and `config` or `split` are given. When listed or
 * read: `access-denied` (a missing token, or a gated dataset), `not-found`, `remote-failed`, `release-rejected` if the Hub
 * refuses a request for another reason, `artifact-corrupt` if the content of a file differs from its digest,
 * `dataset-invalid`.
 * @example
 * const source = hubSamples({
 *   repository: 'datasets/owner/mails',
 *   revision: '0123456789abcdef0123456789abcdef01234567',
 *   split: 'train',
 *   directory: '.sheikh/hub',
 * })
 */
export function hubSamples(options: HubSamplesOptions): Source {
  const { repository, revision, files, config, split, csv, parquet, ...rest } = options
  const { maximumFileBytes, maximumSampleBytes, maximumUnpackRatio } = rest
  checkConnection(options)
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('invalid-options', `Cannot read samples of ${JSON.stringify(repository)}: ${fact}. ${remedy}.`)
  if (!/^datasets\/[^/]+\/[^/]+$/.test(repository))
    throw refuse('it is not a dataset repository', 'Write it like "datasets/owner/name"')
  if (!/^[0-9a-f]{40}$/.test(revision))
    throw refuse(
      `the revision ${JSON.stringify(revision)} is not a commit of 40 hexadecimal digits, so it may change`,
      'Find its commit with hubCommit, and keep the commit',
    )
  if (files !== undefined && (config !== undefined || split !== undefined))
    throw refuse('both files and a configuration or split are given', 'Leave out one of them')
  if (files !== undefined) globMatcher(files, { classes: true })
  const format = fileFormat({ csv, parquet, maximumFileBytes, maximumSampleBytes, maximumUnpackRatio })
  const directory = resolve(plainPath(options.directory, 'the directory of downloaded files'))
  let made: Promise<HubDataCache> | undefined
  // Projects without samples on the Hub make no source, but load this file.
  const makeCache = async () => {
    const [{ hubClient }, { hubDataCache }] = await Promise.all([
      import('./hub-client.js'),
      import('./hub-data-cache.js'),
    ])
    const client = (context: CallContext) => hubClient(options, context)
    return hubDataCache({ directory, repository, commit: revision, client })
  }
  return {
    contract: 1,
    name: 'hub-samples',
    version: '1',
    describe: () => ({
      ...{ repository, revision, files: files ?? null, config: config ?? null, split: split ?? null },
      ...format.describe,
    }),
    location: directory,
    async list(context) {
      context.signal.throwIfAborted()
      made ??= makeCache()
      const [cache, { chooseDataFiles }] = await Promise.all([made, import('./hub-data-files.js')])
      const listed = new Map((await cache.list(context)).map((file) => [file.path, file]))
      const readText = async (path: string) => {
        const file = listed.get(path)
        if (file === undefined || file.sizeBytes > maximumCardBytes) return undefined
        return readFile(join(cache.folder, await cache.fetch(file, context)), 'utf8')
      }
      const chosen = await chooseDataFiles(
        { repository, paths: [...listed.keys()], readText },
        { files, config, split },
      )
      return chosen.map((path) => {
        const file = listed.get(path)!
        // The name is that of the content.
        return { path, sizeBytes: file.sizeBytes, stamp: file.lfsOid ?? file.oid, changedAtNs: 0n, read }

        async function* read(context: CallContext): AsyncIterable<readonly SourceSample[]> {
          if (file.sizeBytes > format.limits.maximumFileBytes)
            throw new SheikhError(
              'dataset-invalid',
              `Cannot read ${JSON.stringify(path)} of ${repository}: it has ${file.sizeBytes} bytes, but the maximum is ${format.limits.maximumFileBytes}. Name other files, or raise maximumFileBytes.`,
              { facts: { path, repository } },
            )
          const name = await cache.fetch(file, context)
          const isLines = sampleFormatOf(path) === 'json' && (await startsWithLines(join(cache.folder, name)))
          yield* readSampleFile(cache.folder, name, format, context, isLines ? path.replace(/\.json/i, '.jsonl') : path)
        }
      })
    },
  }
}

/** A card is a text for people. */
const maximumCardBytes = 5_000_000

/**
 * The commit that a branch, a tag or a ref such as `refs/convert/parquet` of a Hub repository has now, 40 hexadecimal digits.
 *
 * @param options.revision @default 'main'
 * @throws `not-found`; `access-denied` (a missing token, or a gated dataset); `remote-failed`; `release-rejected`.
 */
export async function hubCommit(
  options: HubConnection & { readonly revision?: string | undefined },
  context: CallContext,
): Promise<string> {
  context.signal.throwIfAborted()
  const { hubClient } = await import('./hub-client.js')
  return hubClient(options, context).commitOf(options.revision ?? 'main')
}
