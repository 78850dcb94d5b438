import type { Digest, Json } from '../core/index.js'
import type { FileDigests } from './files/named-files.js'
import type { ScannedRow } from './row-table.js'

/** Raise this when packed rows change their form. */
export const packedVersion = 3

type PackedRow = readonly [
  id: string,
  digest: Digest,
  sampleDigest: Digest,
  position: string,
  group: string | null,
  label: string | null,
  slices: Readonly<Record<string, string>>,
  inputKey: number,
  targetKey: number | null,
  files?: FileDigests,
]

/** Packs a row for a cache. */
export const packRow = (row: ScannedRow): Json => [
  ...[row.id, row.digest, row.sampleDigest, row.position],
  ...[row.group ?? null, row.label ?? null, row.slices, row.inputKey, row.targetKey ?? null],
  ...(row.files === undefined ? [] : [row.files]),
]

export function unpackRows(path: string, kept: Json): readonly ScannedRow[] {
  return (kept as unknown as PackedRow[]).map(
    ([id, digest, sampleDigest, position, group, label, slices, inputKey, targetKey, files]) => ({
      id,
      digest,
      sampleDigest,
      path,
      position,
      group: group ?? undefined,
      label: label ?? undefined,
      slices,
      inputKey,
      targetKey: targetKey ?? undefined,
      ...(files !== undefined && { files }),
    }),
  )
}
