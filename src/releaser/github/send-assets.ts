import { openAsBlob } from 'node:fs'
import { join } from 'node:path'
import {
  type CallContext,
  digestBytes,
  type FileEntry,
  finishDigest,
  SheikhError,
  startDigest,
} from '../../core/index.js'
import { chunksOf, withPlainFile } from '../../store/index.js'
import type { Bundle } from '../index.js'
import { refused } from '../remote/index.js'
import { documentName, planAssets } from './asset-names.js'
import type { AssetJson, GitHubApi, ReleaseJson } from './github-api.js'
import { type AssetPart, documentText, type FileAssets, type ReleaseDocument } from './release-document.js'
import { isPart, listAssets } from './releases.js'

export interface AssetProgress {
  readonly act: 'upload' | 'download'
  readonly path: string
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface SendOptions {
  readonly partBytes: number
  readonly onProgress?: ((progress: AssetProgress) => void) | undefined
}

/**
 * Uploads the files of a bundle to a draft, except those that it already has. One at a time, as GitHub asks for writes.
 *
 * @throws `artifact-corrupt` if a file differs from the manifest.
 */
export async function sendAssets(
  api: GitHubApi,
  release: ReleaseJson,
  { manifest, directory }: Bundle,
  { partBytes, onProgress }: SendOptions,
): Promise<readonly FileAssets[]> {
  const plans = planAssets(manifest.files, partBytes)
  const present = await presentIn(api, release)
  const names = new Set([documentName, ...plans.flatMap((plan) => plan.names)])
  for (const asset of present.values()) if (!names.has(asset.name)) await remove(api, asset)
  const sent: FileAssets[] = []
  for (const { file, names: partNames } of plans) {
    const path = join(directory, file.path)
    const parts = (await hashParts(path, file, partBytes, api.context)).map((part, index) => ({
      name: partNames[index]!,
      ...part,
    }))
    let doneBytes = 0
    for (const part of parts) {
      const begin = doneBytes
      await ensure(api, release, present, part, async () => {
        const whole = await openAsBlob(path)
        return whole.slice(begin, begin + part.sizeBytes)
      })
      doneBytes += part.sizeBytes
      onProgress?.({ act: 'upload', path: file.path, doneBytes, totalBytes: file.sizeBytes })
    }
    sent.push({ path: file.path, parts })
  }
  return sent
}

/** Uploaded last: it completes the draft. */
export async function sendDocument(api: GitHubApi, release: ReleaseJson, document: ReleaseDocument): Promise<void> {
  const bytes = Buffer.from(documentText(document))
  const part = { name: documentName, sizeBytes: bytes.byteLength, digest: digestBytes(bytes) }
  const present = await presentIn(api, release)
  // A server without digests: an asset of the same size may still be different.
  const old = present.get(documentName)
  if (old !== undefined && typeof old.digest !== 'string') {
    await remove(api, old)
    present.delete(documentName)
  }
  await ensure(api, release, present, part, async () => new Blob([bytes]))
}

const presentIn = async (api: GitHubApi, release: ReleaseJson) =>
  new Map((await listAssets(api, release)).map((asset) => [asset.name, asset]))

const remove = (api: GitHubApi, { id, name }: AssetJson) =>
  api.call(`delete the asset ${name}`, 'DELETE', `releases/assets/${id}`, { allow: [404] })

/** The number of times that the remains of an interrupted upload are deleted. */
const attempts = 4

async function ensure(
  api: GitHubApi,
  release: ReleaseJson,
  present: Map<string, AssetJson>,
  part: AssetPart,
  body: () => Promise<Blob>,
): Promise<void> {
  const act = `upload ${part.name}`
  for (let left = attempts; ; left -= 1) {
    const there = present.get(part.name)
    if (there !== undefined && isPart(there, part)) return
    if (there !== undefined) await remove(api, there)
    const { ok, value, status, message } = await api.upload(release, part.name, await body())
    if (ok && isPart(value, part) && value.name === part.name) return
    if (ok) {
      await remove(api, value)
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot ${act}: the uploaded file differs from its hash. Do not modify the bundle during a release.`,
        { facts: { asset: part.name } },
      )
    }
    if (left <= 1 || !message.includes('already_exists'))
      throw refused({ act, status, message, tokenName: 'GITHUB_TOKEN' })
    // An interrupted attempt may have left a part or all of the asset.
    present.delete(part.name)
    for (const asset of await listAssets(api, release)) if (asset.name === part.name) present.set(part.name, asset)
  }
}

/** The sizes and digests of a file's parts. @throws `artifact-corrupt` if the complete file differs. */
async function hashParts(
  path: string,
  file: FileEntry,
  partBytes: number,
  context: CallContext,
): Promise<readonly Omit<AssetPart, 'name'>[]> {
  return withPlainFile(path, async (source) => {
    const whole = startDigest()
    const parts: Omit<AssetPart, 'name'>[] = []
    for (let begin = 0; begin < source.sizeBytes; begin += partBytes) {
      const end = Math.min(begin + partBytes, source.sizeBytes)
      const part = startDigest()
      for await (const piece of chunksOf(source, begin, end, context)) {
        whole.update(piece)
        part.update(piece)
      }
      parts.push({ sizeBytes: end - begin, digest: finishDigest(part) })
    }
    if (source.sizeBytes === file.sizeBytes && finishDigest(whole) === file.digest) return parts
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot prepare the bundle: "${file.path}" changed since it was read. Do not modify the bundle during a release.`,
      { facts: { path: file.path } },
    )
  })
}
