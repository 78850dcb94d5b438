// Data at size, whole processes: a million rows in one file, and commands of `sheikh` with a hundred thousand sample files.
// Smaller, to try the bench: BENCH_ROWS, BENCH_FILES, BENCH_DVC_FILES.
import { execFileSync } from 'node:child_process'
import { createWriteStream, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { builtRooms } from '../test/built-package.js'
import { type BenchRow, interleaved } from './bench.js'
import { besideDvc, sampleFiles } from './data-files.js'
import { namedFiles } from './data-named-files.js'
import { rows as nearDuplicates } from './near-duplicates.js'

const rowCount = Number(process.env['BENCH_ROWS'] ?? 1_000_000)
const fileCount = Number(process.env['BENCH_FILES'] ?? 100_000)
// `dvc add` of 100,000 files takes more than five minutes.
const dvcFileCount = Number(process.env['BENCH_DVC_FILES'] ?? 20_000)
const namedFileCount = Number(process.env['BENCH_NAMED_FILES'] ?? 20_000)
const pairs = 2
const rowGroupSize = 100_000
const reference = join(import.meta.dirname, 'reference')

export const parts = {
  jsonl: () => loading('jsonl'),
  parquet: () => loading('parquet'),
  files: () => sampleFiles(fileCount, 2),
  'files-small': () => sampleFiles(Math.min(10_000, fileCount), 0.25),
  'named-files': () => namedFiles(namedFileCount),
  dvc: () => besideDvc(dvcFileCount),
  'near-duplicates': nearDuplicates,
}

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
