// npm run bench: all benches. npm run bench -- <name>…: these; `train` is all that is about training. Prints tables, writes
// bench/results/<name>.json.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import type { BenchRow } from './bench.js'

const names = [
  'start',
  'train',
  'kernels',
  'pytorch',
  'mails',
  'command',
  'noop',
  'quickstart',
  'gate',
  'evaluation',
  'release',
]
/** What is about training, under one name. */
const groups: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'kernels', 'pytorch', 'mails', 'command'],
}
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const unknown = asked.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`There is no bench "${unknown.join('", "')}". There are: ${names.join(', ')}.`)
  process.exit(1)
}

const results = join(import.meta.dirname, 'results')
mkdirSync(results, { recursive: true })

if (process.argv.includes('--here')) {
  // One bench in a process of its own, so that its peak memory is its own.
  const { rows } = (await import(`./${asked[0]}.ts`)) as { rows: () => Promise<readonly BenchRow[]> }
  const file = join(results, `${asked[0]}.json`)
  writeFileSync(file, `${JSON.stringify({ machine: machine(), versions: versions(), rows: await rows() }, null, 2)}\n`)
} else {
  let failed = false
  const wanted = asked.flatMap((name) => groups[name] ?? [name])
  for (const name of new Set(wanted.length > 0 ? wanted : names)) {
    const { status } = spawnSync(process.execPath, [...process.execArgv, process.argv[1]!, name, '--here'], {
      stdio: 'inherit',
    })
    if (status !== 0) {
      failed = true
      continue
    }
    const { rows } = JSON.parse(readFileSync(join(results, `${name}.json`), 'utf8')) as { rows: readonly BenchRow[] }
    console.log(`\n${name}`)
    console.table(
      rows.map(({ work, ours, peer, peerName, unit, ratio, goal, met, peakMemoryMb }) => ({
        work,
        ours: +ours.toPrecision(4),
        peer: `${+peer.toPrecision(4)} (${peerName})`,
        unit,
        ratio: +ratio.toFixed(2),
        goal,
        met,
        peakMemoryMb,
      })),
    )
  }
  if (failed) process.exitCode = 1
}

function machine() {
  const [cpu] = cpus()
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    platform: `${process.platform}-${process.arch}`,
  }
}

function versions() {
  const folder = join(import.meta.dirname, '../node_modules')
  const version = (name: string) =>
    (JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as { version: string }).version
  const tensorflow = readdirSync(join(folder, '@tensorflow')).map((name) => `@tensorflow/${name}`)
  return {
    node: process.version,
    ...Object.fromEntries(['isomorphic-git', ...tensorflow].map((name) => [name, version(name)])),
  }
}
