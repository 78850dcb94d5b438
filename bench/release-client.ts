// One act against the Hub, in a process of its own: prints how long it took, and the peak of memory that it added to.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createRepo, uploadFiles } from '@huggingface/hub'
import { callContext, digestManifest, parseManifest } from '../src/core/index.js'
import { huggingFaceRegistry } from '../src/releaser/huggingface/index.js'
import type { Bundle } from '../src/releaser/index.js'
import { peakMemoryMb } from './bench.js'

const [act, hubUrl, name, folder, manifestPath] = process.argv.slice(2) as [string, string, string, string, string]
const accessToken = 'hf_bench'
const context = callContext()
const manifest = parseManifest(JSON.parse(readFileSync(manifestPath, 'utf8')))
const bundle: Bundle = { digest: digestManifest(manifest), manifest, directory: folder }
const registry = huggingFaceRegistry({
  repository: `bench/${name}`,
  token: accessToken,
  endpoint: hubUrl,
  create: 'private',
})

/** Stage, verify, publish, point: as a pipeline does it once it has the bundle. */
async function release(version: string, held: Partial<Bundle> & Pick<Bundle, 'digest' | 'manifest'>): Promise<void> {
  const record = { runId: `bench-${version}`, atMs: context.clock.nowMs() }
  const before = await registry.current('latest', context)
  const postPublish = { channel: 'latest', withdraws: [] }
  const pending = await registry.prepare({ bundle: held, version, postPublish, record }, context)
  await registry.verify(pending, context)
  await registry.publish(pending, context)
  await registry.point('latest', version, before?.version, context)
}

const acts: Readonly<Record<string, () => Promise<void>>> = {
  bare: async () => {
    const common = { repo: `bench/${name}`, accessToken, hubUrl }
    await createRepo({ ...common, visibility: 'private' })
    const files = manifest.files.map(({ path }) => ({ path, content: pathToFileURL(join(folder, path)) }))
    await uploadFiles({ ...common, files })
  },
  release: () => release('1.0.0', bundle),
  again: () => release('1.0.1', bundle),
  // What a rollback does: the registry has the bundle, nothing is read.
  rollback: () => release('1.0.2', { digest: bundle.digest, manifest }),
}

const startedMs = performance.now()
await acts[act]!()
console.log(JSON.stringify({ ms: performance.now() - startedMs, peakMb: peakMemoryMb() }))
