import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import { callContext, type Json } from '../../src/core/index.js'
import type { DocumentStore } from '../../src/store/index.js'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

/** A folder with files in it, which goes away after the test. */
export async function folderWith(files: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-dataset-'))
  folders.push(folder)
  await addFiles(folder, files)
  return folder
}

export async function addFiles(folder: string, files: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    const raw = typeof content === 'string' || content instanceof Uint8Array
    await writeFile(join(folder, path), raw ? content : JSON.stringify(content))
  }
}

// A clock that is an hour ahead: what was written just now is old enough to be trusted.
export const later = (signal?: AbortSignal) => callContext({ clock: { nowMs: () => Date.now() + 3_600_000 }, signal })

export function memoryDocuments(): DocumentStore & { readonly writes: () => number } {
  const kept = new Map<string, Json>()
  let writes = 0
  return {
    read: async (name) => kept.get(name),
    async write(name, value) {
      writes += 1
      kept.set(name, JSON.parse(JSON.stringify(value)) as Json)
    },
    writes: () => writes,
  }
}

export async function touchLater(path: string): Promise<void> {
  const time = new Date(Date.now() + 5000)
  await utimes(path, time, time)
}

export async function collect<V>(rows: AsyncIterable<V>): Promise<readonly V[]> {
  const found: V[] = []
  for await (const row of rows) found.push(row)
  return found
}
