// Near-duplicates among 100,000 texts, whole processes: datasketch from PyPI, and checkQuality.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtRooms } from '../test/built-package.js'
import { datasketchPairs, linesOf, recallOf, variedTexts } from '../test/interop/near-duplicates.js'
import { interopPython } from '../test/interop/python.js'
import type { BenchRow } from './bench.js'

const texts = 100_000
const words = 100
const similarity = 0.8

export async function rows(): Promise<readonly BenchRow[]> {
  if (interopPython() === undefined) {
    console.log('Skipped: there is no datasketch. npm run setup:interop installs it, or says why it cannot')
    return []
  }
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  try {
    const rooms = await builtRooms()
    const lines = linesOf(variedTexts(texts, words, 'bench-quality'))
    const samples = join(folder, 'samples')
    mkdirSync(samples)
    writeFileSync(join(samples, 'texts.jsonl'), lines)
    const script = join(import.meta.dirname, 'reference/sheikh-duplicates.mjs')
    const startedMs = performance.now()
    const answer = execFileSync(process.execPath, [script, rooms, samples, String(similarity)], {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    })
    const ours = (performance.now() - startedMs) / 1000
    const { groups, maxRss } = JSON.parse(answer) as { groups: string[][]; maxRss: number }
    const peerStartedMs = performance.now()
    const pairs = datasketchPairs(lines, similarity)
    const peer = (performance.now() - peerStartedMs) / 1000
    const recall = recallOf(pairs, groups)
    const peakMemoryMb = Math.round((maxRss * 1024) / 1e6)
    return [
      {
        work: `near-duplicates among ${texts.toLocaleString('en')} texts of ${words} words: recall ${recall.toFixed(4)} of ${pairs.length} pairs`,
        ...{ ours, peer, peerName: 'datasketch 2.0.0, 128 permutations', unit: 's', ratio: peer / ours },
        goal: 'below 20 s and 500 MB, recall at least 0.95',
        met: ours < 20 && peakMemoryMb < 500 && recall >= 0.95,
        peakMemoryMb,
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
