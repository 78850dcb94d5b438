/** A file that Git knows by a pointer only. */
export interface LargeFile {
  /** SHA-256, hexadecimal. */
  readonly oid: string
  readonly sizeBytes: number
}

/** https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
export const pointerTo = ({ oid, sizeBytes }: LargeFile): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${sizeBytes}\n`

const pattern = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n$/
const largestPointerBytes = 1024

export function parsePointer(blob: Uint8Array): LargeFile | undefined {
  if (blob.length > largestPointerBytes) return undefined
  const [, oid, size] = pattern.exec(Buffer.from(blob).toString()) ?? []
  return oid === undefined ? undefined : { oid, sizeBytes: Number(size) }
}
