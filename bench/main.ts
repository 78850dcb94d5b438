// npm run bench: all benches. npm run bench -- <name>…: these; `train` is all that is about training. Prints tables, writes
// bench/results/<name>.json. npm run bench -- gate --rows simulations|speed: these rows alone; the results keep the others.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { BenchRow } from './bench.js'

const names = [
  'start',
  'train',
  'kernels',
  'pytorch',
  'mails',
  'classifier',
  'command',
  'noop',
  'data',
  'features',
  'prompts',
  'quickstart',
  'gate',
  'evaluation',
  'release',
  'run',
  'serve',
  'serve-llama',
  'experiment',
  'tune',
  'scale',
]
/** What is about training, under one name. */
const groups: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'kernels', 'pytorch', 'mails', 'classifier', 'command'],
}
const { values: flags, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: 'string' }, here: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
})
if (flags.help === true) {
  console.log(`npm run bench                                  all benches
npm run bench -- <name>…                       these: ${names.join(', ')}
npm run bench -- train                         all that is about training
npm run bench -- gate --rows simulations       error rates: minutes, the same numbers on every machine
npm run bench -- gate --rows speed             times and memory: on a machine that does nothing else

Each bench prints a table and writes bench/results/<name>.json. With --rows the file keeps the other rows.`)
  process.exit(0)
}
const unknown = asked.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`There is no bench "${unknown.join('", "')}". There are: ${names.join(', ')}.`)
  process.exit(1)
}

const results = join(import.meta.dirname, 'results')
mkdirSync(results, { recursive: true })

interface Bench {
  readonly rows?: () => Promise<readonly BenchRow[]>
  /** For `--rows`, in the order of the table. */
  readonly parts?: Readonly<Record<string, () => Promise<readonly BenchRow[]>>>
}
type Kept = BenchRow & { readonly part?: string }

if (flags.here === true) {
  // One bench in a process of its own, so that its peak memory is its own.
  const bench = (await import(`./${asked[0]}.ts`)) as Bench
  const file = join(results, `${asked[0]}.json`)
  const rows = await measure(bench, file)
  writeFileSync(file, `${JSON.stringify({ machine: machine(), versions: versions(), rows }, null, 2)}\n`)
} else {
  let failed = false
  const only = flags.rows === undefined ? [] : ['--rows', flags.rows]
  const wanted = asked.flatMap((name) => groups[name] ?? [name])
  for (const name of new Set(wanted.length > 0 ? wanted : names)) {
    const { status } = spawnSync(process.execPath, [...process.execArgv, process.argv[1]!, name, '--here', ...only], {
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

/** All rows, or those of one part between the rows that the results file keeps of the others. */
async function measure({ rows, parts = {} }: Bench, file: string): Promise<readonly Kept[]> {
  if (rows !== undefined && flags.rows === undefined) return rows()
  if (flags.rows !== undefined && parts[flags.rows] === undefined) {
    const known = Object.keys(parts).join(', ') || 'none'
    throw new Error(`The bench "${asked[0]}" has no rows "${flags.rows}". It has: ${known}.`)
  }
  const isNew = flags.rows === undefined || !existsSync(file)
  const kept = isNew ? [] : (JSON.parse(readFileSync(file, 'utf8')) as { rows: Kept[] }).rows
  const found: Kept[] = []
  for (const [part, run] of Object.entries(parts))
    if (flags.rows === undefined || flags.rows === part) for (const row of await run()) found.push({ ...row, part })
    else found.push(...kept.filter((row) => row.part === part))
  return found
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
