import { digestBytes, type FileEntry, hexOf, SheikhError } from '../../core/index.js'

/** The asset that describes the others. It is uploaded last. */
export const documentName = 'sheikh-release.json'

/** GitHub's own limit. */
const maximumAssets = 1000

// GitHub renames assets with special characters or a dot at either end.
const plain = /^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/
const longestName = 120

export interface AssetPlan {
  readonly file: FileEntry
  /** One name, or one per part if the file is too large for one asset. */
  readonly names: readonly string[]
}

/**
 * The asset names of a bundle's files: the path with `--` for each slash if it is plain, else a name with the digest of the path.
 * The same files always get the same names. An empty file gets none, because GitHub refuses empty assets.
 *
 * @throws `release-rejected` if there are more assets than GitHub allows.
 */
export function planAssets(files: readonly FileEntry[], partBytes: number): readonly AssetPlan[] {
  const sent = files.filter(({ sizeBytes }) => sizeBytes > 0)
  const count = sent.reduce((sum, { sizeBytes }) => sum + Math.ceil(sizeBytes / partBytes), 1)
  if (count > maximumAssets)
    throw new SheikhError(
      'release-rejected',
      `Cannot release ${count} assets: GitHub allows ${maximumAssets} per release. Combine small files, or release to another registry.`,
      { facts: { assets: count, maximum: maximumAssets } },
    )
  const taken = new Set([documentName])
  const plans = new Map<string, AssetPlan>()
  // Plain paths first, so that each keeps its own name.
  for (const isPlain of [true, false])
    for (const file of sent.filter(({ path }) => plain.test(path) === isPlain)) {
      const parts = Math.ceil(file.sizeBytes / partBytes)
      for (const base of candidates(file.path)) {
        const names = parts === 1 ? [base] : Array.from({ length: parts }, (_, index) => partName(base, index))
        if (names.some((name) => taken.has(name.toLowerCase()))) continue
        for (const name of names) taken.add(name.toLowerCase())
        plans.set(file.path, { file, names })
        break
      }
    }
  return sent.map(({ path }) => plans.get(path)!)
}

const partName = (base: string, index: number) => `${base}.part-${String(index + 1).padStart(3, '0')}`

function* candidates(path: string): Generator<string> {
  const flat = path.replaceAll('/', '--')
  if (plain.test(flat) && flat.length <= longestName) yield flat
  const digest = hexOf(digestBytes(path))
  const [extension = ''] = /\.[A-Za-z0-9]{1,12}$/.exec(flat) ?? []
  const stem = flat
    .slice(0, flat.length - extension.length)
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  for (let length = 12; length <= digest.length; length += 4)
    yield `${stem.slice(0, 40)}${stem === '' ? '' : '-'}${digest.slice(0, length)}${extension}`
}
