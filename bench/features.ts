// The join of 100,000 samples to 1,000,000 rows of features, whole processes: Feast from PyPI, and joinFeatures on its repository.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtRooms } from '../test/built-package.js'
import { feastPython } from '../test/interop/feast.js'
import type { BenchRow } from './bench.js'

const [featureRows, samples] = [1_000_000, 100_000]

interface Used {
  readonly values: number
  readonly sum: number
  readonly cpuSeconds: number
  /** In KiB. */
  readonly maxRss: number
}

export async function rows(): Promise<readonly BenchRow[]> {
  const python = feastPython()
  if (python === undefined) {
    console.log('Skipped: Feast is not installed. npm run setup:interop installs it, or says why it cannot')
    return []
  }
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  try {
    const rooms = await builtRooms()
    const here = (name: string) => join(import.meta.dirname, 'reference', name)
    const ask = (program: string, ...parts: readonly string[]): string =>
      execFileSync(program, parts, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    const used = (text: string) => JSON.parse(text.trim().split('\n').at(-1)!) as Used
    ask(python, '-I', here('feast_features.py'), 'make', folder, String(featureRows), String(samples))
    const ours = used(ask(process.execPath, here('sheikh-features.mjs'), rooms, folder))
    const peer = used(ask(python, '-I', here('feast_features.py'), 'join', folder))
    const megabytes = ({ maxRss }: Used) => Math.round((maxRss * 1024) / 1e6)
    const isEqual = ours.values === peer.values && Math.abs(ours.sum - peer.sum) < 1e-6 * peer.sum
    return [
      {
        work: `${samples.toLocaleString('en')} samples joined to ${featureRows.toLocaleString('en')} rows, CPU time: ${ours.values} values, ${isEqual ? 'equal' : 'different'} sums`,
        ...{ ours: ours.cpuSeconds, peer: peer.cpuSeconds, unit: 's', ratio: peer.cpuSeconds / ours.cpuSeconds },
        peerName: `Feast 0.67.0, get_historical_features, ${megabytes(peer)} MB`,
        goal: 'equal sums, at most 500 MB',
        met: isEqual && megabytes(ours) <= 500,
        peakMemoryMb: megabytes(ours),
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
