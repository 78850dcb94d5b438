import { type CallContext, digestJson, identityOf, SheikhError } from '../../core/index.js'
import type { Source, SourceEntry, SourceSample } from '../dataset-types.js'
import type { LargeFiles } from '../sources/large-files.js'
import { sampleBatches } from '../sources/sample-batches.js'
import { describeJoin, type FeatureJoin } from './feature-join.js'
import { type LoadedSnapshot, loadSnapshot, type SnapshotHeader } from './feature-snapshot.js'
import { sampleKeyOf } from './sample-key.js'
import { snapshotReader } from './snapshot-reader.js'

export interface WithFeaturesOptions {
  /** The file that `joinFeatures` made, such as `dataset/features.jsonl`. */
  readonly snapshot: string
  /** The join that the snapshot must come from: one by other settings is an error. Its files are not read. @default any */
  readonly join?: FeatureJoin | undefined
  /** Gets the snapshot if the checkout has a Git LFS pointer to it. @default a pointer is an error */
  readonly largeFiles?: LargeFiles | undefined
}

/**
 * A source whose samples also have the features of a snapshot, as fields. Only the snapshot is read, never the files that it was
 * joined from: a commit that contains it always has the same samples, whatever happens to the feature store.
 *
 * The features are part of a sample: the schema checks them, templates can name them, and digests cover them.
 *
 * @throws (when samples are listed or read) `dataset-invalid` if the snapshot cannot be read, was joined by other settings, or
 * lacks the entities and time of a sample; and for a sample that already has a field with the name of a feature.
 */
export function withFeatures(source: Source, { snapshot: path, join, largeFiles }: WithFeaturesOptions): Source {
  const settings = join && digestJson(describeJoin(join))
  const { location, contentIds } = source
  // Named by its digest: what an entry contains depends on it as well.
  const read = snapshotReader(path, (file, context) => loadSnapshot(file, { ...context, largeFiles }))
  const load = async (context: CallContext) => {
    const snapshot = await read(context)
    if (settings === undefined || snapshot.header.settings === settings) return snapshot
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the features ${JSON.stringify(path)}: they were joined by other settings. Update the file with: sheikh data features`,
      { facts: { path } },
    )
  }
  return {
    contract: 1,
    name: 'samples-with-features',
    ...(source.version !== undefined && { version: '1' }),
    describe: () => ({
      source: identityOf(source) ?? { name: source.name, describe: source.describe() },
      settings: settings ?? null,
    }),
    ...(location !== undefined && { location }),
    ...(contentIds !== undefined && {
      async contentIds(context: CallContext) {
        const { digest } = await load(context)
        return new Map([...(await contentIds(context))].map(([file, id]) => [file, `${id} ${digest}`]))
      },
    }),
    async list(context) {
      const entries = await source.list(context)
      const snapshot = await load(context)
      return entries.map(
        (entry): SourceEntry => ({
          ...entry,
          ...(entry.stamp !== undefined && { stamp: `${entry.stamp} ${snapshot.digest}` }),
          read: (readContext) => joined(entry, snapshot, readContext),
        }),
      )
    },
  }
}

async function* joined(
  entry: SourceEntry,
  snapshot: LoadedSnapshot,
  context: CallContext,
): AsyncIterable<readonly SourceSample[]> {
  for await (const batch of sampleBatches(entry, context)) yield batch.map((sample) => joinedSample(sample, snapshot))
}

function joinedSample(sample: SourceSample, { header, find }: LoadedSnapshot): SourceSample {
  const refuse = (problem: string): SourceSample => ({ value: undefined, position: sample.position, problem })
  if (sample.problem !== undefined) return sample
  const asked = sampleKeyOf(sample, header.entities, formatOf(header))
  if (typeof asked === 'string') return refuse(asked)
  const values = find(asked.key)
  if (values === undefined)
    return refuse(
      'the snapshot of features has nothing for its entities and time; update it with: sheikh data features',
    )
  const value: Record<string, unknown> = { ...(sample.value as object) }
  for (const [at, { name }] of header.features.entries()) {
    if (Object.hasOwn(value, name)) return refuse(`it already has a field ${JSON.stringify(name)}, which is a feature`)
    value[name] = values[at]
  }
  return { ...sample, value }
}

const formatOf = ({ timestamp, timestampUnit, timeZone }: SnapshotHeader) => ({
  timestamp,
  timestampUnit: timestampUnit ?? undefined,
  timeZone: timeZone ?? undefined,
})
