import type { AnyDatasetOptions } from './dataset-options.js'
import type { DatasetContents, DatasetContext, DescribedRow, RowIdentity } from './dataset-types.js'
import type { ScannedRow } from './row-table.js'
import { RowReader } from './rows.js'
import type { Scan } from './scan.js'
import type { SampleSchema } from './schema/sample-schema.js'

/** The rows of a scan, and their samples on request. */
export function contentsOf(
  found: Scan,
  options: AnyDatasetOptions,
  schema: SampleSchema,
  context: DatasetContext,
): DatasetContents {
  let rows: readonly DescribedRow[] | undefined
  return {
    // A million rows as objects take 300 MB, and some callers need none.
    get rows() {
      rows ??= found.rows.map(describedRow)
      return rows
    },
    samples: (ids) => new RowReader(found, options, schema, context).samples(ids),
    files: (ids) => new RowReader(found, options, schema, context).files(ids),
    whole: () => new RowReader(found, options, schema, context).rows(found.rows),
    withSamples: () => new RowReader(found, options, schema, context).withSamples(),
  }
}

export const identityOfRow = ({ id, digest, sampleDigest, group }: ScannedRow): RowIdentity =>
  group === undefined ? { id, digest, sampleDigest } : { id, digest, sampleDigest, group }

export function describedRow({
  id,
  digest,
  sampleDigest,
  group,
  path,
  position,
  label,
  slices,
}: ScannedRow): DescribedRow {
  // An object that is written out takes less memory than one that is spread.
  return group === undefined
    ? { id, digest, sampleDigest, path, position, label, slices }
    : { id, digest, sampleDigest, group, path, position, label, slices }
}
