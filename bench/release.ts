// A gigabyte of weights to a loopback Hub: beside a bare upload of the same files, again unchanged, and back.
import { execFileSync, fork, spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callContext, type Manifest } from '../src/core/index.js'
import { readManifest } from '../src/store/index.js'
import { type BenchRow, interleaved, median } from './bench.js'

const largeBytes = 1e9
const hugeBytes = 10e9
const pairs = 3
const context = callContext()

interface Measured {
  readonly ms: number
  readonly peakMb: number
}

export async function rows(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-release-'))
  try {
    const large = join(folder, 'large')
    writeRandom(join(large, 'model.safetensors'), largeBytes)
    writeFileSync(join(large, 'config.json'), '{"architecture":"bench"}')
    const hashing = await hashingSpeed(join(large, 'model.safetensors'))
    const hub = await startServer(join(folder, 'hub'))
    try {
      const client = clientOf(hub.url, folder, large, await readManifest(large, context))
      const transfer = await transferTimes(client)
      const before = await hub.bytesReceived()
      const again = client('again', transfer.last)
      const sentBytes = (await hub.bytesReceived()) - before
      const back = [client('rollback', transfer.last)]
      const huge = join(folder, 'huge')
      mkdirSync(huge)
      writeFileSync(join(huge, 'model.safetensors'), '')
      truncateSync(join(huge, 'model.safetensors'), hugeBytes)
      const sparse = clientOf(hub.url, folder, huge, await readManifest(huge, context))('release', 'huge')
      return [
        {
          work: '1 GB to the Hub: pending, verified, published, pointed',
          ours: transfer.ours,
          peer: transfer.peer,
          peerName: 'a bare uploadFiles of the same files',
          unit: 's',
          ratio: transfer.peer / transfer.ours,
          goal: 'within 10 %, 300 MB of memory',
          met: transfer.ours <= 1.1 * transfer.peer && transfer.peakMb <= 300,
          peakMemoryMb: transfer.peakMb,
        },
        limit('the same weights released again: sent', sentBytes / 1000, 100, 'kB', again.peakMb),
        limit('rollback of 1 GB', median(back.map(({ ms }) => ms)) / 1000, 2, 's', back[0]!.peakMb),
        {
          work: 'hashing 1 GB',
          ...hashing,
          peerName: 'sha256sum',
          unit: 'MB/s',
          ratio: hashing.ours / hashing.peer,
          goal: 'at least 0.8',
          met: hashing.ours >= 0.8 * hashing.peer,
          peakMemoryMb: 0,
        },
        limit('peak memory of releasing one sparse file of 10 GB', sparse.peakMb, 300, 'MB', sparse.peakMb),
      ]
    } finally {
      hub.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Each upload into a repository of its own: nothing is there before. */
async function transferTimes(client: (act: string, name: string) => Measured) {
  let count = 0
  let peakMb = 0
  let last = ''
  const ours = async () => {
    count += 1
    last = `ours-${count}`
    const { ms, peakMb: peak } = client('release', last)
    peakMb = Math.max(peakMb, peak)
    return ms / 1000
  }
  const peer = async () => {
    count += 1
    return client('bare', `bare-${count}`).ms / 1000
  }
  return { ...(await interleaved(pairs, ours, peer)), peakMb, last }
}

function clientOf(hubUrl: string, folder: string, files: string, manifest: Manifest) {
  const manifestPath = join(folder, 'manifest.json')
  return (act: string, name: string): Measured => {
    writeFileSync(manifestPath, JSON.stringify(manifest))
    const program = join(import.meta.dirname, 'release-client.ts')
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...process.execArgv, program, act, hubUrl, name, files, manifestPath],
      { encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(`${act} failed: ${stderr}`)
    return JSON.parse(stdout) as Measured
  }
}

async function startServer(folder: string) {
  const child = fork(join(import.meta.dirname, 'release-hub.ts'), [folder], { execArgv: process.execArgv })
  const [{ url }] = (await once(child, 'message')) as [{ readonly url: string }]
  return {
    url,
    async bytesReceived() {
      child.send('bytes')
      const [answer] = (await once(child, 'message')) as [{ readonly bytesReceived: number }]
      return answer.bytesReceived
    },
    stop: () => child.disconnect(),
  }
}

/** Of one file, on one core each, in MB (10⁶ bytes) a second. */
async function hashingSpeed(path: string): Promise<{ readonly ours: number; readonly peer: number }> {
  const speed = (startedMs: number) => largeBytes / 1e6 / ((performance.now() - startedMs) / 1000)
  return interleaved(
    pairs,
    async () => {
      const startedMs = performance.now()
      await readManifest(join(path, '..'), context)
      return speed(startedMs)
    },
    async () => {
      const startedMs = performance.now()
      execFileSync('sha256sum', [path])
      return speed(startedMs)
    },
  )
}

/** Bytes that no compression and no hole makes less of. */
function writeRandom(path: string, sizeBytes: number): void {
  mkdirSync(join(path, '..'), { recursive: true })
  const piece = randomFillSync(Buffer.alloc(10e6))
  const file = openSync(path, 'w')
  for (let done = 0; done < sizeBytes; done += piece.length) {
    piece.writeDoubleLE(done, 0)
    writeSync(file, piece)
  }
  closeSync(file)
}

const limit = (work: string, ours: number, most: number, unit: string, peakMb: number): BenchRow => ({
  work,
  ours,
  peer: most,
  peerName: 'the limit',
  unit,
  ratio: most / ours,
  goal: `at most ${most} ${unit}`,
  met: ours <= most,
  peakMemoryMb: peakMb,
})
