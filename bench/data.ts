// Data at size, whole processes: a million rows in one file, and `sheikh run` with a hundred thousand sample files. Smaller, to
// try the bench: BENCH_ROWS, BENCH_FILES. DVC is measured if it is on the PATH, or named by DVC.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { createWriteStream, writeFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { promisify } from 'node:util'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { builtRooms } from '../test/built-package.js'
import { type BenchRow, interleaved } from './bench.js'
import { run, watched, writeProject } from './noop.js'

const rowCount = Number(process.env['BENCH_ROWS'] ?? 1_000_000)
const fileCount = Number(process.env['BENCH_FILES'] ?? 100_000)
const pairs = 3
const rowGroupSize = 100_000
const reference = join(import.meta.dirname, 'reference')
const execute = promisify(execFile)

export const parts = { jsonl: () => loading('jsonl'), parquet: () => loading('parquet'), files }

const schema = {
  type: 'object',
  required: ['id', 'text', 'label'],
  properties: { id: { type: 'string' }, text: { type: 'string', minLength: 1 }, label: { enum: ['even', 'odd'] } },
}

/** About 158 bytes as JSON. */
const row = (index: number) => ({
  id: `row-${index}`,
  text: `${index % 2 === 0 ? 'even' : 'odd'} as number ${index}: ${'a few words that make a line as long as those of users '.repeat(2)}`,
  label: index % 2 === 0 ? 'even' : 'odd',
})

async function writeJsonl(path: string): Promise<void> {
  const stream = createWriteStream(path)
  for (let start = 0; start < rowCount; start += 10_000) {
    const count = Math.min(10_000, rowCount - start)
    const lines = Array.from({ length: count }, (_, index) => `${JSON.stringify(row(start + index))}\n`)
    if (!stream.write(lines.join(''))) await new Promise<void>((resolve) => stream.once('drain', () => resolve()))
  }
  stream.end()
  await finished(stream)
}

function writeParquet(path: string): void {
  const column = (name: 'id' | 'text' | 'label') => ({
    ...{ name, type: 'STRING' as const },
    data: Array.from({ length: rowCount }, (_, index) => row(index)[name]),
  })
  const columnData = [column('id'), column('text'), column('label')]
  writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize })))
}

interface Loaded {
  readonly rows: number
  readonly seconds: number
  readonly peakKb: number
}

const megabytes = (peakKb: number) => Math.round((peakKb * 1024) / 1e6)

async function loading(format: 'jsonl' | 'parquet'): Promise<readonly BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-data-'))
  try {
    const dist = await builtRooms()
    const [schemaFile, samples] = [join(folder, 'schema.json'), join(folder, 'samples')]
    const path = join(samples, `rows.${format}`)
    await mkdir(samples)
    await writeFile(schemaFile, JSON.stringify(schema))
    if (format === 'jsonl') await writeJsonl(path)
    else writeParquet(path)
    const peaks = { ours: 0, peer: 0 }
    const load = (who: 'ours' | 'peer', program: string, ...parts: readonly string[]) => {
      const answer = execFileSync(process.execPath, [join(reference, program), ...parts], { encoding: 'utf8' })
      const { rows, seconds, peakKb } = JSON.parse(answer) as Loaded
      if (rows !== rowCount) throw new Error(`${program} read ${rows} rows, not ${rowCount}.`)
      peaks[who] = Math.max(peaks[who], megabytes(peakKb))
      return seconds
    }
    const times = await interleaved(
      pairs,
      async () => load('ours', 'sheikh-data.mjs', dist, samples, schemaFile),
      async () => load('peer', 'plain-data.mjs', path, schemaFile),
    )
    const isLines = format === 'jsonl'
    const [seconds, most] = isLines ? [12, 300] : [9, 350]
    const size = `${rowCount.toLocaleString('en')} ${isLines ? 'JSONL' : 'Parquet'} rows × 3 strings`
    const peerName = isLines ? 'readline, JSON.parse and ajv' : 'hyparquet and ajv'
    const peakMemoryMb = peaks.ours
    return [
      {
        ...{ work: `load and validate ${size}`, ...times, peerName, unit: 's', ratio: times.peer / times.ours },
        ...{ goal: `under ${seconds} s`, met: times.ours < seconds, peakMemoryMb },
      },
      {
        ...{ work: `peak memory, ${size}`, ...peaks, peerName, unit: 'MB', ratio: peaks.peer / peaks.ours },
        ...{ goal: `under ${most} MB`, met: peaks.ours < most, peakMemoryMb },
      },
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function files(): Promise<readonly BenchRow[]> {
  const root = await mkdtemp(join(tmpdir(), 'sheikh-files-'))
  const copy = await mkdtemp(join(tmpdir(), 'sheikh-dvc-'))
  try {
    const program = join(await builtRooms(), 'cli/main.js')
    await writeProject(root, fileCount)
    // The first run trains; the second fills what is kept about files that were too new for the first.
    await run(root, 'released', { program })
    await run(root, 'up-to-date', { program })
    const size = `${fileCount.toLocaleString('en')} sample files`
    const timed = async (work: () => Promise<unknown>) => {
      const startedMs = performance.now()
      await work()
      return (performance.now() - startedMs) / 1000
    }
    const git = () => timed(() => execute('git', ['status', '--porcelain'], { cwd: root, maxBuffer: 2 ** 26 }))
    const upToDate = await interleaved(pairs, () => timed(() => run(root, 'up-to-date', { program })), git)
    const kept = await watched(root, 'up-to-date', program)
    let changes = 0
    const changed = join(root, 'dataset/samples/part-0/0.json')
    // A plan reads the changed sample as a run does, and does not train.
    const plan = async () => {
      changes += 1
      await writeFile(changed, JSON.stringify({ id: 'sample-0', text: `even again, ${changes}`, label: 'even' }))
      return timed(() => execute(process.execPath, [program, 'plan', '--json', '--project', root]))
    }
    const oneChanged = await interleaved(pairs, plan, git)
    const { peakMemoryMb } = kept
    const peerName = 'git status --porcelain'
    const result = (work: string, times: { ours: number; peer: number }, seconds: number): BenchRow => ({
      ...{ work: `${work}, ${size}`, ...times, peerName, unit: 's', ratio: times.peer / times.ours, peakMemoryMb },
      ...{ goal: `under ${seconds} s`, met: times.ours < seconds },
    })
    return [
      result('sheikh run, up to date', upToDate, 2),
      {
        ...{ work: `samples opened in that run, of ${size}`, ours: kept.reads, peer: fileCount, unit: 'files' },
        ...{ peerName: 'reading all', ratio: fileCount / Math.max(1, kept.reads), goal: 'none', met: kept.reads === 0 },
        peakMemoryMb,
      },
      result('sheikh plan, one file changed', oneChanged, 2.5),
      ...(await besideDvc(root, copy, { program, upToDateSeconds: upToDate.ours, peakMemoryMb })),
    ]
  } finally {
    for (const folder of [root, copy]) await rm(folder, { recursive: true, force: true })
  }
}

/** DVC on the same files, in a Git repository of its own. */
async function besideDvc(
  root: string,
  copy: string,
  { program, upToDateSeconds, peakMemoryMb }: { program: string; upToDateSeconds: number; peakMemoryMb: number },
): Promise<readonly BenchRow[]> {
  const dvc = process.env['DVC'] ?? 'dvc'
  if (spawnSync(dvc, ['--version'], { stdio: 'ignore' }).status !== 0) {
    console.log('Skipped beside DVC: there is no program dvc. pip install dvc, or set DVC to its path')
    return []
  }
  await cp(join(root, 'dataset'), join(copy, 'dataset'), { recursive: true })
  const options = { cwd: copy, maxBuffer: 2 ** 26, env: { ...process.env, DVC_NO_ANALYTICS: '1' } }
  const timed = async (program: string, ...commands: readonly (readonly string[])[]) => {
    const startedMs = performance.now()
    for (const command of commands) await execute(program, command, options)
    return (performance.now() - startedMs) / 1000
  }
  await timed('git', ['init', '-q'])
  await timed(dvc, ['init', '-q'])
  // Without what earlier runs kept.
  await rm(join(root, '.sheikh'), { recursive: true, force: true })
  const validate = await timed(process.execPath, [program, 'validate', '--json', '--project', root])
  const add = await timed(dvc, ['add', '-q', 'dataset/samples'])
  const status = await timed(dvc, ['status', '-q'], ['data', 'status'])
  const size = `${fileCount.toLocaleString('en')} sample files`
  const result = (work: string, ours: number, peer: number, peerName: string, least: number): BenchRow => ({
    ...{ work: `${work}, ${size}`, ours, peer, peerName, unit: 's', ratio: peer / ours, peakMemoryMb },
    ...{ goal: `at least ${least} × faster`, met: peer / ours >= least },
  })
  return [
    result('first fingerprint (sheikh validate)', validate, add, 'dvc add', 5),
    result('sheikh run, up to date', upToDateSeconds, status, 'dvc status and dvc data status', 10),
  ]
}
