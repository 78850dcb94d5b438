// What an import of the package adds to an empty program. From dist/, as users load it: npm run build first.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type BenchRow, interleaved } from './bench.js'

const entry = resolve(import.meta.dirname, '../dist/index.js')
const limitMs = 40

export async function rows(): Promise<readonly BenchRow[]> {
  if (!existsSync(entry)) throw new Error('dist/ is missing: npm run build first')
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-start-'))
  try {
    const report = 'process.stdout.write(String(process.resourceUsage().maxRSS))'
    const empty = join(folder, 'empty.mjs')
    const importing = join(folder, 'importing.mjs')
    writeFileSync(empty, report)
    writeFileSync(importing, `await import(${JSON.stringify(entry)}); ${report}`)
    let peakKb = 0
    const time = (program: string, ours: boolean) => async () => {
      const startedMs = performance.now()
      const printed = execFileSync(process.execPath, [program], { encoding: 'utf8' })
      if (ours) peakKb = Math.max(peakKb, Number(printed))
      return performance.now() - startedMs
    }
    const { ours, peer } = await interleaved(21, time(importing, true), time(empty, false))
    const addedMs = ours - peer
    return [
      {
        work: "import 'sheikh-freemium'",
        ours,
        peer,
        peerName: 'an empty program',
        unit: 'ms',
        ratio: peer / ours,
        goal: `adds under ${limitMs} ms`,
        met: addedMs < limitMs,
        peakMemoryMb: Math.round((peakKb * 1024) / 1e6),
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
