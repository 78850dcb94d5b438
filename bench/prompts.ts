// 100,000 prompts from a chat template, whole processes: ours with limits in the render thread, and @huggingface/jinja, which has no limits.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtRooms } from '../test/built-package.js'
import { type BenchRow, interleaved, median } from './bench.js'

const samples = Number(process.env['BENCH_PROMPTS'] ?? 100_000)
const pairs = 3

interface Used {
  readonly digest: string
  readonly cpuSeconds: number
  readonly p99Ms: number
  readonly peakKb: number
}

export async function rows(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  try {
    const rooms = await builtRooms()
    const here = (name: string) => join(import.meta.dirname, 'reference', name)
    const { template } = (await import(here('chat-prompts.mjs'))) as { readonly template: string }
    writeFileSync(join(folder, 'ask.txt'), template)
    const all = { ours: [] as Used[], peer: [] as Used[] }
    const run = (of: Used[], ...parts: readonly string[]) => {
      const used = JSON.parse(execFileSync(process.execPath, parts, { encoding: 'utf8' })) as Used
      of.push(used)
      return Promise.resolve(used.cpuSeconds)
    }
    const times = await interleaved(
      pairs,
      () => run(all.ours, here('sheikh-prompts.mjs'), rooms, folder, String(samples)),
      () => run(all.peer, here('jinja-prompts.mjs'), String(samples)),
    )
    const digests = new Set([...all.ours, ...all.peer].map(({ digest }) => digest))
    const of = (used: readonly Used[], value: (one: Used) => number) => median(used.map(value))
    const megabytes = (used: readonly Used[]) => Math.round((of(used, ({ peakKb }) => peakKb) * 1024) / 1e6)
    const delay = {
      ours: of(all.ours, ({ p99Ms }) => p99Ms),
      peer: of(all.peer, ({ p99Ms }) => p99Ms),
    }
    const peakMemoryMb = megabytes(all.ours)
    const size = `${samples.toLocaleString('en')} chats`
    return [
      {
        work: `${size} rendered with limits in a thread, CPU time`,
        ...{ ...times, unit: 's', ratio: times.peer / times.ours },
        peerName: `@huggingface/jinja, no limits, ${digests.size === 1 ? 'equal texts' : 'different texts'}, ${megabytes(all.peer)} MB`,
        goal: 'equal texts',
        met: digests.size === 1,
        peakMemoryMb,
      },
      {
        work: 'event-loop delay meanwhile, 99th percentile',
        ...{ ...delay, unit: 'ms', ratio: delay.peer / delay.ours },
        peerName: '@huggingface/jinja, a turn after 256 samples',
        goal: 'none',
        met: true,
        peakMemoryMb,
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
