// What an import of the package and short commands cost, in CPU time of the process (user and system), so that a busy machine
// disturbs less. From dist/, as users load it: npm run build first.
//
// By `node --cpu-prof`, most of what is left is Node compiling the modules of dist/. What helped: commands that are loaded by name;
// versions of tfjs read from its package.json, because loading it costs 200 ms that `plan` only needed for a version; the template
// engine and the programs of commandTrainer loaded on first use; copies of small CommonJS packages in dist/, which Node would parse
// twice; an index of its own for the reports of the root entry, because the bundler follows every export of an index that some entry
// uses; on Node 22.1 and later, Node's cache of compiled code for the command line; on Node 20, a script with all its code, which V8
// reads compiled (src/cli/load-command-line.ts): it takes less than half of the time of the modules.
//
// Measured beside other work, a file of dist/ costs very roughly as much as 15 kB of code. These did not help:
// `minifyWhitespace` in tsup (20 % fewer bytes, the same time, and stack traces without lines); `minifySyntax` (5 % fewer bytes,
// the same time); dynamic imports of the readers of Parquet and score files, of the quality checks and of Feast's registry (7 %
// less code from 31 in place of 23 files, the same time); dynamic imports in the methods of Pipeline (6 % less code from 44 files,
// slower); static imports in commandTrainer (two files fewer, no difference); rolldown, which divides dist/ more finely (129 files,
// slower) and whose groups either load unrelated rooms or break the order of modules; no import of child_process, worker_threads,
// vm, zlib and stream (an upper limit: the lines were deleted), 2 % of what the import adds. The root entry as one bundle of its own
// adds 27 % less, but a program that also imports another entry would have each class twice.
//
// Not tried to the end: rollup over what esbuild wrote, with each chunk as a module. esbuild makes a chunk for each set of entries
// that reach it, and takes every `import()` for an entry. Chunks that the same entries of the package load can be one: with
// `manualChunks` for these, small chunks added to such a group, and `onlyExplicitManualChunks`, the root entry loads 14 files
// instead of 26 (10 % less CPU time of what the import adds, on a busy machine), sheikh-freemium/repository 37 instead of 60, and no
// other entry more than 6 kB of further code. It takes 10 s or more, and needs source maps and all tests of dist/.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type BenchRow, interleaved } from './bench.js'
import { peakMemoryKb } from './reference/peak-memory.mjs'

const entry = resolve(import.meta.dirname, '../dist/index.js')
const program = resolve(import.meta.dirname, '../dist/cli/main.js')
const pairs = 21

export async function rows(): Promise<readonly BenchRow[]> {
  if (!existsSync(entry)) throw new Error('dist/ is missing: npm run build first')
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-start-'))
  try {
    const [empty, importing, count] = ['empty.mjs', 'importing.mjs', 'count.cjs'].map((name) => join(folder, name))
    writeFileSync(empty!, '')
    writeFileSync(importing!, `await import(${JSON.stringify(entry)})`)
    writeFileSync(count!, countUsage)
    const project = join(folder, 'project')
    for (const command of [
      ['init', project],
      ['run', '--project', project],
    ])
      node([program, ...command])

    const result: BenchRow[] = []
    for (const { work, argv, addsUnderMs, underMs } of works(importing!, project)) {
      let peakKb = 0
      const measure = (what: readonly string[], ours: boolean) => async () => {
        const { cpuMs, maxRssKb } = JSON.parse(
          node(['--require', count!, ...what])
            .split('\n')
            .at(-1)!,
        ) as Usage
        if (ours) peakKb = Math.max(peakKb, maxRssKb)
        return cpuMs
      }
      const { ours, peer } = await interleaved(pairs, measure(argv, true), measure([empty!], false))
      result.push({
        ...{ work, ours, peer, peerName: 'an empty program', unit: 'ms CPU', ratio: peer / ours },
        goal: addsUnderMs === undefined ? `under ${underMs} ms` : `adds under ${addsUnderMs} ms`,
        met: addsUnderMs === undefined ? ours < underMs! : ours - peer < addsUnderMs,
        peakMemoryMb: Math.round((peakKb * 1024) / 1e6),
      })
    }
    return result
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Work {
  readonly work: string
  readonly argv: readonly string[]
  readonly addsUnderMs?: number
  readonly underMs?: number
}

const works = (importing: string, project: string): readonly Work[] => [
  { work: "import 'sheikh-freemium'", argv: [importing], addsUnderMs: 40 },
  { work: 'sheikh --version', argv: [program, '--version'], addsUnderMs: 60 },
  ...['status', 'plan', 'report'].map((command) => ({
    work: `sheikh ${command}, 200 samples`,
    argv: [program, command, '--project', project],
    underMs: 300,
  })),
]

interface Usage {
  readonly cpuMs: number
  readonly maxRssKb: number
}

/** Prints what the process used as its last line. */
const countUsage = `const { readFileSync, writeSync } = require('node:fs')
${peakMemoryKb}
process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  const used = { cpuMs: (userCPUTime + systemCPUTime) / 1000, maxRssKb: peakMemoryKb() }
  writeSync(1, '\\n' + JSON.stringify(used))
})
`

const node = (argv: readonly string[]) =>
  execFileSync(process.execPath, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: environment })

// The loader of the bench must not be a part of what is measured.
const environment = { ...process.env, NODE_OPTIONS: '' }
