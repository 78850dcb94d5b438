import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileEntry } from '../../core/index.js'
import { temporaryFolder } from '../../store/index.js'
import { downloadFile, type Fetch } from '../remote/index.js'
import type { AssetJson, GitHubApi } from './github-api.js'
import type { ReleaseDocument } from './release-document.js'
import { type AssetOf, notHeld } from './releases.js'
import type { AssetProgress } from './send-assets.js'

const filesAtOnce = 4
const rangesAtOnce = 2
const rangeBytes = 32 << 20

/** Downloads a release into a folder, joins the parts of each file and checks every file. */
export async function fetchFiles(
  api: GitHubApi,
  { pending, assets: files }: ReleaseDocument,
  { assetOf, directory }: { readonly assetOf: AssetOf; readonly directory: string },
  onProgress?: (progress: AssetProgress) => void,
): Promise<void> {
  const parts = new Map(files.map(({ path, parts }) => [path, parts]))
  await forEachUpTo(filesAtOnce, pending.manifest.files, async (file) => {
    const held = (parts.get(file.path) ?? []).map((part) => {
      const asset = assetOf(part)
      if (asset === undefined) throw notHeld(pending.version, `the asset ${part.name} is missing or different`)
      return { url: api.assetUrl(asset.id), sizeBytes: part.sizeBytes }
    })
    await downloadFile(
      {
        fetch: joined(api.download, held),
        request: () => ({ url: held[0]?.url ?? '' }),
        file,
        target: join(directory, file.path),
        parallel: rangesAtOnce,
        partBytes: rangeFor(held),
        ...(onProgress && {
          onProgress: (doneBytes) =>
            onProgress({ act: 'download', path: file.path, doneBytes, totalBytes: file.sizeBytes }),
        }),
      },
      api.context,
    )
  })
}

/** Reads an asset back if the server reports no digest. @throws `artifact-corrupt`. */
export async function checkBytes(api: GitHubApi, { id }: AssetJson, file: FileEntry): Promise<void> {
  const folder = await temporaryFolder('sheikh-github-')
  try {
    const request = () => ({ url: api.assetUrl(id) })
    await downloadFile({ fetch: api.download, request, file, target: join(folder, 'asset') }, api.context)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface HeldPart {
  readonly url: string
  readonly sizeBytes: number
}

/** A range never crosses a part boundary, because all parts except the last have the same size. */
const rangeFor = (parts: readonly HeldPart[]): number => {
  const size = parts[0]?.sizeBytes ?? rangeBytes
  return parts.length <= 1 || size % rangeBytes === 0 ? rangeBytes : size
}

/** A `fetch` for the complete file: requests each range from the part that contains it. */
function joined(fetch: Fetch, parts: readonly HeldPart[]): Fetch {
  if (parts.length <= 1) return fetch
  return async (_, init = {}) => {
    const range = new Headers(init.headers).get('range') ?? ''
    let [from, to] = (/^bytes=(\d+)-(\d+)$/.exec(range) ?? []).slice(1).map(Number) as [number, number]
    let index = 0
    for (; from >= parts[index]!.sizeBytes; index += 1) {
      from -= parts[index]!.sizeBytes
      to -= parts[index]!.sizeBytes
    }
    const response = await fetch(parts[index]!.url, { ...init, headers: { range: `bytes=${from}-${to}` } })
    // A server without range support returns the complete part. That is correct if the range starts at the part's start.
    return response.status === 200 && from === 0
      ? new Response(response.body, { status: 206, headers: response.headers })
      : response
  }
}

/** The first error stops all work, and is thrown once all running work has ended. */
async function forEachUpTo<T>(atOnce: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const failures: unknown[] = []
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined && failures.length === 0; item = waiting.shift())
      await work(item).catch((error: unknown) => failures.push(error))
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (failures.length > 0) throw failures[0]
}
