import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  canonicalJson,
  type Digest,
  digestBytes,
  type Manifest,
  parseManifest,
} from '../../core/index.js'
import { makeDirectory, writeFileAtomic } from '../atomic-files.js'
import { chunksOf, withPlainFile } from '../plain-file.js'
import { readManifest } from '../read-manifest.js'
import { notDirectory, objectCorrupt, objectMissing, targetNotEmpty } from '../records.js'
import { isAbsent, storageFailed } from '../storage-failed.js'
import type { ObjectStore } from '../store.js'

export function memoryObjects(): ObjectStore {
  const kept = new Map<Digest, Uint8Array>()

  async function get(digest: Digest, context: CallContext): Promise<Uint8Array> {
    context.signal.throwIfAborted()
    const bytes = kept.get(digest)
    if (bytes === undefined) throw objectMissing(digest)
    return bytes.slice()
  }

  async function put(bytes: Uint8Array, context: CallContext): Promise<Digest> {
    context.signal.throwIfAborted()
    const digest = digestBytes(bytes)
    if (!kept.has(digest)) kept.set(digest, Uint8Array.from(bytes))
    return digest
  }

  async function manifest(digest: Digest, context: CallContext): Promise<Manifest> {
    const bytes = await get(digest, context)
    try {
      return parseManifest(JSON.parse(Buffer.from(bytes).toString('utf8')))
    } catch (error) {
      throw notDirectory(digest, error)
    }
  }

  return {
    get,
    put,
    manifest,
    async has(digest) {
      return kept.has(digest)
    },
    async putDirectory(directory, context, { manifest: known } = {}) {
      const content = known ?? (await readManifest(directory, context))
      for (const { path, digest } of content.files) {
        if (kept.has(digest)) continue
        const bytes = await readBytes(join(directory, path), context)
        if (digestBytes(bytes) !== digest)
          throw objectCorrupt(digest, `${JSON.stringify(path)} changed while it was read`)
        kept.set(digest, bytes)
      }
      return await put(Buffer.from(canonicalJson(content)), context)
    },
    async getDirectory(digest, target, context) {
      const { files } = await manifest(digest, context)
      if ((await namesIn(target)).length > 0) throw targetNotEmpty(target)
      await makeDirectory(target)
      try {
        for (const file of files) await writeFileAtomic(join(target, file.path), await get(file.digest, context))
      } catch (error) {
        for (const name of await namesIn(target)) await rm(join(target, name), { recursive: true, force: true })
        throw error
      }
    },
  }
}

async function readBytes(path: string, context: CallContext): Promise<Uint8Array> {
  return await withPlainFile(path, async (file) => {
    const bytes = new Uint8Array(file.sizeBytes)
    let position = 0
    for await (const piece of chunksOf(file, 0, file.sizeBytes, context)) {
      bytes.set(piece, position)
      position += piece.length
    }
    return bytes
  })
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw storageFailed('list', folder, error)
  }
}
